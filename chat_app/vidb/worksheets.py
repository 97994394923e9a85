"""What building VIDB starts from: texts, texts of known intensity, and judged windows.

These are the person's own working files, so that nothing is passed over here: a row that cannot
be used is an error that names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_app.errors import ValueflowError
from chat_app.vidb.anchors import HIGHEST, LOWEST, made_id
from chat_app.vidb.loading import INTENSITY, load_vidb
from chat_app.vidb.naming import named_value
from chat_app.vidb.tables import Cells, label, number, read_table, words


class WorksheetError(ValueflowError):
    """A file of texts, anchors or windows that cannot be used; the message names the row."""


@dataclass(frozen=True)
class Text:
    """A text to be placed on ``value``'s scale. ``level``: what its writer aimed at, 0 neutral."""

    id: str
    value: str
    text: str
    level: float | None = None
    source: str = ""


@dataclass(frozen=True)
class Known:
    """A text of known intensity; ``text`` is empty where only its id is given."""

    id: str
    value: str
    intensity: float
    text: str = ""


@dataclass(frozen=True)
class Judged:
    """One window as a judge ordered it: ids, from most supporting to most opposing."""

    value: str
    judge: str
    order: tuple[str, ...]


def read_texts(path: Path) -> tuple[Text, ...]:
    """The table ``path``: columns value, text, and where there are any id, theory, level, source.

    A text without an id gets ``made_id``. Raises WorksheetError, VidbError.
    """
    texts = []
    for where, value, cells in _rows(path, ("value", "text")):
        text = words(cells.get("text"))
        if not text:
            raise WorksheetError(f"{where} has no text.")
        id = label(cells.get("id")) or made_id(value, text)
        source = words(cells.get("source"))
        texts.append(Text(id, value, text, number(cells.get("level")), source))
    _check_unique(path.name, texts)
    return tuple(texts)


def read_known(source: str) -> tuple[Known, ...]:
    """Texts of known intensity: "builtin", or a table with value, intensity, and id, theory, text.

    Without an id column the rows of each value are called anchor-00, anchor-01, ... in the file's
    order. Raises WorksheetError, VidbError.
    """
    if source == "builtin":
        return tuple(Known(a.id, a.value, a.intensity, a.text) for a in load_vidb().anchors)
    path = Path(source).expanduser()
    known: list[Known] = []
    counts: dict[str, int] = {}
    for where, value, cells in _rows(path, ("value",)):
        column = next((name for name in INTENSITY if name in cells), None)
        if column is None:
            raise WorksheetError(f"{path.name} has no column {' or '.join(INTENSITY)}.")
        intensity = number(cells[column])
        if intensity is None or not LOWEST <= intensity <= HIGHEST:
            raise WorksheetError(
                f"{where}, column {column}: {cells[column]!r} is no number from -10 to 10."
            )
        place = counts[value] = counts.get(value, -1) + 1
        id = label(cells.get("id")) if "id" in cells else f"anchor-{place:02d}"
        if not id:
            raise WorksheetError(f"{where} has no id.")
        known.append(Known(id, value, intensity, words(cells.get("text"))))
    _check_unique(path.name, known)
    return tuple(known)


def read_windows(path: Path) -> tuple[Judged, ...]:
    """Judged windows: columns value, judge, order; the order a list, or ids between blanks.

    Raises WorksheetError, VidbError.
    """
    windows = []
    for where, value, cells in _rows(path, ("value", "order")):
        order = cells["order"]
        if isinstance(order, str):
            order = order.split()
        ids = tuple(label(id) for id in order) if isinstance(order, Sequence) else ()
        if len(ids) < 2 or len(set(ids)) < len(ids) or not all(ids):
            raise WorksheetError(f"{where}, column order: it is no order of two or more ids.")
        windows.append(Judged(value, label(cells.get("judge")), ids))
    return tuple(windows)


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """For each row: where it is, its value's id, its cells."""
    table = read_table(path)
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise WorksheetError(
            f"{path.name} has no column {', '.join(missing)}: its columns are "
            f"{', '.join(table.columns) or 'none'}."
        )
    for row, cells in table.rows:
        where = f"{path.name}, row {row}"
        if cells is None:
            raise WorksheetError(f"{where} is broken: its cells do not fit the columns.")
        yield where, _value(cells, where), cells


def _value(cells: Cells, where: str) -> str:
    name = words(cells.get("value"))
    found = named_value(name, words(cells.get("theory")))
    if found is None:
        raise WorksheetError(
            f"{where}, column value: there is no value {name!r}, or more than one; "
            "`valueflow values` lists all."
        )
    return found


def _check_unique(file: str, rows: Sequence[Text] | Sequence[Known]) -> None:
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.value, row.id) in seen:
            raise WorksheetError(f"{file}: two texts of {row.value} have the id {row.id!r}.")
        seen.add((row.value, row.id))
