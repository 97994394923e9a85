"""VIDB, the value intensity database: texts whose intensity for one value is known.

VALUEFLOW (arXiv 2602.03160) calls these texts anchors: the evaluator ranks a reply among them,
HIVES learns its axes from them, and the steering directions are read off a model's states on
them. The built-in file is a CSV with the columns ``id``, ``value``, ``intensity``, ``text`` and,
where it is known, ``stderr`` (an empty cell means unknown); others are allowed and ignored.
"""

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chat_app.errors import ValueflowError
from chat_app.settings import data_path
from chat_app.values.taxonomy import UnknownValue, get_value

REQUIRED = ("id", "value", "intensity", "text")
LOWEST, HIGHEST = -10.0, 10.0


class VidbError(ValueflowError):
    """An anchor file that cannot be used; the message names file, row and column."""


@dataclass(frozen=True)
class Anchor:
    """A text with its intensity in [-10, 10] for ``value``; ``stderr`` in the same unit."""

    id: str
    value: str
    text: str
    intensity: float
    stderr: float | None


@dataclass(frozen=True)
class Vidb:
    """Anchors of many values, in the file's order."""

    name: str
    anchors: tuple[Anchor, ...]

    @cached_property
    def version(self) -> str:
        """12 hex digits of the SHA-256 of all anchors: equal content, equal version."""
        digest = hashlib.sha256()
        for a in self.anchors:
            digest.update(repr((a.id, a.value, a.text, a.intensity, a.stderr)).encode())
        return digest.hexdigest()[:12]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The anchors' texts, in their order."""
        return tuple(anchor.text for anchor in self.anchors)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values that have anchors, in order of first appearance."""
        return tuple(dict.fromkeys(anchor.value for anchor in self.anchors))

    @cached_property
    def _by_value(self) -> dict[str, tuple[Anchor, ...]]:
        groups: dict[str, list[Anchor]] = {}
        for anchor in self.anchors:
            groups.setdefault(anchor.value, []).append(anchor)
        return {v: tuple(sorted(g, key=lambda a: a.intensity)) for v, g in groups.items()}

    def of(self, value: str) -> tuple[Anchor, ...]:
        """The anchors of ``value``, from most opposing to most supporting.

        Raises VidbError when there is none.
        """
        try:
            return self._by_value[value]
        except KeyError:
            raise VidbError(f"{self.name} holds no text for {value}.") from None


def load_vidb(source: str = "builtin") -> Vidb:
    """The anchors in the CSV file ``source``, or those that come with the program.

    Raises VidbError when the file cannot be read, lacks a column, or holds a row with a repeated
    id, an unknown value, an empty text, or a number that is none or out of its range.
    """
    path = data_path("models", "vidb-seed.csv") if source == "builtin" else Path(source)
    name = "the built-in VIDB" if source == "builtin" else path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise VidbError(f"The anchors in {path} cannot be read: {reason}.") from None
    except UnicodeDecodeError as error:
        raise VidbError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    anchors = tuple(_anchors(text, path.name))
    if not anchors:
        raise VidbError(f"{path} holds no anchors, only a heading.")
    return Vidb(name, anchors)


def _anchors(text: str, file: str) -> Iterator[Anchor]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    seen: dict[str, int] = {}
    try:
        columns = reader.fieldnames or ()
        missing = [column for column in REQUIRED if column not in columns]
        if missing:
            raise VidbError(
                f"{file} has no column {', '.join(missing)}: it needs {', '.join(REQUIRED)}."
            )
        for number, cells in enumerate(reader, start=1):
            # Rows are counted as a spreadsheet shows them less the heading; lines may differ.
            anchor = _anchor(cells, f"{file}, row {number} (line {reader.line_num})")
            if anchor.id in seen:
                raise VidbError(
                    f"{file}, row {number}, column id: {anchor.id!r} stands in row "
                    f"{seen[anchor.id]} already."
                )
            seen[anchor.id] = number
            yield anchor
    except csv.Error as error:
        raise VidbError(f"{file}, line {reader.line_num}: broken CSV ({error}).") from None


def _anchor(cells: dict[str, str], where: str) -> Anchor:
    if None in cells or None in cells.values():
        raise VidbError(f"{where}: it has more or fewer cells than the heading.")
    for column in ("id", "text"):
        if not cells[column].strip():
            raise VidbError(f"{where}, column {column}: it is empty.")
    try:
        value = get_value(cells["value"]).id
    except UnknownValue as error:
        raise VidbError(f"{where}, column value: {error}") from None
    intensity = _number(cells, "intensity", where)
    if not LOWEST <= intensity <= HIGHEST:
        raise VidbError(
            f"{where}, column intensity: {intensity:g} is outside [{LOWEST:g}, {HIGHEST:g}]."
        )
    stderr = _number(cells, "stderr", where) if cells.get("stderr", "").strip() else None
    if stderr is not None and stderr <= 0:
        raise VidbError(f"{where}, column stderr: {stderr:g} is not above 0.")
    return Anchor(cells["id"].strip(), value, cells["text"].strip(), intensity, stderr)


def _number(cells: dict[str, str], column: str, where: str) -> float:
    try:
        number = float(cells[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise VidbError(f"{where}, column {column}: {cells[column]!r} is not a number.")
    return number
