"""The engine: turns and a control vector in, a stream of tokens out.

It keeps one conversation's cells in llama.cpp's KV cache and reads only what differs from them,
so neither a longer conversation nor a changed profile makes it read the history again. It knows
nothing of values or profiles: a vector is a buffer with a hash.
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from chat_app.llm.context import Context, EngineError, VectorBuffer
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Cell, Turn, fit
from chat_app.llm.sampling import ReplyText, Sampler, Sampling

__all__ = ["Engine", "EngineError", "Piece", "Reply", "Sampling", "Turn", "VectorBuffer"]

Finish = Literal["stop", "length", "cancelled"]
_WAIT = 0.05  # seconds between two looks at ``cancel`` while another reply is being written


@dataclass(frozen=True)
class Piece:
    """One drawn token and the text that can be shown because of it (perhaps none yet)."""

    text: str
    token: int


@dataclass(frozen=True)
class Reply:
    """A finished reply. ``tokens`` are those of ``text``; times in seconds from the request."""

    text: str
    tokens: tuple[int, ...]
    finish: Finish
    prompt_tokens: int
    reused_tokens: int
    reply_tokens: int
    ttft_s: float
    seconds: float
    dropped_turns: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Reply tokens per second after the first."""
        writing = self.seconds - self.ttft_s
        return (self.reply_tokens - 1) / writing if self.reply_tokens > 1 and writing > 0 else 0.0


@dataclass(frozen=True)
class Request:
    """A reply that is wanted: the ``turns`` before it, how it is drawn, the vector it is under."""

    turns: Sequence[Turn]
    sampling: Sampling
    vector: VectorBuffer | None = None


class Engine:
    """One context of a model. Requests from several threads are served one after another."""

    def __init__(
        self, model: ChatModel, *, n_ctx: int = 4096, n_threads: int | None = None
    ) -> None:
        self.model = model
        self.n_ctx = min(n_ctx, model.n_ctx_train)
        self._context = Context(model, n_ctx=self.n_ctx, n_threads=n_threads)
        self._cells: list[Cell] = []  # always a prefix of what the KV cache holds
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._context.close()

    def stream(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        vector: VectorBuffer | None = None,
        cancel: threading.Event | None = None,
    ) -> Generator[Piece, None, Reply]:
        """Write the reply to ``turns`` under ``vector``; the generator returns the Reply.

        ``cancel`` ends it within one token (or one chunk of a long prompt), also while it waits
        for another reply. Closing the generator does the same. Raises :class:`EngineError` where
        the last turn does not fit the context.
        """
        begun = time.perf_counter()
        cancel = cancel or threading.Event()
        while not self._lock.acquire(timeout=_WAIT):
            if cancel.is_set():
                return Reply("", (), "cancelled", 0, 0, 0, 0.0, time.perf_counter() - begun)
        try:
            return (yield from self._write(turns, sampling, vector, cancel, begun))
        finally:
            self._lock.release()

    def reply(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        vector: VectorBuffer | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The whole reply at once; as :meth:`stream`."""
        return rest(self.stream(turns, sampling, vector=vector, cancel=cancel))

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
        were by then.
        """
        found = []
        for i, request in enumerate(requests):
            reply = self.reply(
                request.turns, request.sampling, vector=request.vector, cancel=cancel
            )
            found.append(reply)
            if done:
                done(i, reply)
        return found

    def log_probs(
        self, turns: Sequence[Turn], tokens: Sequence[int], *, vector: VectorBuffer | None = None
    ) -> np.ndarray:
        """float32 [n_tokens]: log p of each of ``tokens`` as the reply to ``turns``.

        Natural logarithms, of the model's own distribution (temperature 1, no truncation).
        Raises :class:`EngineError` where they do not fit the context.
        """
        found = np.zeros(len(tokens), dtype=np.float32)
        with self._lock:
            prompt = fit(self.model, turns, vector, n_ctx=self.n_ctx, reserve=len(tokens))
            vectors = _vectors(prompt.turns, vector)
            cells = [*prompt.cells]
            for i, token in enumerate(tokens):
                self._read(cells, vectors, threading.Event())
                logits = self._context.logits().astype(np.float64)
                top = logits.max()
                found[i] = logits[token] - top - np.log(np.exp(logits - top).sum())
                cells.append(Cell(token, vector.hash if vector else None))
        return found

    def next_logits(
        self, turns: Sequence[Turn], *, vector: VectorBuffer | None = None
    ) -> np.ndarray:
        """float32 [n_vocab]: the logits of the first token of a reply to ``turns``."""
        with self._lock:
            prompt = fit(self.model, turns, vector, n_ctx=self.n_ctx, reserve=1)
            self._read(prompt.cells, _vectors(turns, vector), threading.Event())
            return self._context.logits()

    def _write(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        vector: VectorBuffer | None,
        cancel: threading.Event,
        begun: float,
    ) -> Generator[Piece, None, Reply]:
        reserve = min(sampling.max_tokens, max(1, self.n_ctx // 4))
        prompt = fit(self.model, turns, vector, n_ctx=self.n_ctx, reserve=reserve)
        reused = self._read(prompt.cells, _vectors(prompt.turns, vector), cancel)
        text, ttft = ReplyText(self.model, sampling.stop), 0.0
        longest = min(sampling.max_tokens, self.n_ctx - len(prompt.cells) + 1)
        finish: Finish = "cancelled"
        sampler = Sampler(sampling, self.model)
        try:
            while not cancel.is_set():
                token = sampler.sample(self._context).token
                ttft = ttft or time.perf_counter() - begun
                if self.model.ends_reply(token):
                    finish = "stop"
                    break
                yield Piece(text.add(token), token)
                if text.stopped or len(text.tokens) >= longest:
                    finish = "stop" if text.stopped else "length"
                    break
                if not cancel.is_set():
                    self._append(token, vector)
        finally:
            sampler.close()
        if (held := text.finish()) and text.tokens:
            yield Piece(held, text.tokens[-1])
        return Reply(
            text=text.text,
            tokens=text.settled_tokens(),
            finish=finish,
            prompt_tokens=len(prompt.cells),
            reused_tokens=reused,
            reply_tokens=len(text.tokens),
            ttft_s=ttft,
            seconds=time.perf_counter() - begun,
            dropped_turns=prompt.dropped,
        )

    def _append(self, token: int, vector: VectorBuffer | None) -> None:
        self._context.set_vector(vector)
        self._context.decode([token], [len(self._cells)], logits=[0])
        self._cells.append(Cell(token, vector.hash if vector else None))

    def _read(
        self,
        cells: Sequence[Cell],
        vectors: dict[str | None, VectorBuffer | None],
        cancel: threading.Event,
    ) -> int:
        """Bring the KV cache to ``cells`` and their last token's logits; how many were there.

        ``self._cells`` shrinks before the cache does and grows after it, and whatever lies
        beyond is removed first: an exception anywhere leaves a state that is right.
        """
        kept = _common_prefix(self._cells, cells)
        kept = min(kept, len(cells) - 1)  # the last token is read again for its logits
        del self._cells[kept:]
        if not self._context.trim(kept):  # recurrent models cannot step back
            kept = 0
            self._cells.clear()
            self._context.trim(0)
        for hash_, run in groupby(cells[kept:], key=lambda cell: cell.vector):
            self._context.set_vector(vectors[hash_])
            waiting = list(run)
            while waiting:
                if cancel.is_set():
                    return kept
                chunk, waiting = waiting[: self._context.n_batch], waiting[self._context.n_batch :]
                at = len(self._cells)
                self._context.decode(
                    [cell.token for cell in chunk],
                    range(at, at + len(chunk)),
                    logits=[len(chunk) - 1] if at + len(chunk) == len(cells) else (),
                )
                self._cells += chunk
        return kept


def rest(pieces: Generator[Piece, None, Reply]) -> Reply:
    """The reply of a stream, whose remaining pieces are passed over."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            reply: Reply = end.value
            return reply


def _common_prefix(old: Sequence[Cell], new: Sequence[Cell]) -> int:
    for i, (a, b) in enumerate(zip(old, new, strict=False)):
        if a != b:
            return i
    return min(len(old), len(new))


def _vectors(
    turns: Sequence[Turn], vector: VectorBuffer | None
) -> dict[str | None, VectorBuffer | None]:
    known: dict[str | None, VectorBuffer | None] = {None: None}
    known |= {t.vector.hash: t.vector for t in turns if t.vector}
    return known | ({vector.hash: vector} if vector else {})
