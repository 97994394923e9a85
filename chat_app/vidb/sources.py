"""Where VIDB's files are: on disk, or to be fetched from Hugging Face."""

import re
from dataclasses import dataclass
from pathlib import Path

from chat_app.vidb.anchors import VidbError
from chat_app.vidb.tables import SUFFIXES

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


def data_files(source: str) -> tuple[str, list[DataFile]]:
    """What ``source`` is called, and its files in the order in which they are to be read.

    Raises VidbError when there is no such file, folder or data set, or no table in it.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path.name or str(path), _tables_in(path, source)
    if path.exists() or not _HUB_ID.fullmatch(source) or path.suffix.lower() in SUFFIXES:
        if not path.exists():
            raise VidbError(f"There are no anchors at {source}: give {_KINDS}.")
        return path.name, [DataFile(path)]
    return source, _tables_in(_download(source), source)


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


def _download(source: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                source, repo_type="dataset", allow_patterns=[f"*{suffix}" for suffix in SUFFIXES]
            )
        )
    except Exception as error:  # no network, no such data set, no access
        lines = str(error).strip().splitlines()
        reason = (lines[0] if lines else type(error).__name__).rstrip(".")
        raise VidbError(
            f"There is no file or folder {source}, and no data set can be had from Hugging Face: "
            f"{reason}."
        ) from error
