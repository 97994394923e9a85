"""Where VIDB's files are: on disk, or to be fetched from Hugging Face."""

import re
from dataclasses import dataclass
from pathlib import Path

from chat_app.llm.download import Progress
from chat_app.llm.snapshot import fetch_snapshot, local_snapshot
from chat_app.vidb.anchors import VidbError
from chat_app.vidb.tables import SUFFIXES

_TABLES = tuple(f"*{suffix}" for suffix in SUFFIXES)  # what is fetched of a data set
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_KINDS = "a CSV, JSONL or Parquet file, a folder of them, or a Hugging Face data set (org/name)"


@dataclass(frozen=True)
class DataFile:
    """A file to read; ``shown`` is its path inside the folder that was asked for."""

    path: Path
    shown: str = ""

    @property
    def name(self) -> str:
        return self.shown or self.path.name


def data_files(source: str, progress: Progress | None = None) -> tuple[str, list[DataFile]]:
    """What ``source`` is called, and its files in the order in which they are to be read.

    A data set that is not here yet is fetched; ``progress(what, bytes done, in all)``. Raises
    HubError where it cannot be had, and VidbError when there is no such file or folder, or no table
    in it.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path.name or str(path), _tables_in(path, source)
    if path.exists():
        return path.name, [DataFile(path)]
    if not is_hub_id(source):
        raise VidbError(f"There are no anchors at {source}: give {_KINDS}.")
    folder = local_tables(source)
    folder = folder or fetch_snapshot(source, "dataset", allow=_TABLES, progress=progress)
    return source, _tables_in(folder, source)


def local_tables(source: str) -> Path | None:
    """The folder of the data set ``source`` of Hugging Face, where it is on this computer."""
    return local_snapshot(source, "dataset", allow=_TABLES)


def is_hub_id(source: str) -> bool:
    """Whether ``source`` names a data set on Hugging Face: no file or folder here is called so."""
    path = Path(source).expanduser()
    named = bool(_HUB_ID.fullmatch(source)) and path.suffix.lower() not in SUFFIXES
    return named and not path.exists()


def _tables_in(folder: Path, source: str) -> list[DataFile]:
    found = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    # Tools keep copies and checkpoints in folders whose names begin with a dot.
    files = [DataFile(p, name) for name, p in found if "/." not in f"/{name}"]
    if not files:
        raise VidbError(f"{source} holds no CSV, JSONL or Parquet file.")
    return files
