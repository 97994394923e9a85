"""Tables on disk, CSV, JSONL or Parquet, as numbered rows. What they mean is not known here."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_app.vidb.anchors import VidbError

Cells = Mapping[str, Any]

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Table:
    """``rows``: (number, cells by column), counted from 1 without a heading; None for cells that
    do not fit the columns or a line that is no JSON object. ``columns`` are in lower case.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Cells | None], ...]


def read_table(path: Path, name: str | None = None) -> Table:
    """The table in a file, by its suffix; any other suffix than SUFFIXES is read as CSV.

    ``name`` is what errors call it. Raises VidbError when the file as a whole cannot be read.
    """
    name = name or path.name
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet(path, name)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise VidbError(f"{name} is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise VidbError(f"{name} cannot be read: {reason}.") from None
    return _jsonl(text) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv(text, name)


def _column(name: str) -> str:
    return name.strip().lower()


def _csv(text: str, name: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = tuple(_column(cell) for cell in next(reader, ()))
        # A line without anything on it is no row, as in any spreadsheet.
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise VidbError(f"{name}, line {reader.line_num}: broken CSV ({error}).") from None
    fits = (
        dict(zip(columns, line, strict=True)) if len(line) == len(columns) else None
        for line in lines
    )
    return Table(columns, tuple(enumerate(fits, start=1)))


def _jsonl(text: str) -> Table:
    rows: list[Cells | None] = []
    for line in text.split("\n"):  # splitlines would also break at separators inside a text
        if line.strip():
            rows.append(_json_object(line))
    columns = dict.fromkeys(column for row in rows if row for column in row)
    return Table(tuple(columns), tuple(enumerate(rows, start=1)))


def _json_object(line: str) -> Cells | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return {_column(k): v for k, v in found.items()} if isinstance(found, dict) else None


def _parquet(path: Path, name: str) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = tuple(_column(c) for c in file.schema_arrow.names)
            return Table(columns, tuple(enumerate(_parquet_rows(file, columns), start=1)))
    except pyarrow.ArrowException as error:
        raise VidbError(f"{name} is not a Parquet file: {str(error).splitlines()[0]}.") from None


def _parquet_rows(file: Any, columns: tuple[str, ...]) -> Iterator[Cells]:
    for batch in file.iter_batches():
        # By place, not by name: a file may have two columns of one name.
        data = [column.to_pylist() for column in batch.columns]
        for cells in zip(*data, strict=True):
            yield dict(zip(columns, cells, strict=True))


def words(cell: Any) -> str:
    """A cell as text without blanks around it; empty where it holds no text."""
    return cell.strip() if isinstance(cell, str) else ""


def label(cell: Any) -> str:
    """A cell that names something, such as an id, which may have been stored as a number."""
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else words(cell)


def number(cell: Any) -> float | None:
    """A cell as a finite number, or None where it is none."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        found = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None
