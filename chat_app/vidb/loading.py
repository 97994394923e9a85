"""Reading VIDB from wherever it lies: one file, a folder of files, or Hugging Face.

Columns, in any order and case: ``text``; the intensity as ``intensity``, ``final_rating``,
``rating`` or ``score``; and, where they are known, ``value``, ``theory``, ``id``, ``stderr``.
Others are ignored. Without a ``value`` column the file's name says the value
(``<value>_<theory>_flag_aggregated.csv``, ``<value>.parquet``).

Tolerant of columns, strict about content: a row that cannot be an anchor is left out, and counted
in the ``LoadReport`` under its reason.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from chat_app.llm.download import Progress
from chat_app.settings import data_path
from chat_app.vidb.anchors import HIGHEST, LOWEST, Anchor, Vidb, VidbError, made_id
from chat_app.vidb.naming import named_value, value_of_file
from chat_app.vidb.sources import DataFile, data_files
from chat_app.vidb.tables import Cells, Table, label, number, read_table, words

__all__ = [
    "HIGHEST",
    "LOWEST",
    "Anchor",
    "LoadReport",
    "Vidb",
    "VidbError",
    "load_vidb",
    "read_vidb",
]

log = logging.getLogger(__name__)

INTENSITY = ("intensity", "final_rating", "rating", "score")  # the first one there is read


@dataclass(frozen=True)
class LoadReport:
    """What became of the rows: ``kept``, and ``dropped`` by reason with the first example of each.

    ``skipped`` names files of a folder whose columns are not those of VIDB, with their columns.
    """

    source: str
    files: int
    kept: int
    dropped: Mapping[str, int]
    examples: Mapping[str, str]
    skipped: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        """One sentence for each thing that was left out; empty when nothing was."""
        said = []
        if self.dropped:
            total = self.kept + sum(self.dropped.values())
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.dropped.items())
            first = next(iter(self.examples.values()))
            said.append(
                f"{self.source}: {total - self.kept} of {total} rows were left out ({reasons}), "
                f"the first being {first}."
            )
        for file, columns in self.skipped.items():
            said.append(f"{file} was left out: its columns are {', '.join(columns) or 'none'}.")
        return " ".join(said)


def load_vidb(source: str = "builtin", *, progress: Progress | None = None) -> Vidb:
    """The anchors of ``source``; rows that are left out are logged once, as a warning.

    See ``read_vidb``, which it calls.
    """
    vidb, report = read_vidb(source, progress=progress)
    if str(report):
        log.warning("%s `valueflow vidb describe` tells more.", report)
    return vidb


def read_vidb(
    source: str = "builtin", *, progress: Progress | None = None
) -> tuple[Vidb, LoadReport]:
    """The anchors of ``source`` and what was left out on the way.

    source: "builtin"; a CSV, JSONL or Parquet file; a folder of those, read in the order of their
    paths; or a Hugging Face data set, "org/name", of which only such files are downloaded
    (``progress``: see ``data_files``). Of
    two rows with the same value and text the first is kept. A row without an id, or with one
    that another text has, gets ``made_id``. A standard error that is no number above 0 is unknown.

    Raises VidbError when there is nothing to read, the columns cannot be made out (it lists those
    found), or no row remains.
    """
    if source == "builtin":
        name, files = "the built-in VIDB", [DataFile(data_path("models", "vidb-seed.csv"))]
    else:
        name, files = data_files(source, progress)
    rows = _Rows()
    for file in files:
        rows.read(file)
    report = LoadReport(
        name, len(files), len(rows.anchors), rows.dropped, rows.examples, rows.skipped
    )
    if len(rows.skipped) == len(files):
        raise VidbError(_no_columns(name, rows.skipped))
    if not rows.anchors:
        said = f"{name} holds no anchors"
        raise VidbError(f"{said}: {report}" if rows.dropped else f"{said}, only headings.")
    return Vidb(name, tuple(rows.anchors)), report


def _no_columns(name: str, skipped: Mapping[str, tuple[str, ...]]) -> str:
    file, columns = next(iter(skipped.items()))
    where = name if name == file else f"{name} ({file})"
    return (
        f"{where} has the columns {', '.join(columns) or '(none)'}: VIDB needs text and one of "
        f"{', '.join(INTENSITY)}, and a value column or a file named after its value."
    )


@dataclass
class _Rows:
    """The anchors so far, and the rows that were none."""

    anchors: list[Anchor] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    texts: set[tuple[str, str]] = field(default_factory=set)

    def read(self, file: DataFile) -> None:
        table = read_table(file.path, file.name)
        rating = next((column for column in INTENSITY if column in table.columns), None)
        value = value_of_file(PurePosixPath(file.name))
        if "text" not in table.columns or not rating or not (value or "value" in table.columns):
            self.skipped[file.name] = table.columns
            return
        for row, found, shown in _read_rows(table, rating, value):
            reason = found if isinstance(found, str) else self._take(found)
            if reason:
                self.dropped[reason] = self.dropped.get(reason, 0) + 1
                self.examples.setdefault(reason, f"{file.name}, row {row} ({reason}{shown})")

    def _take(self, anchor: Anchor) -> str | None:
        """Keep ``anchor``, or say why not."""
        key = (anchor.value, anchor.text)
        if key in self.texts:
            return "duplicate"
        id = anchor.id
        if not id or id in self.ids:
            id = made_id(*key)
        self.texts.add(key)
        self.ids.add(id)
        self.anchors.append(Anchor(id, *key, anchor.intensity, anchor.stderr))
        return None


def _read_rows(
    table: Table, rating: str, value: str | None
) -> Iterator[tuple[int, Anchor | str, str]]:
    """For each row: its number, the anchor or the reason that there is none, the cell to blame."""
    for row, cells in table.rows:
        if cells is None:
            yield row, "broken row", ""
            continue
        found = _anchor(cells, rating, value if "value" not in table.columns else None)
        blamed = {"no number": rating, "outside the scale": rating, "unknown value": "value"}
        column = blamed.get(found) if isinstance(found, str) else None
        yield row, found, f": {str(cells.get(column))[:40]!r}" if column else ""


def _anchor(cells: Cells, rating: str, value: str | None) -> Anchor | str:
    """The anchor in a row, its id as it stands there, or why there is none.

    ``value``: the file's, where its rows name none.
    """
    text = words(cells.get("text"))
    if not text:
        return "no text"
    intensity = number(cells.get(rating))
    if intensity is None:
        return "no number"
    if not LOWEST <= intensity <= HIGHEST:
        return "outside the scale"
    known = value or named_value(words(cells.get("value")), words(cells.get("theory")))
    if known is None:
        return "unknown value"
    stderr = number(cells.get("stderr"))
    return Anchor(
        label(cells.get("id")), known, text, intensity, stderr if stderr and stderr > 0 else None
    )
