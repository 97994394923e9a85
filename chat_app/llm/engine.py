"""The engine: turns and a control vector in, a stream of tokens out.

One thread owns the llama.cpp context (:mod:`chat_app.llm.scheduler`); everything else sends it
requests and iterates over tokens. Each conversation's cells stay in a slot of the KV cache, so
neither a longer conversation nor a changed profile makes it read the history again, and many
conversations are written at once. The engine knows nothing of values or profiles: a vector is a
buffer with a hash.
"""

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from chat_app.llm.context import Context, EngineError, VectorBuffer
from chat_app.llm.context_options import ContextOptions
from chat_app.llm.jobs import Finish, Job, Piece, Reading, Reply, VectorNames, Writing
from chat_app.llm.kv import cells, idle_cells_slow, kv_bytes_per_token, steps_back
from chat_app.llm.logprobs import log_norm
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Cell, TooLongError, Turn, fit
from chat_app.llm.sampling import Sampling, reply_text
from chat_app.llm.scheduler import EngineBusyError, Scheduler
from chat_app.llm.slots import Slots

__all__ = [
    "Engine",
    "EngineBusyError",
    "EngineError",
    "Finish",
    "Piece",
    "Reply",
    "Request",
    "Sampling",
    "Spoken",
    "TooLongError",
    "Turn",
    "VectorBuffer",
    "rest",
]

W = TypeVar("W", "Request", "Spoken")

_WAIT = 0.05  # seconds between two looks at ``cancel`` while there is nothing to read
_UNDER_WAY = 4  # of many replies: jobs a slot, those that wait included
# Of idle conversations, where they slow the others: to read a cell again costs about as much as
# to keep it for 200 tokens (docs/performance.md).
_IDLE_CELLS = 1024


@dataclass(frozen=True)
class Request:
    """A reply that is wanted: the ``turns`` before it, how it is drawn, the vector it is under.

    ``written``: tokens of it that are there already; it goes on after them, as if it had never
    been cut, and the sampling's ``max_tokens`` more of them may come. ``whole``: refuse turns that
    do not fit the context together, rather than leave older ones out.
    """

    turns: Sequence[Turn]
    sampling: Sampling
    vector: VectorBuffer | None = None
    written: tuple[int, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Spoken:
    """A reply whose likelihood is wanted: its ``tokens`` after ``turns``, read under ``vector``."""

    turns: Sequence[Turn]
    tokens: Sequence[int]
    vector: VectorBuffer | None = None


class Engine:
    """One context of a model, its slots and its thread. Any thread may ask; ``close`` it.

    ``n_ctx``: tokens of one conversation; the KV cache holds several where memory is cheap, one
    at least. ``n_slots``: conversations that are kept or written at once; many replies of one
    request leave one of them to people. ``queue``: replies that may wait for a slot.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        n_ctx: int = 4096,
        n_threads: int | None = None,
        n_slots: int = 17,
        queue: int = 32,
        options: ContextOptions | None = None,
    ) -> None:
        self.model = model
        self.n_ctx = min(n_ctx, model.n_ctx_train)
        self.n_slots = n_slots
        options = options or ContextOptions()
        per_token = kv_bytes_per_token(model.numbers_per_cell, options.kv_type)
        held = cells(self.n_ctx, n_slots, per_token)
        context = Context(model, n_ctx=held, n_seq=n_slots, n_threads=n_threads, options=options)
        slots = Slots(context, n_slots, steps_back=steps_back(model))
        self._names = VectorNames()
        self._scheduler = Scheduler(
            context,
            slots,
            n_slots=n_slots,
            queue=queue,
            most_idle=_IDLE_CELLS if idle_cells_slow() else held,
        )
        # Made after the context's own finalizer, so that it runs before it: also at the end of
        # the process, nobody may free a context that the thread still works with.
        self._close = weakref.finalize(self, self._scheduler.close)

    def close(self) -> None:
        """End what is being written, as if it were cancelled, and give the memory back."""
        self._close()

    def stream(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        vector: VectorBuffer | None = None,
        written: tuple[int, ...] = (),
        cancel: threading.Event | None = None,
    ) -> Generator[Piece, None, Reply]:
        """Write the reply to ``turns`` under ``vector``; the generator returns the Reply.

        One of which ``written`` is there goes on from there: the pieces are what is new, the
        Reply is the whole of it.

        ``cancel`` ends it within one token (or one part of a long prompt), also while it waits
        for a slot; the reply is then what had been read of it. Closing the generator does the
        same. Raises :class:`EngineError` where the last turn does not fit the context, and
        :class:`EngineBusyError` where too many wait.
        """
        request = Request(turns, sampling, vector, written)
        (pieces,) = self.streams([request], cancel=cancel)
        return (yield from pieces)

    def streams(
        self, requests: Sequence[Request], *, cancel: threading.Event | None = None
    ) -> list[Generator[Piece, None, Reply]]:
        """A stream for each of ``requests``, all of them under way when this returns.

        Each is to be read by somebody until ``cancel``, which ends them all. Raises what
        :meth:`stream` raises, and then none of them is begun.
        """
        begun, cancel = time.perf_counter(), cancel or threading.Event()
        jobs = [self._writing(request, begun, cancel, streamed=True) for request in requests]
        self._scheduler.submit(jobs)
        return [
            self._pieces(job, request, cancel) for job, request in zip(jobs, requests, strict=True)
        ]

    def _pieces(
        self, job: Writing, request: Request, cancel: threading.Event
    ) -> Generator[Piece, None, Reply]:
        seen, whole = reply_text(self.model, request.sampling, request.written), False
        try:
            while not cancel.is_set():
                waited_for = job.paused
                try:
                    piece = job.next_piece(_WAIT)
                except TimeoutError:
                    continue
                if waited_for:
                    self._scheduler.look()
                if piece is None:
                    whole = True
                    break
                seen.add(piece.token)
                yield piece
        finally:
            job.leave()
            self._scheduler.look()
        reply: Reply = job.result.result()
        if (held := seen.finish()) and seen.tokens:
            yield Piece(held, seen.tokens[-1])
        return reply if whole else job.reply(seen, "cancelled")

    def reply(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        vector: VectorBuffer | None = None,
        written: tuple[int, ...] = (),
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The whole reply at once; as :meth:`stream`."""
        job = self._writing(
            Request(turns, sampling, vector, written),
            time.perf_counter(),
            cancel or threading.Event(),
        )
        self._scheduler.submit([job])
        reply: Reply = self._result(job)
        return reply

    def replies(
        self,
        requests: Sequence[Request],
        *,
        cancel: threading.Event | None = None,
        done: Callable[[int, Reply], None] | None = None,
    ) -> list[Reply]:
        """The replies to all of ``requests``, in their order.

        What their prompts have in common is read once, and replies under one vector are decoded
        as a batch. ``done(i, reply)`` is told of each as it ends. Cancelled ones are what they
        were by then. They leave a slot to others and may be as many as one likes.
        """
        cancel = cancel or threading.Event()

        def job(request: Request) -> Writing:
            return self._writing(request, time.perf_counter(), cancel)

        return self._all(requests, job, done)

    def log_probs(
        self, turns: Sequence[Turn], tokens: Sequence[int], *, vector: VectorBuffer | None = None
    ) -> np.ndarray:
        """float32 [n_tokens]: log p of each of ``tokens`` as the reply to ``turns``.

        Natural logarithms, of the model's own distribution (temperature 1, no truncation).
        Raises :class:`EngineError` where they do not fit the context.
        """
        (found,) = self.log_probs_of([Spoken(turns, tokens, vector)])
        return found

    def log_probs_of(
        self, spoken: Sequence[Spoken], *, cancel: threading.Event | None = None
    ) -> list[np.ndarray]:
        """:meth:`log_probs` of many replies, in batches; empty for what was not read before
        ``cancel``."""
        cancel = cancel or threading.Event()
        rows = self._all(spoken, lambda one: self._likelihood(one, cancel), None)
        return [np.array(row or (), dtype=np.float32) for row in rows]

    def next_logits(
        self, turns: Sequence[Turn], *, vector: VectorBuffer | None = None
    ) -> np.ndarray:
        """float32 [n_vocab]: the logits of the first token of a reply to ``turns``."""
        prompt = fit(self.model, turns, vector, n_ctx=self.n_ctx, reserve=1)
        job = Reading(
            prompt.cells, _vectors(prompt.turns, vector), self._names,
            first=len(prompt.cells) - 1, use=lambda row, cell: row,
        )  # fmt: skip
        self._scheduler.submit([job])
        (row,) = self._result(job)
        return np.asarray(row)

    @property
    def load(self) -> tuple[int, int]:
        """How many replies are being written or read at the moment, and how many wait."""
        return self._scheduler.load

    def _writing(
        self, request: Request, begun: float, cancel: threading.Event, *, streamed: bool = False
    ) -> Writing:
        reserve = min(request.sampling.max_tokens, max(1, self.n_ctx // 4))
        prompt = fit(
            self.model, request.turns, request.vector,
            n_ctx=self.n_ctx, reserve=reserve, written=request.written, whole=request.whole,
            asking=request.sampling.asking,
        )  # fmt: skip
        return Writing(
            self.model, prompt, _vectors(prompt.turns, request.vector), self._names,
            sampling=request.sampling, written=request.written,
            longest=min(request.sampling.max_tokens, self.n_ctx - len(prompt.cells) + 1),
            begun=begun, cancel=cancel, streamed=streamed,
        )  # fmt: skip

    def _likelihood(self, spoken: Spoken, cancel: threading.Event) -> Reading:
        tokens, vector = list(spoken.tokens), spoken.vector
        prompt = fit(self.model, spoken.turns, vector, n_ctx=self.n_ctx, reserve=len(tokens))
        steered, begin = vector.hash if vector else None, len(prompt.cells) - 1
        # the last token's own logits say nothing of the reply
        cells = [*prompt.cells, *(Cell(token, steered) for token in tokens[:-1])]
        return Reading(
            cells, _vectors(prompt.turns, vector), self._names, first=begin, cancel=cancel,
            use=lambda row, cell: float(row[tokens[cell - begin]]) - log_norm(row),
        )  # fmt: skip

    def _all(
        self,
        wanted: Sequence[W],
        job_of: Callable[[W], Job],
        done: Callable[[int, Any], None] | None,
    ) -> list[Any]:
        """The results of the jobs of ``wanted``, some of which are under way at a time.

        Those under one vector come together, so that their batches are full.
        """
        found: list[Any] = [None] * len(wanted)
        under_way: deque[tuple[int, Job]] = deque()

        def next_one() -> None:
            i, job = under_way[0]
            found[i] = self._result(job)
            under_way.popleft()
            if done:
                done(i, found[i])

        try:
            for i in _by_vector(wanted):
                job = job_of(wanted[i])
                self._scheduler.submit([job], bulk=True)
                under_way.append((i, job))
                if len(under_way) >= _UNDER_WAY * self.n_slots:
                    next_one()
            while under_way:
                next_one()
        finally:
            for _, job in under_way:
                job.leave()
            self._scheduler.look()
        return found

    def _result(self, job: Job) -> Any:
        while True:
            try:
                return job.result.result(_WAIT)
            except TimeoutError:
                if job.result.done():
                    raise
                if job.cancelled:
                    self._scheduler.look()


def rest(pieces: Generator[Piece, None, Reply]) -> Reply:
    """The reply of a stream, whose remaining pieces are passed over."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            reply: Reply = end.value
            return reply


def _by_vector(wanted: Sequence[Request] | Sequence[Spoken]) -> list[int]:
    """Their places, those under one vector together, in the order in which these appear."""
    order: dict[str | None, int] = {}
    for one in wanted:
        order.setdefault(one.vector.hash if one.vector else None, len(order))
    place = [order[one.vector.hash if one.vector else None] for one in wanted]
    return sorted(range(len(wanted)), key=lambda i: place[i])


def _vectors(
    turns: Sequence[Turn], vector: VectorBuffer | None
) -> Mapping[str | None, VectorBuffer | None]:
    known: dict[str | None, VectorBuffer | None] = {None: None}
    known |= {t.vector.hash: t.vector for t in turns if t.vector}
    return known | ({vector.hash: vector} if vector else {})
