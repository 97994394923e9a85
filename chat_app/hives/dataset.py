"""Texts to train and measure HIVES on: what stands in a file, checked row by row.

Columns of a CSV, JSONL or Parquet file, in any order and case; others are ignored:

| column | what |
|---|---|
| ``text`` | the text |
| ``theory``, ``level_1``, ``level_2``, ... | its path from the top; lower levels may be blank |
| or ``value`` | instead of the path: a known value, ``svt/benevolence`` |
| ``direction`` | ``support``, ``neutral`` or ``oppose``; 1, 0 or -1 |
| or ``intensity`` | instead of the direction, or beside it: a number from -10 to 10 |
| ``phrase`` | an everyday phrase for what the text values |
| ``concept`` | concepts across theories, ``;`` between them, ``-`` before one it is against |

The four theories (svt, mft, duty, right) are known: their paths are checked and completed, blank
phrases and concepts filled in. Any other theory is the person's own and is taken as it stands.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chat_app.errors import ValueflowError
from chat_app.hives.concepts import concepts_of
from chat_app.hives.labels import direction, label_path
from chat_app.values.phrases import PHRASES
from chat_app.values.taxonomy import STEERED, descendants, get_value, parents
from chat_app.vidb.anchors import HIGHEST, LOWEST, Anchor
from chat_app.vidb.naming import named_value
from chat_app.vidb.tables import Cells, number, read_table, words

_DIRECTIONS = {"support": 1, "supports": 1, "neutral": 0, "oppose": -1, "opposes": -1}
_LEVEL = re.compile(r"level_([1-9])")


class DatasetError(ValueflowError):
    """Texts that cannot be trained or measured on; the message names the file and the row."""


@dataclass(frozen=True)
class LabelledText:
    """A text and its label.

    path: theory and names down to the value; direction: 1, 0 or -1; value: the id of a known
    value, else the path with slashes; intensity: in [-10, 10], None where unknown; phrase: "" for
    none; concepts: (name, sign), with sign -1 where the value stands against the concept.
    """

    text: str
    path: tuple[str, ...]
    direction: int
    value: str
    intensity: float | None = None
    phrase: str = ""
    concepts: tuple[tuple[str, int], ...] = ()


def from_anchors(anchors: Iterable[Anchor]) -> list[LabelledText]:
    """VIDB's texts with their labels, phrases and concepts."""
    return [
        _labelled(a.text, a.value, direction(a.intensity), a.intensity, "", None) for a in anchors
    ]


def held_out(text: str, share: float = 0.2) -> bool:
    """A fixed split: whether ``text`` is kept for measuring, decided by its SHA-256 alone."""
    return hashlib.sha256(text.encode()).digest()[0] < 256 * share


def fingerprint(texts: Sequence[LabelledText]) -> str:
    """12 hex digits of the SHA-256 of texts and labels, in their order."""
    digest = hashlib.sha256()
    for t in texts:
        digest.update(repr((t.text, t.path, t.direction, t.phrase, t.concepts)).encode())
    return digest.hexdigest()[:12]


def read_texts(path: Path) -> list[LabelledText]:
    """The labelled texts in a file, in its order; of equal rows the first is kept.

    Raises DatasetError that names the first wrong row (counted without the heading) and how many
    more there are, or the columns that are missing; VidbError when the file cannot be read.
    """
    table = read_table(path)
    _check_columns(path.name, table.columns)
    levels = sorted(c for c in table.columns if _LEVEL.fullmatch(c))
    found: list[LabelledText] = []
    wrong: list[str] = []
    for row, cells in table.rows:
        try:
            if cells is None:
                raise DatasetError("its cells do not fit the heading")
            found.append(_read_row(cells, levels))
        except DatasetError as error:
            wrong.append(f"{path.name}, row {row}: {error}.")
    if wrong:
        more = len(wrong) - 1
        said = f" {more} more {'row is' if more == 1 else 'rows are'} wrong." if more else ""
        raise DatasetError(wrong[0] + said)
    if not found:
        raise DatasetError(f"{path.name} holds no texts, only headings.")
    return list(dict.fromkeys(found))


def _check_columns(name: str, columns: Sequence[str]) -> None:
    missing = []
    if "text" not in columns:
        missing.append("text")
    if "value" not in columns and not {"theory", "level_1"} <= set(columns):
        missing.append("theory and level_1 (or value)")
    if not {"direction", "intensity"} & set(columns):
        missing.append("direction (or intensity)")
    if missing:
        raise DatasetError(
            f"{name} has the columns {', '.join(columns) or '(none)'}, but not "
            f"{', '.join(missing)}."
        )


def _read_row(cells: Cells, levels: Sequence[str]) -> LabelledText:
    text = words(cells.get("text"))
    if not text:
        raise DatasetError("there is no text")
    if levels:
        path, value = _read_path(cells, levels)
    else:
        path, value = (), _read_value(cells)
    intensity = _read_intensity(cells)
    sign = _read_direction(cells, intensity)
    phrase, concepts = words(cells.get("phrase")), _read_concepts(words(cells.get("concept")))
    if value:
        return _labelled(text, value, sign, intensity, phrase, concepts)
    return LabelledText(text, path, sign, "/".join(path), intensity, phrase, concepts or ())


def _labelled(
    text: str,
    value: str,
    sign: int,
    intensity: float | None,
    phrase: str,
    concepts: tuple[tuple[str, int], ...] | None,
) -> LabelledText:
    """A text about a known value (or a "custom/..." one), with what its row left open."""
    custom = value.startswith("custom/")
    if concepts is None:
        concepts = () if custom else concepts_of(value)
    if not phrase and not custom:
        phrase = _phrase(value)
    return LabelledText(text, label_path(value), sign, value, intensity, phrase, concepts)


@lru_cache(maxsize=512)
def _phrase(value: str) -> str:
    """The phrase of the steered value at or above ``value``; "" above those."""
    level = [value]
    while level:
        for id in level:
            if id in PHRASES:
                return PHRASES[id]
        level = [above for id in level for above in parents(id)]
    return ""


def _read_value(cells: Cells) -> str:
    name, theory = words(cells.get("value")), words(cells.get("theory"))
    if name.startswith("custom/"):
        return name
    value = named_value(name, theory)
    if value is None:
        raise DatasetError(f"there is no value {name[:60]!r}{f' in {theory}' if theory else ''}")
    return value


def _read_path(cells: Cells, levels: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The path, and the id of the known value at its end ("" in a theory of the person's own)."""
    theory = words(cells.get("theory"))
    names = [words(cells.get(level)) for level in levels]
    if not theory:
        raise DatasetError("theory is blank")
    if not names[0]:
        raise DatasetError("level_1 is blank")
    depth = names.index("") if "" in names else len(names)
    if any(names[depth:]):
        raise DatasetError(f"{levels[depth]} is blank, but a level below it is not")
    if not _is_known(theory):
        return (theory, *names[:depth]), ""
    value = ""
    for name in names[:depth]:
        below = named_value(f"{value.partition('/')[2]}:{name}", theory) if value else None
        below = below or named_value(name, theory)
        if below is None:
            raise DatasetError(f"{theory} has no value {name[:60]!r}")
        if value and below not in descendants(value):
            raise DatasetError(f"{get_value(below).name!r} is not under {get_value(value).name!r}")
        value = below
    return label_path(value), value


@lru_cache(maxsize=64)
def _is_known(theory: str) -> bool:
    """Whether ``theory`` is one of the four, under any name that published files give it."""
    return any(named_value(value.partition("/")[2], theory) for value in STEERED)


def _read_intensity(cells: Cells) -> float | None:
    cell = cells.get("intensity")
    if cell is None or cell == "":
        return None
    found = number(cell)
    if found is None or not LOWEST <= found <= HIGHEST:
        raise DatasetError(f"intensity {str(cell)[:40]!r} is no number from -10 to 10")
    return found


def _read_direction(cells: Cells, intensity: float | None) -> int:
    cell = cells.get("direction")
    if cell is None or cell == "":
        if intensity is None:
            raise DatasetError("there is no direction and no intensity")
        return direction(intensity)
    known = _DIRECTIONS.get(words(cell).lower())
    if known is not None:
        return known
    sign = number(cell)
    if sign not in (-1.0, 0.0, 1.0):
        raise DatasetError(
            f"direction {str(cell)[:40]!r} is not support, neutral or oppose (1, 0 or -1)"
        )
    return int(sign)


def _read_concepts(cell: str) -> tuple[tuple[str, int], ...] | None:
    if not cell:
        return None
    found: dict[str, int] = {}
    for part in cell.split(";"):
        name = part.strip()
        against = name.startswith("-")
        name = name.lstrip("-").strip()
        if not name:
            raise DatasetError(f"concept {cell[:60]!r} names nothing between two semicolons")
        if found.setdefault(name, -1 if against else 1) != (-1 if against else 1):
            raise DatasetError(f"concept {name[:60]!r} is both for and against")
    return tuple(found.items())
