"""The four value theories of VALUEFLOW as trees of values, read from ``taxonomy.json``.

A value's id is its theory and its name: ``svt/benevolence``. What lies below a steered value is
named after it, ``svt/benevolence:caring`` or ``right/civil_rights:right_to_privacy``, so that the
two "justice" and the two "tradition" stay apart. A few values hang under two parents (hedonism,
face and humility in Schwartz's circle), so the "tree" is a graph without cycles; ``path`` goes
through the first parent.
"""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chat_app.errors import ValueflowError
from chat_app.values.phrases import PHRASES


class UnknownValue(ValueflowError):
    """No value, or more than one, goes by that name."""


@dataclass(frozen=True)
class Value:
    """A node of a theory's hierarchy.

    ``name`` is what the field calls it ("care/harm"), ``label`` what a person reads on the page;
    ``path`` holds the names from below the theory down to this value; ``steered`` says whether
    profiles, anchors and directions exist for it.
    """

    id: str
    theory: str
    name: str
    label: str
    definition: str
    path: tuple[str, ...]
    parents: tuple[str, ...]
    steered: bool


@dataclass(frozen=True)
class Theory:
    """A value theory; ``values`` in hierarchy order, each after its first parent."""

    id: str
    label: str
    definition: str
    source: str
    values: tuple[Value, ...]


def _slug(name: str) -> str:
    """A name as ids and look-ups write it: ``care/harm`` -> ``care-harm``."""
    return re.sub(r"[\s/]+", "-", name.strip().lower())


def _node_id(theory: str, name: str, parent: Value | None) -> str:
    """Below a steered value, that value leads: ``right/civil_rights:right_to_privacy``."""
    if parent and parent.id in PHRASES and ":" not in name:
        return f"{parent.id}:{_slug(name)}"
    return f"{theory}/{_slug(name)}"


def _read_theory(theory: str, data: dict[str, Any]) -> Theory:
    # Within a theory names are unique, so the file's nodes point at their parents by name.
    values: dict[str, Value] = {}
    for node in data["nodes"]:
        name, under = node["name"], node["under"]
        parent = values[under[0]] if under else None
        id = _node_id(theory, name, parent)
        values[name] = Value(
            id=id,
            theory=theory,
            name=name,
            label=node["label"],
            definition=node["definition"],
            path=(*(parent.path if parent else ()), name),
            # A second parent may stand further down the file, but no parent is itself below a
            # steered value, so its name alone makes its id.
            parents=tuple(_node_id(theory, above, None) for above in under),
            steered=id in PHRASES,
        )
    return Theory(theory, data["label"], data["definition"], data["source"], tuple(values.values()))


def _read_theories() -> dict[str, Theory]:
    text = Path(__file__).with_name("taxonomy.json").read_text(encoding="utf-8")
    return {theory: _read_theory(theory, data) for theory, data in json.loads(text).items()}


THEORIES: dict[str, Theory] = _read_theories()
STEERED: tuple[str, ...] = tuple(PHRASES)

_VALUES: dict[str, Value] = {v.id: v for theory in THEORIES.values() for v in theory.values}


def _key(name: str) -> str:
    """What two spellings of one name share: case, blanks, slashes and underscores do not count."""
    return _slug(name).replace("_", "-")


def _index() -> tuple[dict[str, list[str]], ...]:
    """Look-up tables from spelling to ids, the surest first: id, name after "/", after ":"."""
    tables: tuple[dict[str, list[str]], ...] = ({}, {}, {})
    for value in _VALUES:
        name = value.split("/", 1)[1]
        for table, spelling in zip(tables, (value, name, name.rpartition(":")[2]), strict=True):
            found = table.setdefault(_key(spelling), [])
            if value not in found:
                found.append(value)
    return tables


_TABLES = _index()


def get_value(id: str) -> Value:
    """The value called ``id``: a whole id, or a short name that only one value answers to.

    A name that stands directly below a theory ("tradition") wins over the same name further down
    ("mft/authority-subversion:tradition").

    Raises UnknownValue that names the nearest known ids, or all that share the short name.

    >>> get_value("benevolence").id, get_value("Care / Harm").id, get_value("kindness").id
    ('svt/benevolence', 'mft/care-harm', 'mft/care-harm:kindness')
    """
    key = _key(id)
    shown = repr(id if len(id) <= 80 else id[:77] + "...")
    for table in _TABLES:
        found = table.get(key, [])
        if len(found) == 1:
            return _VALUES[found[0]]
        if found:
            raise UnknownValue(f"{shown} could mean {' or '.join(found)}: write it in full.")
    near = _nearest(key[:80])
    hint = f"did you mean {' or '.join(near)}?" if near else "`valueflow values` lists all."
    raise UnknownValue(f"There is no value {shown}: {hint}")


def _nearest(key: str) -> list[str]:
    """Up to three ids whose id or name looks like ``key``, the most alike first."""
    spellings = {spelling for table in _TABLES for spelling in table}
    close = get_close_matches(key, spellings, n=3, cutoff=0.7)
    found = [value for spelling in close for table in _TABLES for value in table.get(spelling, [])]
    return list(dict.fromkeys(found))[:3]


def values_of(theory: str) -> tuple[Value, ...]:
    """All values of a theory in hierarchy order; raises UnknownValue for an unknown theory."""
    if theory not in THEORIES:
        raise UnknownValue(f"There is no theory {theory!r}: the four are {', '.join(THEORIES)}.")
    return THEORIES[theory].values


def children(id: str) -> tuple[str, ...]:
    """Ids directly below a value, or at the top of a theory when ``id`` names one."""
    if id in THEORIES:
        return tuple(v.id for v in values_of(id) if not v.parents)
    value = get_value(id)
    return tuple(v.id for v in values_of(value.theory) if value.id in v.parents)


def descendants(id: str) -> tuple[str, ...]:
    """Ids of everything below a value (itself left out), each once, in hierarchy order."""
    value = get_value(id)
    below: set[str] = set()
    pending = [value.id]
    while pending:
        new = set(children(pending.pop())) - below
        below |= new
        pending += new
    return tuple(v.id for v in values_of(value.theory) if v.id in below)


def parents(id: str) -> tuple[str, ...]:
    """Ids directly above a value, the one its path goes through first; none at the top."""
    return get_value(id).parents
