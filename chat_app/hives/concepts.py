"""Everyday concepts that cut across the theories: what stage 2 of HIVES brings together.

``concepts.json`` lists them in plain words, each with the values that are for it and the values
that stand against it: whoever supports "liberty" is against "obeying those in charge", and
whoever opposes it is for it. What is listed counts for all that lies below it, unless something
nearer is listed too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chat_app.values.taxonomy import get_value, parents


@dataclass(frozen=True)
class Concept:
    """``signs``: value id -> +1 where the value is for the concept, -1 where it is against it."""

    name: str
    signs: Mapping[str, int]


def _read() -> tuple[Concept, ...]:
    rows = json.loads(Path(__file__).with_name("concepts.json").read_text(encoding="utf-8"))
    return tuple(
        Concept(
            row["concept"],
            {get_value(v).id: 1 for v in row["for"]}
            | {get_value(v).id: -1 for v in row["against"]},
        )
        for row in rows
    )


CONCEPTS: tuple[Concept, ...] = _read()


@lru_cache(maxsize=512)
def concepts_of(value: str) -> tuple[tuple[str, int], ...]:
    """The concepts that a value is for (+1) or against (-1), in the table's order.

    A text of direction s on the value has direction s x sign on the concept. Raises UnknownValue.
    """
    id = get_value(value).id
    found = ((concept.name, _sign(concept, id)) for concept in CONCEPTS)
    return tuple((name, sign) for name, sign in found if sign)


def _sign(concept: Concept, value: str) -> int:
    """Of the nearest listed value at or above ``value``; 0 where there is none."""
    level = [value]
    while level:
        listed = [concept.signs[v] for v in level if v in concept.signs]
        if listed:
            return listed[0]
        level = [above for v in level for above in parents(v)]
    return 0
