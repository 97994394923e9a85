"""How fast a model is on this computer: what ``valueflow bench`` prints.

Every number is a median of a few runs, and what is compared is measured in turns, so that a
computer that grows slower for a while is slow for both. Replies run to their full length whatever
the model writes. Their vectors are random and act on every layer that can carry one.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle
from statistics import median
from typing import Any

import numpy as np

from chat_app.llm.context import Context
from chat_app.llm.context_options import ContextOptions
from chat_app.llm.engine import Engine, Reply, Request, Sampling, Turn, VectorBuffer
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import fit
from chat_app.steering.bank import build_bank, reading
from chat_app.vidb.loading import Vidb

Progress = Callable[[str, int, int], None]

STREAMS = (1, 2, 4, 8)
TURNS = 10
REPLIES = 16
BANK_TEXTS = 60
CONVERSATION = 2000  # tokens, where the model's context holds that many
_RUNS, _FEW_RUNS = 5, 3
_CHANGES = 32


@dataclass(frozen=True)
class Speeds:
    """Medians. Tokens a second are those of one reply, but for ``conversations``: {n: of all n}
    while all of them are being written.

    ``turn10_ttft_s``: from the request to the first token of a reply, on the tenth turn of a
    conversation under another profile on every turn; ``turn10_new_tokens_s``: what llama.cpp alone
    takes to read the tokens that are new in that turn, after the same conversation.
    ``replies_per_s``: of 16 replies of one prompt. ``bank_tokens_per_s`` counts the tokens of texts
    and of the prompts before them. ``set_vector_us``: what a change of the vector takes, in the
    call itself and in the decode that follows.
    """

    prompt_tokens_per_s: float
    reply_tokens_per_s: float
    reply_tokens_per_s_vector: float
    turn10_ttft_s: float
    turn10_new_tokens_s: float
    conversations: dict[int, float]
    replies_per_s: float
    bank_texts_per_s: float
    bank_tokens_per_s: float
    set_vector_us: float


@dataclass(frozen=True)
class Lengths:
    """In tokens: a long prompt, a short one, a reply, a conversation of ten turns, the context."""

    prompt: int
    short: int
    reply: int
    conversation: int
    context: int

    @classmethod
    def fitting(cls, n_ctx: int) -> "Lengths":
        """For a model whose context holds ``n_ctx``.

        >>> Lengths.fitting(32768)
        Lengths(prompt=512, short=24, reply=64, conversation=2000, context=4096)
        >>> Lengths.fitting(1024).conversation
        819
        """
        return cls(
            prompt=min(512, n_ctx // 2),
            short=min(24, n_ctx // 16),
            reply=min(64, n_ctx // 8),
            conversation=min(CONVERSATION, n_ctx * 4 // 5),
            context=min(4096, n_ctx),
        )


class Passages:
    """Text of a wanted length out of VIDB's, other text each time."""

    def __init__(self, model: ChatModel, vidb: Vidb) -> None:
        self._model = model
        self._texts = cycle(anchor.text for anchor in vidb.anchors)
        self._number = count(1)

    def take(self, n_tokens: int) -> str:
        """Text of about ``n_tokens`` tokens that begins like no other passage."""
        text, tokens = f"{next(self._number)}.", list[int]()
        while len(tokens) < n_tokens:
            text += f" {next(self._texts)}"
            tokens = self._model.tokenize(text)
        pieces = b"".join(self._model.piece(token) for token in tokens[:n_tokens])
        return pieces.decode("utf-8", errors="ignore")


class Bench:
    """A model, and what it is measured with.

    ``vidb``: text to read. ``n_threads`` and ``options``: None takes those of a chat.

    Every run has an engine of its own, whose cache is empty: what other conversations have left
    in the cache slows the ones that are written.
    """

    def __init__(
        self,
        model: ChatModel,
        vidb: Vidb,
        *,
        n_threads: int | None = None,
        options: ContextOptions | None = None,
    ) -> None:
        self.lengths = Lengths.fitting(model.n_ctx_train)
        self._model, self._vidb = model, vidb
        self._n_threads, self._options = n_threads, options
        self._passages = Passages(model, vidb)
        ends = (token for token in range(model.n_vocab) if model.ends_reply(token))
        self._never = tuple((token, -math.inf) for token in ends)
        self._seeds = count()
        self._vector = _random_vector(model, 0)

    def run(self, progress: Progress | None = None) -> Speeds:
        """Measure everything: about a minute for a model of 300M parameters on two cores."""
        parts: tuple[Callable[[], dict[str, Any]], ...] = (
            self.prompt, self.one_reply, self.tenth_turn, self.conversations, self.many_replies,
            self.bank, self.change_of_vector,
        )  # fmt: skip
        self._reply(self.lengths.short, self._vector, 4)  # the first decode reads the model's file
        found: dict[str, Any] = {}
        for done, part in enumerate(parts):
            if progress:
                progress("measuring", done, len(parts))
            found |= part()
        return Speeds(**found)

    def prompt(self, runs: int = _RUNS) -> dict[str, float]:
        """Long prompts, until the first token of the reply."""
        rates = []
        for _ in range(runs):
            reply = self._reply(self.lengths.prompt, None, 1)
            rates.append((reply.prompt_tokens - reply.reused_tokens) / reply.ttft_s)
        return {"prompt_tokens_per_s": median(rates)}

    def one_reply(self, runs: int = _RUNS) -> dict[str, float]:
        """One reply at a time, without and with a vector by turns."""
        plain: list[float] = []
        steered: list[float] = []
        pairs = [(None, plain), (self._vector, steered)]
        for run in range(runs):
            for vector, rates in pairs if run % 2 else reversed(pairs):
                reply = self._reply(self.lengths.short, vector, self.lengths.reply)
                rates.append(reply.tokens_per_s)
        return {
            "reply_tokens_per_s": median(plain),
            "reply_tokens_per_s_vector": median(steered),
        }

    def tenth_turn(self) -> dict[str, float]:
        """The tenth turn several times over, and after each its new tokens alone."""
        whole, alone = [], []
        with closing(self._context()) as context, closing(self._engine()) as engine:
            turns = self._nine_turns(engine)
            for run in range(_RUNS):
                vector = _random_vector(self._model, TURNS + run)
                asked = [*turns, self._asked()]
                reply = engine.reply(asked, self._sampling(1), vector=vector)
                reused = reply.reused_tokens
                cells = fit(self._model, asked, vector, n_ctx=engine.n_ctx, reserve=1).cells
                tokens = [cell.token for cell in cells]
                if run == 0 or not context.trim(reused):
                    context.clear()
                    _read(context, tokens[:reused], 0)
                whole.append(reply.ttft_s)
                alone.append(_seconds(lambda: _read(context, tokens[reused:], reused)))  # noqa: B023
        return {"turn10_ttft_s": median(whole), "turn10_new_tokens_s": median(alone)}

    def conversations(self) -> dict[str, dict[int, float]]:
        """Several conversations at once, all under one vector."""
        rates: dict[int, list[float]] = {n: [] for n in STREAMS}
        for _ in range(_FEW_RUNS):
            for n in STREAMS:
                rates[n].append(self._together(n))
        return {"conversations": {n: median(of) for n, of in rates.items()}}

    def many_replies(self) -> dict[str, float]:
        """Many replies of one prompt, as calibration and studies draw them."""
        seconds = []
        for _ in range(_FEW_RUNS):
            turns = [Turn("user", self._passages.take(self.lengths.short))]
            requests = [
                Request(turns, self._sampling(self.lengths.reply), self._vector)
                for _ in range(REPLIES)
            ]
            with closing(self._engine()) as engine:
                seconds.append(_seconds(lambda: engine.replies(requests)))  # noqa: B023
        return {"replies_per_s": REPLIES / median(seconds)}

    def bank(self) -> dict[str, float]:
        """The activation bank of the first texts."""
        texts = Vidb("bench", self._vidb.anchors[:BANK_TEXTS])
        n_tokens = sum(len(reading(self._model, anchor)[0]) for anchor in texts.anchors)
        seconds = median(
            _seconds(lambda: build_bank(self._model, texts, None)) for _ in range(_FEW_RUNS)
        )
        return {
            "bank_texts_per_s": len(texts.anchors) / seconds,
            "bank_tokens_per_s": n_tokens / seconds,
        }

    def change_of_vector(self) -> dict[str, float]:
        """How much longer a token takes before which the vector is changed."""
        vectors = [_random_vector(self._model, seed) for seed in (1, 2)]
        same, changed = [], []
        with closing(self._context()) as context:

            def step(position: int, vector: VectorBuffer) -> float:
                def decode() -> None:
                    context.set_vector(vector)
                    context.decode([0], [position], logits=[0])

                return _seconds(decode)

            for i in range(min(_CHANGES, self.lengths.context // 2)):
                times = [step(2 * i + half, vectors[i % 2]) for half in (0, 1)]
                changed.append(times[0])
                same.append(times[1])
        return {"set_vector_us": 1e6 * (median(changed) - median(same))}

    def _nine_turns(self, engine: Engine) -> list[Turn]:
        """All but the last of the conversation's turns, each reply under a vector of its own."""
        turns: list[Turn] = []
        for number in range(1, TURNS):
            vector = _random_vector(self._model, number)
            turns.append(self._asked())
            sampling = self._sampling(self._reply_in_turn)
            reply = engine.reply(turns, sampling, vector=vector)
            turns.append(Turn("assistant", reply.text, tokens=reply.tokens, vector=vector))
        return turns

    @property
    def _reply_in_turn(self) -> int:
        return max(1, self.lengths.conversation // TURNS * 3 // 10)

    def _asked(self) -> Turn:
        glue = 10  # about what the template adds to a turn
        n = self.lengths.conversation // TURNS - self._reply_in_turn - glue
        return Turn("user", self._passages.take(max(1, n)))

    def _together(self, n: int) -> float:
        """Tokens a second of ``n`` conversations, from when all are written until one ends."""
        length = self.lengths.reply * 3 // 2
        prompts = [[Turn("user", self._passages.take(self.lengths.short))] for _ in range(n)]
        samplings = [self._sampling(length) for _ in range(n)]

        def follow(turns: Sequence[Turn], sampling: Sampling) -> list[float]:
            pieces = engine.stream(turns, sampling, vector=self._vector)
            # what was held back at the end comes as a piece of its own, and is no token
            return [time.perf_counter() for _ in pieces][:length]

        with closing(self._engine()) as engine, ThreadPoolExecutor(n) as readers:
            times = list(readers.map(follow, prompts, samplings))
        begun, ended = max(of[0] for of in times), min(of[-1] for of in times)
        if begun >= ended:  # so short that they were never all at it
            begun, ended = min(of[0] for of in times), max(of[-1] for of in times)
        return sum(begun < at <= ended for of in times for at in of) / (ended - begun)

    def _reply(self, n_prompt: int, vector: VectorBuffer | None, n_reply: int) -> Reply:
        turns = [Turn("user", self._passages.take(n_prompt))]
        with closing(self._engine()) as engine:
            return engine.reply(turns, self._sampling(n_reply), vector=vector)

    def _sampling(self, n_tokens: int) -> Sampling:
        """As in a chat, for a reply of exactly ``n_tokens``."""
        return Sampling(max_tokens=n_tokens, seed=next(self._seeds), logit_bias=self._never)

    def _engine(self) -> Engine:
        """As the chat's, with nothing in its cache."""
        return Engine(
            self._model,
            n_ctx=self.lengths.context,
            n_threads=self._n_threads,
            options=self._options,
        )

    def _context(self) -> Context:
        """llama.cpp alone."""
        return Context(
            self._model,
            n_ctx=self.lengths.context,
            n_threads=self._n_threads,
            options=self._options,
        )


def _random_vector(model: ChatModel, seed: int) -> VectorBuffer:
    rng = np.random.default_rng(seed)
    data = 0.01 * rng.standard_normal((model.n_layer - 1, model.n_embd), np.float32)
    return VectorBuffer(data, 1, model.n_layer - 1, f"bench-{seed}")


def _read(context: Context, tokens: Sequence[int], start: int) -> None:
    """Decode ``tokens`` from position ``start`` on, with the logits of the last."""
    for at in range(0, len(tokens), context.n_batch):
        part = tokens[at : at + context.n_batch]
        last = at + len(part) == len(tokens)
        positions = range(start + at, start + at + len(part))
        context.decode(part, positions, logits=[len(part) - 1] if last else ())


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
