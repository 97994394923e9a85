"""The judge: a local language model that can only answer with an order.

The answer is read token by token. Wherever a label is due, the choice is among those that are
left, whatever the model would rather say, so that even a model that understands nothing gives a
permutation.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chat_app.evaluation.judge_prompt import question, wording
from chat_app.evaluation.ranking import Lineup, NoOrder, Order, RankerError
from chat_app.llm.branches import Branches, common_prefix
from chat_app.llm.labels import Labels, one_token_labels
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Turn, lay_out

log = logging.getLogger(__name__)

_FORM = "Answer with their labels only, separated by blanks."
_METHOD = 1  # goes up whenever the same answers would be read as another order
ROTATIONS = 2


@dataclass(frozen=True)
class Effort:
    """What a ranking cost: ``shared_tokens`` of the prompts were in the cache already."""

    windows: int
    prompts: int
    read_tokens: int
    shared_tokens: int


@dataclass(frozen=True)
class _View:
    """A window as one prompt shows it: ``shown[i]`` is the text under label i."""

    tokens: tuple[int, ...]
    shown: Order


@dataclass(frozen=True)
class _Asked:
    """The window at ``place`` in the request: its views, whose first ``shared`` tokens are
    those of every window of its value."""

    place: int
    texts: tuple[str, ...]
    labels: Labels
    views: tuple[_View, ...]
    shared: int

    @property
    def longest(self) -> int:
        """Tokens of the longest view with its answer."""
        answer = len(self.texts) * (1 + len(self.labels.glue))
        return max(len(view.tokens) for view in self.views) + answer


class LlmRanker:
    """Asks a chat model which text comes first, which next, and so on.

    Models favour some places and labels. Each window is therefore asked as ``rotations`` views,
    in which its texts are moved on in a circle by equal steps, and all views answer in step: with
    S the texts that are left, the next text is

        argmax over t in S of  sum over views r of log p_r(t | the texts before it, S),

    p_r being the model's distribution over the labels that are left in view r, where the text
    that was chosen goes on in each view under the label that it has there. With as many rotations
    as texts (any larger number means that), moving the texts of a window on in a circle does not
    change their order.

    An order depends on nothing but its window: what all windows of a value begin with is read
    once, but each window is then decoded by itself (its views in one batch), since other
    neighbours in a batch are other roundings, which decide where the model is undecided.

    Each call makes a context of its own and gives it back: the chat is not disturbed, and threads
    may share the ranker.
    """

    name = "llm"

    def __init__(
        self, model: ChatModel, *, rotations: int = ROTATIONS, n_threads: int | None = None
    ) -> None:
        if rotations < 1:
            raise RankerError(f"A judge is asked at least once a window, not {rotations} times.")
        self.model = model
        self.rotations = rotations
        self.version = f"{model.info.sha256[:12]}-{wording(_FORM)}-{_METHOD}-r{rotations}"
        self._n_threads = n_threads

    def rank(self, windows: Sequence[Lineup]) -> list[Order]:
        """Orders of ``windows``.

        Raises RankerError for a window that is longer than the model can read, EngineError for
        one of more texts than the model has labels for, UnknownValue for an unknown value.
        """
        orders, effort = self.judge(windows)
        log.debug("%s", effort)
        return orders

    def judge(self, windows: Sequence[Lineup]) -> tuple[list[Order], Effort]:
        """The orders of :meth:`rank`, and what they cost."""
        orders: list[Order] = [tuple(range(len(window.texts))) for window in windows]
        asked = self._ask(windows)
        if not asked:
            return orders, Effort(len(windows), 0, 0, 0)
        views = [len(window.views) for window in asked]
        branches = Branches(
            self.model,
            n_ctx=max(len(window.views) * window.longest for window in asked),
            n_seq=max(views),
            n_threads=self._n_threads,
        )
        try:
            for window in asked:
                orders[window.place] = _order(branches, window)
            read, shared = branches.read_tokens, branches.shared_tokens
        finally:
            branches.close()
        return orders, Effort(len(windows), sum(views), read, shared)

    def _ask(self, windows: Sequence[Lineup]) -> list[_Asked]:
        """The windows that need a judge, value by value."""
        sizes = {len(w.texts) for w in windows} - {0, 1}
        labels = {n: one_token_labels(self.model, n) for n in sizes}
        trunks = {value: self._trunk(value) for value in {w.value for w in windows}}
        asked = [
            self._window(place, window, labels[len(window.texts)], trunks[window.value])
            for place, window in enumerate(windows)
            if len(window.texts) > 1
        ]
        return sorted(asked, key=lambda window: windows[window.place].value)

    def _window(self, place: int, window: Lineup, labels: Labels, trunk: Sequence[int]) -> _Asked:
        texts = tuple(window.texts)
        n = len(texts)
        views = []
        rotations = min(self.rotations, n)
        for start in (r * n // rotations for r in range(rotations)):
            shown = (*range(start, n), *range(start))
            words = question(window.value, [texts[i] for i in shown], labels.texts, _FORM)
            views.append(_View((*self._tokens(words), *labels.opener), shown))
        views.sort(key=lambda view: view.tokens)  # the sums are the same from wherever one begins
        shared = min(common_prefix(trunk, view.tokens[:-1]) for view in views)
        asked = _Asked(place, texts, labels, tuple(views), shared)
        if asked.longest > self.model.n_ctx_train:
            raise NoOrder(
                f"A window of {n} texts is {asked.longest:,} tokens long, and "
                f"{self.model.info.name} reads at most {self.model.n_ctx_train:,}: judge shorter "
                "texts, fewer at a time, or choose another judge (VALUEFLOW_JUDGE_MODEL)."
            )
        return asked

    def _trunk(self, value: str) -> tuple[int, ...]:
        """The tokens with which every question about ``value`` begins."""
        one, other = (self._tokens(question(value, [t], ["1"], _FORM)) for t in ("a", "Z"))
        return one[: common_prefix(one, other)]

    def _tokens(self, words: str) -> tuple[int, ...]:
        return tuple(cell.token for cell in lay_out(self.model, [Turn("user", words)], None))


def _order(branches: Branches, window: _Asked) -> Order:
    """The order on which the views of ``window`` agree, step by step."""
    trunk = window.views[0].tokens[: window.shared]
    logits = branches.grow(trunk, [view.tokens[window.shared :] for view in window.views])
    ids, order = window.labels.first, []
    left = list(range(len(window.texts)))
    while True:
        total = np.zeros(len(left))
        for view, row in zip(window.views, logits, strict=True):
            allowed = row[[ids[view.shown.index(i)] for i in left]].astype(np.float64)
            total += allowed - np.logaddexp.reduce(allowed)
        # Equal texts must not be ordered by their place, so a tie goes by the text itself.
        best = min(range(len(left)), key=lambda at: (-total[at], window.texts[left[at]]))
        order.append(left.pop(best))
        if len(left) == 1:
            return (*order, *left)
        chosen = [ids[view.shown.index(order[-1])] for view in window.views]
        logits = branches.append([[token, *window.labels.glue] for token in chosen])
        ids = window.labels.later
