"""The thread that owns a llama.cpp context, and what it does next.

In each step it decodes one batch, all of whose cells are read under one vector, since that is how
llama.cpp applies vectors. The job that has waited longest decides which vector; others under the
same one come along, each with its next token or with a part of its prompt. So replies under one
profile share a batch, those under several take turns, and a long prompt is read in parts between
other replies' tokens. After a change of vector llama.cpp plans its graph anew, at a fifth of a
token's time (300M parameters), so that a turn has a few steps.

Where the KV cache has no room for a step, the slots that nobody needs are forgotten, longest idle
first; then the newest job gives up its place and reads again when another one has ended.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chat_app.llm.context import Context, ContextFullError, EngineError
from chat_app.llm.jobs import Job
from chat_app.llm.slots import Slots, common_prefix, token_of

logger = logging.getLogger(__name__)

# Beside replies that are being written, a part of a prompt may take about so long, in seconds.
_PATIENCE = 0.1
_FEWEST = 16  # tokens of such a part
_STEPS = 4  # of a turn, while replies under other vectors wait
_WORTH = 16  # shared tokens for which a job waits until another has read them


class EngineBusyError(EngineError):
    """More replies are wanted than may wait."""


@dataclass(frozen=True)
class _Part:
    """Cells ``start`` to ``end`` of a job, as part of one batch."""

    job: Job
    start: int
    end: int


class Scheduler:
    """Jobs in, results out; see the module. ``submit`` and ``close`` are for any thread."""

    def __init__(
        self, context: Context, slots: Slots, *, n_slots: int, queue: int, most_idle: int
    ) -> None:
        self._context, self._slots, self._most_idle = context, slots, most_idle
        self._n_slots, self._queue = n_slots, queue
        self._wake = threading.Condition()
        self._people: deque[Job] = deque()  # waiting, those that somebody sits before
        self._bulk: deque[Job] = deque()
        self._active: list[Job] = []
        self._bulk_jobs: set[Job] = set()
        self._closing = False
        self._step, self._ended = 0, 0
        self._turn, self._steps = 0, 0  # the vector whose turn it is, and for how many steps
        self._unadmitted = False  # whether the queues are worth another look
        self._speed = 1000.0  # prompt tokens per second
        self._thread: threading.Thread | None = None

    def submit(self, jobs: Sequence[Job], *, bulk: bool = False) -> None:
        """Let ``jobs`` be done. Raises :class:`EngineBusyError` where too many wait already;
        those in ``bulk`` wait as long as they must, and leave a slot to others."""
        with self._wake:
            if self._closing:
                raise EngineError("The model was closed.")
            if not bulk and len(self._people) + len(jobs) > self._queue:
                raise EngineBusyError(
                    f"The model is busy: {len(self._people)} replies wait for it already. "
                    "Try again in a moment."
                )
            (self._bulk if bulk else self._people).extend(jobs)
            if bulk:
                self._bulk_jobs.update(jobs)
            self._unadmitted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
                self._thread.start()
            self._wake.notify()

    @property
    def load(self) -> tuple[int, int]:
        """How many jobs are under way, and how many wait."""
        with self._wake:
            return len(self._active), len(self._people) + len(self._bulk)

    def look(self) -> None:
        """A job was cancelled, or its reader has read on."""
        with self._wake:
            self._unadmitted = True
            self._wake.notify()

    def close(self) -> None:
        """Stop every job and give the context back. Jobs that run end as cancelled ones."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        self._context.close()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._closing and not self._ready():
                    self._wake.wait()
                if self._closing:
                    break
            try:
                self._admit()
                self._advance()
            except Exception as error:  # a fault of ours: nobody shall wait for ever because of it
                logger.exception("The engine's thread failed")
                for job in [*self._active, *self._people, *self._bulk]:
                    self._end(job, error)
        for job in [*self._active, *self._people, *self._bulk]:
            self._end(job)

    def _ready(self) -> bool:
        return self._unadmitted or any(not job.paused for job in self._active)

    def _admit(self) -> None:
        """Give slots to those who wait, as far as there are any."""
        if not self._unadmitted:
            return
        with self._wake:
            self._unadmitted = False
            waiting = [*self._people, *self._bulk]
        for job in waiting:
            if job.cancelled:
                self._end(job)
                continue
            idle, bulk = self._slots.idle, job in self._bulk_jobs
            if idle <= (1 if bulk and self._n_slots > 1 else 0):
                if bulk:
                    break
                continue
            if self._too_early(job):
                continue
            with self._wake:
                (self._bulk if bulk else self._people).remove(job)
            job.slot = self._slots.claim(job.beginning)
            assert job.slot
            job.reused = len(job.slot.held) if job.reused is None else job.reused
            job.served = self._step
            self._active.append(job)
            self._slots.keep_idle(self._most_idle)

    def _too_early(self, job: Job) -> bool:
        """Whether it is better for ``job`` to wait a little: for room, or for its beginning."""
        if not self._active:
            return False
        if job.after > self._ended:
            return True
        beginning = job.beginning
        soon = max(common_prefix(other.cells, beginning) for other in self._active)
        return soon - self._slots.shared(beginning) > _WORTH

    def _advance(self) -> None:
        for job in [job for job in self._active if job.cancelled]:
            self._end(job)
        parts = self._parts()
        if not parts:
            return
        self._step += 1
        begun = time.perf_counter()
        try:
            self._decode(parts)
        except ContextFullError as full:
            self._make_room(full)
            return
        except EngineError as error:
            for part in parts:
                self._end(part.job, error)
            return
        self._measure(parts, time.perf_counter() - begun)
        self._hand_out(parts)

    def _parts(self) -> list[_Part]:
        """The next batch."""
        ready = [job for job in self._active if not job.paused]
        if not ready:
            return []
        together = self._whose_turn(ready)
        room = self._context.n_batch
        # tokens of prompts that may be read while others wait for their next token
        spare = room
        if any(job.writing for job in self._active):
            spare = min(room, max(_FEWEST, int(self._speed * _PATIENCE)))
        parts = []
        for job in sorted(together, key=lambda job: not job.writing):
            assert job.slot
            start = len(job.slot.held)
            limit = room if job.writing else min(room, spare)
            if limit <= 0:
                continue
            n = job.run(limit)
            parts.append(_Part(job, start, start + n))
            room -= n
            spare -= 0 if job.writing else n
            job.served = self._step + 1
        return parts

    def _whose_turn(self, ready: Sequence[Job]) -> list[Job]:
        """Those of ``ready`` under the vector whose turn it is, longest waiting first."""
        waiting = sorted(ready, key=lambda job: job.served)
        same = [job for job in waiting if job.vector == self._turn]
        if same and (self._steps < _STEPS or len(same) == len(waiting)):
            self._steps += 1
            return same
        others = [job for job in waiting if job.vector != self._turn]
        self._turn, self._steps = others[0].vector, 1
        return [job for job in others if job.vector == self._turn]

    def _decode(self, parts: Sequence[_Part]) -> None:
        tokens: list[int] = []
        positions: list[int] = []
        owners: list[int] = []
        wanted: list[int] = []
        for part in parts:
            assert part.job.slot
            at = len(tokens) - part.start
            tokens += map(token_of, part.job.cells[part.start : part.end])
            positions += range(part.start, part.end)
            owners += [part.job.slot.sequence] * (part.end - part.start)
            wanted += [at + cell for cell in part.job.wants(part.start, part.end)]
        first = parts[0].job
        try:
            self._context.set_vector(first.vectors[first.vector])
            self._context.decode(tokens, positions, sequences=owners, logits=wanted)
        except EngineError:
            for part in parts:  # whatever of it has been done is undone
                assert part.job.slot
                self._slots.trim(part.job.slot, part.start)
            raise

    def _hand_out(self, parts: Sequence[_Part]) -> None:
        row = 0
        for part in parts:
            job, start, end = part.job, part.start, part.end
            assert job.slot
            job.slot.held.extend(job.cells[start:end])
            wanted, row = job.wants(start, end), row + end - start
            try:
                for cell in wanted:
                    job.take(self._context, row - end + cell, cell)
            except Exception as error:  # one job's trouble is not the others'
                self._end(job, error)
                continue
            if job.result.done():
                self._end(job)
            elif wanted or end == len(job.cells):
                self._unadmitted = True  # who waited for this beginning can go on

    def _make_room(self, full: ContextFullError) -> None:
        if self._slots.evict():
            return
        if len(self._active) == 1:
            self._end(self._active[0], full)
            return
        newest = self._active.pop()
        assert newest.slot
        self._slots.trim(newest.slot, 0)
        self._slots.release(newest.slot)
        newest.slot, newest.after = None, self._ended + 1
        with self._wake:
            queue = self._bulk if newest in self._bulk_jobs else self._people
            queue.appendleft(newest)

    def _measure(self, parts: Sequence[_Part], seconds: float) -> None:
        n = sum(part.end - part.start for part in parts)
        if n >= _FEWEST:
            self._speed += 0.3 * (n / seconds - self._speed)

    def _end(self, job: Job, error: BaseException | None = None) -> None:
        """``job`` is over: done, cancelled, or failed with ``error``."""
        if job in self._active:
            self._active.remove(job)
        with self._wake:
            queue = self._bulk if job in self._bulk_jobs else self._people
            if job in queue:
                queue.remove(job)
            self._bulk_jobs.discard(job)
            self._unadmitted = True
        if job.slot is not None:
            self._slots.release(job.slot)
            job.slot = None
        self._ended += 1
        if error is not None:
            job.result.set_exception(error)
        elif not job.result.done():
            job.stopped()
        job.close()
