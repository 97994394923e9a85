"""Having texts judged for VIDB: random windows that connect all texts, ordered by any ranker.

The judged windows go to a JSONL file as they come, ``{"value", "judge", "order": [id, ...]}`` from
most supporting to most opposing, which ``vidb.building`` turns into intensities. Judging may stop
at any moment; the next run does what is missing.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.evaluation.ranking import Ranker
from chat_app.vidb.worksheets import Known, Text

Progress = Callable[[int, int], None]


class JudgingError(ValueflowError):
    """Texts that cannot be judged, or judgements that cannot be kept."""


@dataclass(frozen=True)
class Task:
    """A window to be judged: ``ids`` and ``texts`` in the order in which the judge sees them."""

    value: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Progressed:
    """Windows that were planned, of those the ones that were there already, and those new now."""

    planned: int
    before: int
    judged: int


def to_judge(texts: Sequence[Text], known: Sequence[Known] = ()) -> dict[str, dict[str, str]]:
    """{value: {id: text}} of ``texts`` and of the anchors ``known`` of the same values.

    An anchor may be one of the texts. Raises JudgingError for an anchor that has another text's
    id, or no text to show.
    """
    shown: dict[str, dict[str, str]] = {}
    for text in texts:
        shown.setdefault(text.value, {})[text.id] = text.text
    for anchor in known:
        theirs = shown.get(anchor.value)
        if theirs is None:
            continue
        there = theirs.setdefault(anchor.id, anchor.text)
        if not there:
            raise JudgingError(f"The anchor {anchor.id!r} of {anchor.value} has no text to judge.")
        if anchor.text not in ("", there):
            raise JudgingError(
                f"An anchor and a text of {anchor.value} are both called {anchor.id!r}, but they "
                "differ: give one of them another id."
            )
    return shown


def plan_windows(
    shown: Mapping[str, Mapping[str, str]], *, k: int = 6, per_text: int = 20, seed: int = 0
) -> list[Task]:
    """Windows of k texts of one value, in which each text stands about ``per_text`` times.

    The first windows of a value form a chain: the texts in random order, each window beginning
    with the last text of the one before, so that any two texts are connected. The others are
    random partitions. In its window every text has a random place, since judges favour what they
    read first. A value's windows depend on its texts and on ``seed`` alone.

    Raises JudgingError when k < 2, per_text < 1, or a value has a single text.
    """
    if k < 2 or per_text < 1:
        raise JudgingError(
            f"Windows need 2 or more texts and each text 1 or more: not {k=}, {per_text=}."
        )
    tasks = []
    for value, texts in shown.items():
        if len(texts) < 2:
            raise JudgingError(f"{value} has a single text: there is nothing to compare it with.")
        rng = np.random.default_rng([seed, _number(value)])
        ids = list(texts)
        for window in _windows(len(ids), min(k, len(ids)), per_text, rng):
            chosen = tuple(ids[i] for i in window)
            tasks.append(Task(value, chosen, tuple(texts[id] for id in chosen)))
    return tasks


def _number(value: str) -> int:
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:8])


def _windows(n: int, k: int, per_text: int, rng: np.random.Generator) -> list[list[int]]:
    windows = _cut(_shuffled(n, rng), k, k - 1, rng)
    wanted = max(len(windows), round(n * per_text / k))
    while len(windows) < wanted:
        windows += _cut(_shuffled(n, rng), k, k, rng)
    return [[window[i] for i in _shuffled(k, rng)] for window in windows[:wanted]]


def _cut(row: list[int], k: int, step: int, rng: np.random.Generator) -> list[list[int]]:
    """Pieces of k, a new one every ``step``; the last is filled up with others of the row."""
    pieces = [row[start : start + k] for start in range(0, max(len(row) - k + step, 1), step)]
    last = pieces[-1]
    others = [i for i in row if i not in set(last)]
    last += [others[i] for i in _shuffled(len(others), rng)[: k - len(last)]]
    return pieces


def _shuffled(n: int, rng: np.random.Generator) -> list[int]:
    # Sorting random numbers uses nothing of numpy's that may change some day.
    return np.argsort(rng.random(n)).tolist()


def judge(
    tasks: Sequence[Task],
    ranker: Ranker,
    out: Path,
    *,
    batch: int = 16,
    progress: Progress | None = None,
) -> Progressed:
    """Let ``ranker`` order the windows that ``out`` lacks, ``batch`` at a time, and append them.

    A window is known by its value, its texts and the judge, "name version". A last line that was
    cut off is taken away, and its window judged again. ``progress(done, planned)`` after a batch.

    Raises JudgingError when ``out`` is no file of judgements or cannot be written, or the ranker
    gives no order; and what the ranker raises. What was judged until then stays.
    """
    name = f"{ranker.name} {ranker.version}"
    there = _take_up(out)
    missing = [task for task in tasks if not _strike(there, _key(task.value, name, task.ids))]
    before = len(tasks) - len(missing)
    if progress:
        progress(before, len(tasks))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(out, "a", encoding="utf-8") as file:
            for start in range(0, len(missing), batch):
                some = missing[start : start + batch]
                _append(file, some, _orders(ranker, some), name)
                if progress:
                    progress(before + start + len(some), len(tasks))
    except OSError as error:
        raise JudgingError(f"{out} cannot be written: {error.strerror or error}.") from None
    return Progressed(len(tasks), before, len(missing))


def _append(
    file: IO[str], tasks: Sequence[Task], orders: Sequence[Sequence[int]], judge: str
) -> None:
    for task, order in zip(tasks, orders, strict=True):
        line = {"value": task.value, "judge": judge, "order": [task.ids[i] for i in order]}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    # A judge's work may have cost money: it must outlive this process and a power cut.
    file.flush()
    os.fsync(file.fileno())


def _orders(ranker: Ranker, tasks: Sequence[Task]) -> Sequence[Sequence[int]]:
    orders = ranker.rank(tasks)
    said = f"The ranker {ranker.name} gave"
    if len(orders) != len(tasks):
        raise JudgingError(f"{said} {len(orders)} orders for {len(tasks)} windows.")
    for task, order in zip(tasks, orders, strict=True):
        if sorted(order) != list(range(len(task.ids))):
            raise JudgingError(f"{said} {list(order)}, which is no order of {len(task.ids)} texts.")
    return orders


Key = tuple[str, str, tuple[str, ...]]


def _key(value: str, judge: str, ids: Sequence[str]) -> Key:
    return value, judge, tuple(sorted(ids))


def _strike(there: Counter[Key], key: Key) -> bool:
    """Whether ``key`` is there; each entry counts once, since a plan may repeat a window."""
    if not there[key]:
        return False
    there[key] -= 1
    return True


def _take_up(out: Path) -> Counter[Key]:
    """The windows in ``out``, after a cut-off last line was taken away."""
    try:
        content = out.read_bytes()
    except FileNotFoundError:
        return Counter()
    except OSError as error:
        raise JudgingError(f"{out} cannot be read: {error.strerror or error}.") from None
    *lines, torn = content.split(b"\n")
    there = Counter(_read_line(line, f"{out}, line {n}") for n, line in enumerate(lines, start=1))
    # Only now is it certain that the file is ours to change.
    if torn and not (lines or torn.startswith(b'{"value"')):
        raise JudgingError(f"{out} holds something else than judgements: choose another file.")
    if torn:
        try:
            os.truncate(out, len(content) - len(torn))
        except OSError as error:
            raise JudgingError(f"{out} cannot be written: {error.strerror or error}.") from None
    return there


def _read_line(line: bytes, where: str) -> Key:
    try:
        said = json.loads(line)
        value, judge, order = said["value"], said["judge"], said["order"]
        if all(isinstance(word, str) for word in (value, judge, *order)):
            return _key(value, judge, order)
    except (ValueError, KeyError, TypeError):
        pass
    raise JudgingError(f"{where} is no judgement: choose another file, or take the line out.")
