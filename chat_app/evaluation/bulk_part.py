"""The part file: what an unfinished run over a table has scored so far.

JSONL beside the output. Its first line carries a fingerprint of input and options, so that runs
never mix, and the sharpness that the ranker was measured at; then comes a line a score. Lines are
flushed a chunk at a time: a process that is killed leaves whole chunks, and perhaps the torn
beginning of one, which is cut off when the run goes on.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chat_app.errors import ValueflowError

FORMAT = "valueflow.scores.part/1"

Line = dict[str, Any]


class PartError(ValueflowError):
    """A part file that belongs to another run or cannot be written."""


def part_head(fingerprint: str, sharpness: Line) -> Line:
    return {"format": FORMAT, "fingerprint": fingerprint, "sharpness": sharpness}


def read_part(
    path: Path, fingerprint: str, total: int, chunk: int
) -> tuple[Line | None, list[Line], int]:
    """The head (None where there is none), the scores of whole chunks, and their bytes in all.

    total: how many scores the run will have. Raises PartError for the part of another run.
    """
    lines = list(_whole_lines(path))
    if not lines:
        return None, [], 0
    (head, size), *rest = lines
    if head.get("format") != FORMAT or head.get("fingerprint") != fingerprint:
        raise PartError(
            f"{path} holds the beginning of another run (another input, ranker or options): "
            "finish that one as it was begun, or delete the file."
        )
    whole = len(rest) if len(rest) == total else len(rest) - len(rest) % chunk
    return head, [line for line, _ in rest[:whole]], size + sum(n for _, n in rest[:whole])


@contextmanager
def open_part(path: Path, size: int) -> Iterator[Callable[[Sequence[Line]], None]]:
    """A function that appends lines after the first ``size`` bytes. Raises PartError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")  # noqa: SIM115  closed below
    except OSError as error:
        raise _unwritable(path, error) from None

    def append(lines: Sequence[Line]) -> None:
        try:
            file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            file.flush()
        except OSError as error:
            raise _unwritable(path, error) from None

    with file:
        file.truncate(size)
        yield append


def _unwritable(path: Path, error: OSError) -> PartError:
    return PartError(f"{path} cannot be written: {error.strerror or error}.")


def _whole_lines(path: Path) -> Iterator[tuple[Line, int]]:
    """The objects of a JSONL file with their length in bytes, up to a line that is cut short."""
    content = path.read_bytes() if path.is_file() else b""
    for line in content.splitlines(keepends=True):
        try:
            found = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(found, dict):
            return
        yield found, len(line)
