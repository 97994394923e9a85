"""Scores of a whole table, in chunks, so that an interrupted run goes on where it stopped.

The chunks begin at the same places in every run, so that a resumed one ends with the same scores
as one that was never interrupted (``bulk_part`` has the file between them). OUT itself is written
once, whole, at the end.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chat_app.errors import ValueflowError
from chat_app.evaluation.bulk_part import open_part, part_head, read_part
from chat_app.evaluation.evaluator import Evaluator, Score, Sharpness
from chat_app.evaluation.ranking import NoOrder
from chat_app.evaluation.tables import Row, Table, encoded, read_table, with_columns, write_table
from chat_app.values.custom import find_value
from chat_app.vidb.loading import Vidb

TEXT_COLUMNS = ("text", "response")
NUMBERS = ("intensity", "stderr", "low", "high")

# HIVES reads some hundred texts a second; a judge that writes takes seconds a text, and what it
# has said should not be lost.
_CHUNK, _SLOW_CHUNK = 256, 4

Progress = Callable[[str, int, int], None]


class BulkError(ValueflowError):
    """A table that cannot be scored; the message names file, row and column."""


@dataclass(frozen=True)
class Job:
    """One score to make: of ``text`` for ``value``. ``error`` says why it cannot be made."""

    row: int
    text: str
    value: str
    error: str = ""


@dataclass(frozen=True)
class Summary:
    """rows: in the input; scores: in the output; resumed: what an earlier run had made; bad: rows
    of which something stays blank."""

    rows: int
    scores: int
    resumed: int
    bad: int


def score_table(
    source: Path,
    out: Path,
    evaluator: Evaluator,
    values: Sequence[str] = (),
    *,
    column: str | None = None,
    prefix: str = "",
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Score the table ``source`` into ``out``: its columns, value, intensity, stderr, low, high.

    A row is scored for the value that its column ``value`` names; where it names none, for each
    of ``values`` in a row of its own. column: where the texts are, else ``text`` or ``response``;
    prefix: put before the names of the added numbers. A row that cannot be scored is an error
    before any work is done, or with ``skip_bad`` left blank with the reason in a column ``error``.

    Raises BulkError, TableError, and what ``Evaluator.score`` raises.
    """
    if out.resolve() == source.resolve():
        raise BulkError(f"{out} is the input itself: give --out another name.")
    return score_rows(
        read_table(source), source, out, evaluator, values,
        column=column, prefix=prefix, skip_bad=skip_bad, progress=progress,
    )  # fmt: skip


def score_rows(
    table: Table,
    source: Path,
    out: Path,
    evaluator: Evaluator,
    values: Sequence[str] = (),
    *,
    column: str | None = None,
    prefix: str = "",
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """As ``score_table``, of a ``table`` that was made of the file ``source``."""
    added = [prefix + name for name in NUMBERS] + (["error"] if skip_bad else [])
    for name in added:
        if name in table.columns:
            raise BulkError(
                f"{source} has a column {name} already: rename it, or put something before the "
                "new names with --prefix."
            )
    jobs = plan(table, source, values, evaluator.vidb, column=column, skip_bad=skip_bad)
    encoded(table, out)  # whether OUT can take the columns is known before the work, not after it
    waiting = [job for job in jobs if not job.error]
    made: list[Row] = []
    resumed = 0
    if waiting:
        part = out.with_name(out.name + ".part.jsonl")
        run = fingerprint(source, evaluator, [list(values), column])
        made, resumed = _scores(waiting, evaluator, part, run, skip_bad, progress)
    scored = iter(made)
    found = [(job, {"error": job.error} if job.error else next(scored)) for job in jobs]
    rows = [_row(table.rows[job.row], job, line, prefix, skip_bad) for job, line in found]
    write_table(with_columns(table, ["value", *added], rows), out)
    if waiting:
        part.unlink()
    bad = {job.row for job, line in found if "error" in line}
    scores = sum("error" not in line for _, line in found)
    return Summary(len(table.rows), scores, resumed, len(bad))


def plan(
    table: Table,
    source: Path,
    values: Sequence[str],
    vidb: Vidb,
    *,
    column: str | None = None,
    skip_bad: bool = False,
) -> list[Job]:
    """The scores to make, in the order of the rows. Raises BulkError where one cannot be made."""
    column = text_column(table, source, column)
    named = "value" in table.columns
    if not values and not named:
        raise BulkError(f"{source} has no column value: say with --value which value to score.")
    jobs = []
    for number, row in enumerate(table.rows):
        text = row.get(column)
        own = str(row.get("value") or "").strip()
        problem = "" if isinstance(text, str) and text.strip() else f"column {column}: it is empty."
        if not own and not values:
            problem = problem or "column value: it is empty, and no --value stands in for it."
        for value in [own] if own else values or [""]:
            id, error = (value, problem) if problem else _known_value(value, vidb)
            jobs.append(Job(number, text if isinstance(text, str) else "", id, error))
    bad = [job for job in jobs if job.error]
    if bad and not skip_bad:
        rows = len({job.row for job in bad})
        more = f" {rows - 1} more rows are wrong." if rows > 1 else ""
        raise BulkError(
            f"{source}, row {bad[0].row + 1}, {bad[0].error}{more} With --skip-bad such rows stay "
            "blank, with the reason in a column error."
        )
    return jobs


def text_column(table: Table, source: Path, column: str | None = None) -> str:
    """The column of ``table`` that holds the texts. Raises BulkError."""
    if column is not None and column not in table.columns:
        raise BulkError(f"{source} has no column {column}: it has {', '.join(table.columns)}.")
    found = [c for c in table.columns if c in TEXT_COLUMNS] if column is None else [column]
    if len(found) != 1:
        has = f"the columns {' and '.join(found)}" if found else "no column text or response"
        raise BulkError(f"{source} has {has}: say with --column where the texts are.")
    return found[0]


def _known_value(name: str, vidb: Vidb) -> tuple[str, str]:
    """The id of a value that can be scored, or the name and what is wrong with it."""
    try:
        value = find_value(name)
        vidb.of(value)
    except ValueflowError as error:
        return name, f"column value: {error}"
    return value, ""


def fingerprint(source: Path, evaluator: Evaluator, options: Sequence[Any]) -> str:
    """64 hex digits: equal for equal input and options, from which equal scores follow."""
    digest = hashlib.sha256()
    with open(source, "rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    digest.update(json.dumps([*evaluator.options, *options]).encode())
    return digest.hexdigest()


def _scores(
    waiting: Sequence[Job],
    evaluator: Evaluator,
    path: Path,
    fingerprint: str,
    skip_bad: bool,
    progress: Progress | None,
) -> tuple[list[Row], int]:
    """The numbers of every job, and how many of them an earlier run had made."""
    chunk = _CHUNK if evaluator.ranker.name == "hives" else _SLOW_CHUNK
    head, kept, size = read_part(path, fingerprint, len(waiting), chunk)
    if head is not None:
        # A judge need not answer twice alike: what it was measured at holds for the whole run.
        evaluator.sharpness = Sharpness(**head["sharpness"])
    for job, line in zip(waiting, kept, strict=False):
        if "error" in line and not skip_bad:
            raise _refused(job, line["error"])
    resumed = len(kept)
    with open_part(path, size) as append:
        if head is None:
            if progress:
                progress("Measuring the ranker", 0, 1)
            append([part_head(fingerprint, asdict(evaluator.sharpness))])
            if progress:
                progress("Measuring the ranker", 1, 1)
        for start in range(resumed, len(waiting), chunk):
            if progress:
                progress("Scoring", start, len(waiting))
            some = waiting[start : start + chunk]
            made = _chunk(some, evaluator, skip_bad)
            append(made)
            kept += made
    return kept, resumed


def _chunk(jobs: Sequence[Job], evaluator: Evaluator, skip_bad: bool) -> list[Row]:
    """The numbers of some jobs; where a ranker gives no order, which one is found out singly."""
    try:
        scores = evaluator.score([job.text for job in jobs], [job.value for job in jobs])
        return [_numbers(score) for score in scores]
    except NoOrder:
        return [_single(job, evaluator, skip_bad) for job in jobs]


def _single(job: Job, evaluator: Evaluator, skip_bad: bool) -> Row:
    try:
        return _numbers(evaluator.score([job.text], job.value)[0])
    except NoOrder as error:
        if skip_bad:
            return {"error": str(error)}
        raise _refused(job, str(error)) from None


def _refused(job: Job, error: str) -> BulkError:
    return BulkError(
        f"Row {job.row + 1}: {error} Start it again with --skip-bad to leave such rows blank."
    )


def _numbers(score: Score) -> Row:
    return {name: round(getattr(score, name), 4) for name in NUMBERS}


def _row(row: Row, job: Job, line: Row, prefix: str, skip_bad: bool) -> Row:
    """An output row: the cells of the input as they were, then what was added."""
    result = {**row, "value": row.get("value") or job.value}
    result |= {prefix + name: line.get(name) for name in NUMBERS}
    return {**result, "error": line.get("error")} if skip_bad else result
