"""What the engine's thread is asked for: a reply to be drawn, or logits to be read off."""

import queue
import threading
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chat_app.llm.context import Context, VectorBuffer
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Cell, Fitted
from chat_app.llm.sampling import Drawn, ReplyText, Sampler, Sampling, reply_text
from chat_app.llm.slots import Keys, Slot, key, vector_of
from chat_app.llm.thinking import Said, told_apart

Finish = Literal["stop", "length", "cancelled"]
# Pieces that may wait for a reader. Beyond, its reply waits for it: what nobody reads is not
# written, and a reply that is stopped has been seen nearly whole.
_AHEAD = 32


@dataclass(frozen=True)
class Piece:
    """One drawn token and the text that can be shown because of it (perhaps none yet).

    ``logprob``, ``top``: see :class:`chat_app.llm.sampling.Drawn`.
    """

    text: str
    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Reply:
    """A finished reply. ``tokens`` are those of ``text``, but for an opening tag of a thought that
    the prompt had already; times in seconds from the request.

    Of one that went on after a cut, ``text`` and ``tokens`` are the whole; ``reply_tokens`` counts
    what is new, and ``prompt_tokens`` all before that.
    ``drawn``: all tokens in the order in which they were drawn, with their log-probabilities,
    where those were asked for.
    """

    text: str
    tokens: tuple[int, ...]
    finish: Finish
    prompt_tokens: int
    reused_tokens: int
    reply_tokens: int
    ttft_s: float
    seconds: float
    dropped_turns: int = 0
    drawn: tuple[Drawn, ...] = ()

    @property
    def said(self) -> Said:
        """What of it is the reply itself, and what the model thought before."""
        return told_apart(self.text)

    @property
    def tokens_per_s(self) -> float:
        """Reply tokens per second after the first."""
        writing = self.seconds - self.ttft_s
        return (self.reply_tokens - 1) / writing if self.reply_tokens > 1 and writing > 0 else 0.0


class VectorNames:
    """Small numbers for the hashes of vectors, so that a cell is one number. 0: no vector."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}
        self._lock = threading.Lock()

    def number(self, hash_: str | None) -> int:
        with self._lock:
            return self._numbers.setdefault(hash_, len(self._numbers))


class Job(ABC):
    """Cells that are to be in the KV cache, and what is done with the logits of some of them.

    The thread that asks makes it; from then on the engine's thread alone touches it, but for
    ``cancelled``, ``result`` and what a subclass says.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        vectors: Mapping[str | None, VectorBuffer | None],
        names: VectorNames,
        *,
        cancel: threading.Event | None = None,
    ) -> None:
        numbers = {hash_: names.number(hash_) for hash_ in vectors}
        self.cells: Keys = array("q", [key(c.token, numbers[c.vector]) for c in cells])
        self.vectors = {numbers[hash_]: vector for hash_, vector in vectors.items()}
        self._cancel = cancel or threading.Event()
        self._left = False
        self.result: Future[Any] = Future()
        self.slot: Slot | None = None
        self.served = 0  # the step in which it was last decoded for
        self.reused: int | None = None  # cells that were there when it began
        self.after = 0  # it waits until so many others have ended (see Scheduler)

    @property
    def cancelled(self) -> bool:
        return self._left or self._cancel.is_set()

    def leave(self) -> None:
        """Nobody wants it any more."""
        self._left = True

    @property
    def writing(self) -> bool:
        """Whether somebody waits for the next token of a reply that has begun."""
        return False

    @property
    def paused(self) -> bool:
        """Whether its reader is too far behind."""
        return False

    @property
    def beginning(self) -> Keys:
        """Those of its cells that may be there already; the last one is read in any case."""
        return self.cells

    @property
    def vector(self) -> int:
        """The number of the vector under which its next cell is read."""
        assert self.slot
        return vector_of(self.cells[len(self.slot.held)])

    def run(self, limit: int) -> int:
        """How many of its next cells, at most ``limit``, are read under one vector."""
        assert self.slot
        start, vector = len(self.slot.held), self.vector
        end, last = start + 1, min(len(self.cells), start + limit)
        while end < last and vector_of(self.cells[end]) == vector:
            end += 1
        return end - start

    @abstractmethod
    def wants(self, start: int, end: int) -> range:
        """Those of cells ``start`` to ``end`` whose logits are wanted."""

    @abstractmethod
    def take(self, context: Context, row: int, cell: int) -> None:
        """Use the logits at ``row`` of the last decode, which are those of ``cell``.

        Sets ``result`` when that was all.
        """

    @abstractmethod
    def stopped(self) -> None:
        """It was cancelled: set ``result``."""

    def close(self) -> None:
        """Let go of what it holds: ``result`` is there."""
        self.vectors = {}


class Writing(Job):
    """A reply drawn token by token, streamed through ``next_piece`` where that is wanted.

    Raises ValueflowError for a ``sampling`` that the model cannot do.
    """

    def __init__(
        self,
        model: ChatModel,
        prompt: Fitted,
        vectors: Mapping[str | None, VectorBuffer | None],
        names: VectorNames,
        *,
        sampling: Sampling,
        written: tuple[int, ...],
        longest: int,
        begun: float,
        streamed: bool,
        cancel: threading.Event,
    ) -> None:
        super().__init__(prompt.cells, vectors, names, cancel=cancel)
        self._model, self._longest, self._begun = model, longest, begun
        self._n_prompt, self._dropped = len(prompt.cells), prompt.dropped
        self._vector = vector_of(self.cells[-1])
        self._sampler = Sampler(sampling, model)
        self._sampler.begin(written)
        self._keeps = sampling.logprobs is not None
        self._text = reply_text(model, sampling, written)
        self._n_written, self._drawn = len(written), list[Drawn]()
        self._ttft = 0.0
        self._pieces: queue.SimpleQueue[Piece | None] | None = None
        if streamed:
            self._pieces = queue.SimpleQueue()

    @property
    def writing(self) -> bool:
        return self._ttft > 0

    @property
    def paused(self) -> bool:
        return self._pieces is not None and self._pieces.qsize() >= _AHEAD

    def next_piece(self, timeout: float) -> Piece | None:
        """The next piece, None after the last. TimeoutError after so many seconds without one."""
        assert self._pieces is not None
        try:
            return self._pieces.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None

    def wants(self, start: int, end: int) -> range:
        return range(end - 1, end) if end == len(self.cells) else range(0)

    def take(self, context: Context, row: int, cell: int) -> None:
        drawn = self._sampler.sample(context, row)
        self._ttft = self._ttft or time.perf_counter() - self._begun
        if self._model.ends_reply(drawn.token):
            self._end("stop")
            return
        if self._keeps:
            self._drawn.append(drawn)
        piece = Piece(self._text.add(drawn.token), drawn.token, drawn.logprob, drawn.top)
        if self._pieces is not None:
            self._pieces.put(piece)
        if self._text.stopped or self._n_new(self._text) >= self._longest:
            self._end("stop" if self._text.stopped else "length")
        else:
            self.cells.append(key(drawn.token, self._vector))

    def stopped(self) -> None:
        self._end("cancelled")

    def _end(self, finish: Finish) -> None:
        self._text.finish()
        self.result.set_result(self.reply(self._text, finish))

    def reply(self, text: ReplyText, finish: Finish) -> Reply:
        """The reply as far as ``text``."""
        return Reply(
            text=text.text,
            tokens=text.settled_tokens(),
            finish=finish,
            prompt_tokens=self._n_prompt,
            reused_tokens=self.reused or 0,
            reply_tokens=self._n_new(text),
            ttft_s=self._ttft,
            seconds=time.perf_counter() - self._begun,
            dropped_turns=self._dropped,
            drawn=tuple(self._drawn[: self._n_new(text)]),
        )

    def _n_new(self, text: ReplyText) -> int:
        return len(text.tokens) - self._n_written

    def close(self) -> None:
        super().close()
        self._sampler.close()
        if self._pieces is not None:
            self._pieces.put(None)


class Reading(Job):
    """Logits read off: ``use(row, cell)`` makes of float32 [n_vocab] what is kept of each cell
    from ``first`` on. ``result``: the list of these, or None when it was cancelled."""

    def __init__(
        self,
        cells: Sequence[Cell],
        vectors: Mapping[str | None, VectorBuffer | None],
        names: VectorNames,
        *,
        first: int,
        use: Callable[[np.ndarray, int], Any],
        cancel: threading.Event | None = None,
    ) -> None:
        super().__init__(cells, vectors, names, cancel=cancel)
        self._first, self._use = first, use
        self._found: list[Any] = []

    @property
    def _next(self) -> int:
        """The next cell whose logits are wanted; a job that had to begin anew has some already."""
        return self._first + len(self._found)

    @property
    def beginning(self) -> Keys:
        return self.cells[: self._next + 1]

    def wants(self, start: int, end: int) -> range:
        return range(max(start, self._next), end)

    def take(self, context: Context, row: int, cell: int) -> None:
        self._found.append(self._use(context.logits(row), cell))
        if cell == len(self.cells) - 1:
            self.result.set_result(self._found)

    def stopped(self) -> None:
        self.result.set_result(None)
