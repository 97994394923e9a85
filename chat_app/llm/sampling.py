"""From logits to text: llama.cpp's samplers, and tokens turned into text that is safe to show."""

import codecs
import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import llama_cpp.llama_cpp as lib

from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.llm.context import Context
    from chat_app.llm.model import ChatModel

_SEEDS = 2**32 - 1  # the largest 32-bit number means "random" to llama.cpp
_PENALTY_WINDOW = 64


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. Temperature 0 takes the likeliest token each time.

    ``repeat_penalty`` (1: none) looks at the last 64 tokens of the reply itself. ``stop``:
    texts at which the reply ends; they are not part of it. The same seed draws the same reply.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (0.0, 100.0),
            "top_p": (0.0, 1.0),
            "min_p": (0.0, 1.0),
            "repeat_penalty": (0.01, 100.0),
            "max_tokens": (1, math.inf),
        }
        for name, (low, high) in ranges.items():
            number = getattr(self, name)
            if not low <= number <= high:
                span = f"at least {low}" if math.isinf(high) else f"between {low} and {high}"
                raise ValueflowError(f"{name} is {number}; it must be {span}.")


class Sampler:
    """llama.cpp's sampler chain for one reply: penalty, top-k, top-p, min-p, temperature, draw."""

    def __init__(self, sampling: Sampling, n_vocab: int) -> None:
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        self._close = weakref.finalize(self, lib.llama_sampler_free, self._chain)
        links = []
        if sampling.repeat_penalty != 1.0:
            penalty = sampling.repeat_penalty
            links.append(
                lib.llama_sampler_init_penalties(n_vocab, _PENALTY_WINDOW, penalty, 0.0, 0.0)
            )
        if sampling.temperature == 0:
            links.append(lib.llama_sampler_init_greedy())
        else:
            links += [
                lib.llama_sampler_init_top_k(sampling.top_k),
                lib.llama_sampler_init_top_p(sampling.top_p, 1),
                lib.llama_sampler_init_min_p(sampling.min_p, 1),
                lib.llama_sampler_init_temp(sampling.temperature),
                lib.llama_sampler_init_dist(sampling.seed % _SEEDS),
            ]
        for link in links:
            lib.llama_sampler_chain_add(self._chain, link)

    def sample(self, context: "Context") -> int:
        """The next token, from the logits of the last token decoded."""
        return int(lib.llama_sampler_sample(self._chain, context.handle, -1))

    def close(self) -> None:
        self._close()


class ReplyText:
    """The text of a reply as it grows, token by token.

    A character whose bytes straddle tokens is held back until it is whole, and so is the end of
    the text while it could be the beginning of a stop text. ``text`` is what may be shown.
    """

    def __init__(self, model: "ChatModel", stop: tuple[str, ...] = ()) -> None:
        self._model = model
        self._stop = tuple(s for s in stop if s)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._ends: list[int] = []  # characters of the reply that need each token or one before
        self.tokens: list[int] = []
        self.text = ""
        self.stopped = False

    def add(self, token: int) -> str:
        """Take ``token`` in; what can be shown because of it."""
        self._held += self._decoder.decode(self._model.piece(token))
        half = bool(self._decoder.getstate()[0])
        self.tokens.append(token)
        self._ends.append(len(self.text) + len(self._held) + half)
        at = min((i for s in self._stop if (i := self._held.find(s)) >= 0), default=-1)
        if at >= 0:
            self.stopped = True
            return self._show(at)
        return self._show(len(self._held) - self._maybe_stop())

    def finish(self) -> str:
        """What was held back and is shown after all, since no more tokens come."""
        return "" if self.stopped else self._show(len(self._held))

    def settled_tokens(self) -> tuple[int, ...]:
        """The tokens of ``text``: as drawn, without those past its end.

        Where a stop text begins inside a token, what stands before it is tokenised anew.
        """
        kept = len(self.tokens)
        while kept and self._ends[kept - 1] > len(self.text):
            kept -= 1
        rest = self.text[self._ends[kept - 1] if kept else 0 :]
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
