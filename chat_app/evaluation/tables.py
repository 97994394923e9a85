"""Tables on disk, CSV, JSONL or Parquet, read and written so that every cell stays as it was."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_app.errors import ValueflowError
from chat_app.files import written_whole

SUFFIXES = (".csv", ".jsonl", ".parquet")

Row = dict[str, Any]


class TableError(ValueflowError):
    """A file that cannot be read or written as a table; the message names it, and the row."""


@dataclass(frozen=True)
class Table:
    """``rows``: cells by column; of CSV they are strings. ``schema``: Parquet's types, or None.

    A row of JSONL has the keys that its line has, so that it may lack some of ``columns``.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    schema: Any = None


def is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def read_table(path: Path) -> Table:
    """The table in ``path``, by its suffix. Raises TableError."""
    _check_suffix(path)
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}.") from None
    return _read_csv(text, path) if path.suffix.lower() == ".csv" else _read_jsonl(text, path)


def write_table(table: Table, path: Path) -> None:
    """Write ``table`` whole to ``path``, by its suffix; else ``path`` stays as it was.

    Raises TableError.
    """
    content = encoded(table, path)
    try:
        with written_whole(path) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}.") from None


def encoded(table: Table, path: Path) -> bytes:
    """What ``write_table`` would write. Raises TableError where Parquet has no type for a column
    or the suffix is unknown."""
    _check_suffix(path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _to_parquet(table, path)
    if suffix == ".csv":
        return _to_csv(table).encode()
    return "".join(_json(row) + "\n" for row in table.rows).encode()


def _check_suffix(path: Path) -> None:
    if not is_table(path):
        raise TableError(f"{path} has no suffix of a table: it is one of {', '.join(SUFFIXES)}.")


def _read_csv(text: str, path: Path) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        columns = tuple(next(reader, ()))
        repeated = [name for name in columns if columns.count(name) > 1]
        if repeated:
            raise TableError(f"{path} has two columns {repeated[0]!r}: rename one.")
        for cells in reader:
            if not cells:  # a blank line
                continue
            if len(cells) != len(columns):
                raise TableError(
                    f"{path}, row {len(rows) + 1} (line {reader.line_num}): it has {len(cells)} "
                    f"cells under {len(columns)} columns."
                )
            rows.append(dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: broken CSV ({error}).") from None
    return Table(columns, tuple(rows))


def _read_jsonl(text: str, path: Path) -> Table:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):  # a text may hold a U+2028
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise TableError(f"{path}, row {len(rows) + 1} (line {number}): it is no JSON object.")
        rows.append(row)
    return Table(tuple(dict.fromkeys(key for row in rows for key in row)), tuple(rows))


def _read_parquet(path: Path) -> Table:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
    except pyarrow.ArrowException as error:
        raise TableError(f"{path} is not a Parquet file: {_first_line(error)}") from None
    return Table(tuple(table.column_names), tuple(table.to_pylist()), table.schema)


def _to_csv(table: Table) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_cell(row.get(column)) for column in table.columns] for row in table.rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _json(value) if isinstance(value, dict | list) else str(value)


def _json(value: Any) -> str:
    """Dates and the like, which Parquet has and JSON has not, become words."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _to_parquet(table: Table, path: Path) -> bytes:
    import pyarrow
    from pyarrow import parquet

    known = {} if table.schema is None else {field.name: field for field in table.schema}
    arrays, fields = [], []
    for column in table.columns:
        cells = [row.get(column) for row in table.rows]
        try:
            array = pyarrow.array(cells, known[column].type if column in known else None)
        except (pyarrow.ArrowException, OverflowError) as error:
            raise TableError(
                f"{path} cannot take the column {column!r}, whose cells have several types "
                f"({_first_line(error).rstrip('.')}): write JSONL or CSV."
            ) from None
        arrays.append(array)
        fields.append(known.get(column) or pyarrow.field(column, array.type))
    metadata = None if table.schema is None else table.schema.metadata
    sink = pyarrow.BufferOutputStream()
    schema = pyarrow.schema(fields, metadata)
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), sink)
    return bytes(sink.getvalue())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".") + "."


def with_columns(table: Table, columns: Sequence[str], rows: Sequence[Row]) -> Table:
    """``rows`` under the table's columns and then those of ``columns`` that it lacks."""
    return Table(tuple(dict.fromkeys((*table.columns, *columns))), tuple(rows), table.schema)
