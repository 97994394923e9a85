"""From logits to text: llama.cpp's samplers, and tokens turned into text that is safe to show."""

import codecs
import ctypes
import math
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm.context import EngineError
from chat_app.llm.grammar import Grammar, candidate_array
from chat_app.llm.logprobs import likeliest, log_norm, top_log_probs
from chat_app.llm.template import Asking

if TYPE_CHECKING:
    from chat_app.llm.context import Context
    from chat_app.llm.model import ChatModel

_SEEDS = 2**32 - 1  # the largest 32-bit number means "random" to llama.cpp
_PENALTY_WINDOW = 64
_COLDEST = 1e-6  # below, logits / temperature overflows, and nothing but the likeliest is left
# How many of the likeliest tokens a grammar is asked about, before all are.
_HEADS = (256, 4096)
_MOST_LOGPROBS = 100
_NO_NUMBERS = "The model computes no numbers any more; where it is steered, steer it less."


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. Temperature 0 takes the likeliest token each time.

    ``repeat_penalty`` (1: none) looks at the last 64 tokens of the reply itself, and so do
    ``frequency_penalty``, taken off a token's logit once for each time it stands there, and
    ``presence_penalty``, taken off once. ``stop``: texts at which the reply ends; they are not
    part of it. The same seed draws the same reply.

    ``grammar``: GBNF that the reply follows, from its rule "root" (:mod:`chat_app.llm.grammar`).
    ``logit_bias``: (token, what is added to its logit); minus infinity: it is never drawn.
    ``logprobs``: log-probabilities of each drawn token and of that many likeliest ones (0: of
    the drawn token alone), of the model's own distribution; it changes nothing that is drawn.

    ``think``, ``today`` (as 2026-11-27): how the chat template asks for the reply
    (:class:`chat_app.llm.template.Asking`).
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    think: bool = False
    today: str | None = None

    @property
    def asking(self) -> Asking:
        return Asking(self.think, date.fromisoformat(self.today) if self.today else None)

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0.0, 100.0),
            "top_k": (0, 2**31 - 1),
            "top_p": (0.0, 1.0),
            "min_p": (0.0, 1.0),
            "repeat_penalty": (0.01, 100.0),
            "max_tokens": (1, math.inf),
            "logprobs": (0, _MOST_LOGPROBS),
            "frequency_penalty": (-2.0, 2.0),
            "presence_penalty": (-2.0, 2.0),
        }
        for name, (low, high) in ranges.items():
            number = getattr(self, name)
            if number is not None and not low <= number <= high:
                span = f"at least {low}" if math.isinf(high) else f"between {low} and {high}"
                raise ValueflowError(f"{name} is {number}; it must be {span}.")
        for token, bias in self.logit_bias:
            if math.isnan(bias) or bias == math.inf:
                raise ValueflowError(
                    f"logit_bias of token {token} is {bias}; it must be a number, or minus "
                    "infinity for a token that is never drawn."
                )
        if len({token for token, _ in self.logit_bias}) < len(self.logit_bias):
            raise ValueflowError("logit_bias names a token twice.")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn token; where asked for, its log-probability and (token, log p) of the likeliest."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Sampler:
    """The samplers of one reply, with what they remember of it: penalties, grammar, seed.

    Order: bias, grammar, penalty, top-k, top-p, min-p, temperature, draw. What may not be drawn
    is out before the likeliest are chosen, so that something is left whenever anything may come.
    """

    def __init__(self, sampling: Sampling, model: "ChatModel") -> None:
        """Raises ValueflowError for a grammar that cannot be read or a token that there is not:
        make the sampler before anything is decoded."""
        for token, _ in sampling.logit_bias:
            if not 0 <= token < model.n_vocab:
                raise ValueflowError(
                    f"logit_bias names token {token}; the model has tokens 0 to "
                    f"{model.n_vocab - 1}."
                )
        self._logprobs = sampling.logprobs
        self._bias = dict(sampling.logit_bias)
        self._enough = _enough(sampling)
        self._grammar = Grammar(sampling.grammar, model) if sampling.grammar is not None else None
        if self._grammar is not None:  # their names are no part of the reply's text
            self._silent = model.silent_tokens
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        self._close = weakref.finalize(self, lib.llama_sampler_free, self._chain)
        self._close.atexit = False  # as the process ends, the engine's thread may still draw
        if self._bias and self._grammar is None:
            lib.llama_sampler_chain_add(self._chain, _bias_link(sampling.logit_bias, model.n_vocab))
        for link in _links(sampling, model.n_vocab):
            lib.llama_sampler_chain_add(self._chain, link)

    def sample(self, context: "Context", index: int = -1) -> Drawn:
        """The next token, from the logits asked for at ``index`` of the last decode.

        Raises :class:`EngineError` where no token may come, or the logits are no numbers.
        """
        if self._grammar is not None:
            token = self._draw_allowed(self._grammar, context, index)
        else:
            # llama_sampler_sample also tells the chain which token was drawn, once.
            token = int(lib.llama_sampler_sample(self._chain, context.handle, index))
            if self._bias.get(token) == -math.inf:
                raise EngineError("No token is left to be drawn: logit_bias rules out all.")
        if math.isnan(lib.llama_get_logits_ith(context.handle, index)[token]):
            raise EngineError(_NO_NUMBERS)
        if self._logprobs is None:
            return Drawn(token)
        logits = context.logits(index)
        norm = log_norm(logits)
        own = float(logits[token]) - norm
        return Drawn(token, own, top_log_probs(logits, self._logprobs, norm))

    def begin(self, written: Sequence[int]) -> None:
        """Take in the tokens of a reply that goes on after them, as if they had been drawn here."""
        for token in written:
            lib.llama_sampler_accept(self._chain, token)
            if self._grammar is not None:
                self._grammar.accept(token)

    def close(self) -> None:
        self._close()
        if self._grammar is not None:
            self._grammar.close()

    def _draw_allowed(self, grammar: Grammar, context: "Context", index: int) -> int:
        """A token that ``grammar`` allows: as if all tokens had been held against it first.

        A grammar needs milliseconds for a large vocabulary. Where enough of the likeliest tokens
        are allowed, no other one can get past top-k.
        """
        logits = context.logits(index)
        if math.isnan(logits.max()):
            raise EngineError(_NO_NUMBERS)
        logits[self._silent] = -np.inf
        for token, bias in self._bias.items():
            logits[token] += bias
        pool = np.arange(len(logits))
        for head in (*_HEADS, len(logits)):
            ids = pool[likeliest(logits[pool], head)]
            allowed = grammar.allowed(ids, logits[ids])
            if len(allowed) >= self._enough or head >= len(pool):
                break
            if head == _HEADS[0]:
                pool = grammar.imaginable()
        if not len(allowed):
            raise EngineError("No token is left to be drawn: the grammar allows none that may be.")
        array = candidate_array(allowed)
        lib.llama_sampler_apply(self._chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        lib.llama_sampler_accept(self._chain, token)
        grammar.accept(token)
        return token


def _enough(sampling: Sampling) -> float:
    """How many of the likeliest tokens hold all that can get past penalty and top-k.

    Penalties lower at most 64 of them; rewards may raise any other token.
    """
    top_k = 1 if sampling.temperature < _COLDEST else sampling.top_k
    penalties = _penalties(sampling)
    if top_k == 0 or min(penalties) < 0.0:
        return math.inf
    return top_k + (_PENALTY_WINDOW if any(penalties) else 0)


def _penalties(sampling: Sampling) -> tuple[float, float, float]:
    """Each above 0 where a token that was drawn becomes less likely, below where more."""
    return (
        sampling.repeat_penalty - 1.0,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )


def _links(sampling: Sampling, n_vocab: int) -> Iterator[Any]:
    if any(_penalties(sampling)):
        if (enough := _enough(sampling)) < n_vocab:
            # llama.cpp looks each token up among the last ones; most need no look.
            yield lib.llama_sampler_init_top_k(int(enough))
        yield lib.llama_sampler_init_penalties(
            n_vocab, _PENALTY_WINDOW, sampling.repeat_penalty,
            sampling.frequency_penalty, sampling.presence_penalty,
        )  # fmt: skip
    if sampling.temperature < _COLDEST:
        yield lib.llama_sampler_init_greedy()
    else:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
        yield lib.llama_sampler_init_top_p(sampling.top_p, 1)
        yield lib.llama_sampler_init_min_p(sampling.min_p, 1)
        yield lib.llama_sampler_init_temp(sampling.temperature)
        yield lib.llama_sampler_init_dist(sampling.seed % _SEEDS)


def _bias_link(logit_bias: tuple[tuple[int, float], ...], n_vocab: int) -> Any:
    pairs = (lib.llama_logit_bias * len(logit_bias))(*logit_bias)
    return lib.llama_sampler_init_logit_bias(n_vocab, len(pairs), pairs)


class ReplyText:
    """The text of a reply as it grows, token by token.

    A character whose bytes straddle tokens is held back until it is whole, and so is the end of
    the text while it could be the beginning of a stop text. ``text`` is what may be shown.
    ``written``: tokens that are there from the start; stop texts are looked for after them.
    ``opening``: a beginning of the text that stands in the prompt already, and has no tokens here.
    """

    def __init__(
        self,
        model: "ChatModel",
        stop: tuple[str, ...] = (),
        written: Sequence[int] = (),
        opening: str = "",
    ) -> None:
        self._model = model
        self._stop = tuple(s for s in stop if s)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._ends: list[int] = []  # characters of the reply that need each token or one before
        self.tokens: list[int] = []
        self._opening = opening
        self.text = opening if written else ""  # else it is shown with the first token
        self.stopped = False
        for token in written:
            self._take(token)
        self._show(len(self._held))

    def add(self, token: int) -> str:
        """Take ``token`` in; what can be shown because of it."""
        opening = "" if self.tokens else self._opening
        self.text += opening
        self._take(token)
        at = min((i for s in self._stop if (i := self._held.find(s)) >= 0), default=-1)
        if at >= 0:
            self.stopped = True
            return opening + self._show(at)
        return opening + self._show(len(self._held) - self._maybe_stop())

    def _take(self, token: int) -> None:
        self._held += self._decoder.decode(self._model.piece(token))
        half = bool(self._decoder.getstate()[0])
        self.tokens.append(token)
        self._ends.append(len(self.text) + len(self._held) + half)

    def finish(self) -> str:
        """What was held back and is shown after all, since no more tokens come."""
        return "" if self.stopped else self._show(len(self._held))

    def settled_tokens(self) -> tuple[int, ...]:
        """The tokens of ``text`` after its opening: as drawn, without those past its end.

        Where a stop text begins inside a token, what stands before it is tokenised anew.
        """
        kept = len(self.tokens)
        while kept and self._ends[kept - 1] > len(self.text):
            kept -= 1
        rest = self.text[self._ends[kept - 1] if kept else len(self._opening) :]
        return (*self.tokens[:kept], *(self._model.tokenize(rest) if rest else ()))

    def _show(self, count: int) -> str:
        shown, self._held = self._held[:count], self._held[count:]
        self.text += shown
        return shown

    def _maybe_stop(self) -> int:
        """How many characters at the end of what is held could begin a stop text."""
        longest = max((len(s) for s in self._stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(s.startswith(self._held[-size:]) for s in self._stop):
                return size
        return 0


def reply_text(model: "ChatModel", sampling: Sampling, written: Sequence[int] = ()) -> ReplyText:
    """The text, still empty or ``written`` so far, of a reply that is drawn by ``sampling``."""
    opening = model.template.opening(sampling.asking)
    return ReplyText(model, sampling.stop, written, opening)
