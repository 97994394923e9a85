"""Scores for values in a person's own words: whose anchors, whose order, and how sure.

The anchors are VIDB's own texts, worth to the custom value what its axis says they are
(``hives.custom``); the rest of the measurement is that of any value. An estimate is not a rating:
its error is on top of the standard error of each score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from chat_app.values.custom import is_custom
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb

if TYPE_CHECKING:
    from chat_app.evaluation.evaluator import Score
    from chat_app.evaluation.ranking import Lineup, Order, Ranker
    from chat_app.hives.custom import CustomValue
    from chat_app.hives.encoder import Encoder

Find = Callable[[str], "CustomValue"]


@dataclass(frozen=True)
class WiderVidb(Vidb):
    """``vidb`` with anchors for custom values, of which ``find(id)`` tells the anchors.

    Name, anchors and version are those of the VIDB itself.
    """

    find: Callable[[str], tuple[Anchor, ...]]

    def of(self, value: str) -> tuple[Anchor, ...]:
        """The anchors of ``value``, from most opposing to most supporting.

        Raises VidbError when there is none, and what ``find`` raises.
        """
        return self.find(value) if is_custom(value) else super().of(value)


class WiderHivesRanker:
    """The HIVES ranker ``known``, and for custom values the order along their axes.

    ``encoder`` gives the encoder of these axes, which is loaded when they are first asked for.
    """

    def __init__(self, known: "Ranker", encoder: "Callable[[], Encoder]", find: Find) -> None:
        self._known, self._encoder, self._find = known, encoder, find
        self.name, self.version = known.name, known.version

    def rank(self, windows: "Sequence[Lineup]") -> "list[Order]":
        """Orders of the windows; raises what the known ranker and ``find`` raise."""
        own = [i for i, window in enumerate(windows) if is_custom(window.value)]
        others = [i for i, window in enumerate(windows) if not is_custom(window.value)]
        orders: list[Order] = [()] * len(windows)
        if others:
            for i, order in zip(
                others, self._known.rank([windows[i] for i in others]), strict=True
            ):
                orders[i] = order
        texts = sorted({text for i in own for text in windows[i].texts})
        z = dict(zip(texts, self._encoder().encode(texts), strict=True)) if own else {}
        for i in own:
            axis = self._find(windows[i].value).axis
            along = [float(z[text] @ axis) for text in windows[i].texts]
            shown = windows[i].texts
            # A tie goes by the text itself, never by its place.
            orders[i] = tuple(sorted(range(len(shown)), key=lambda n: (-along[n], shown[n])))
        return orders


def widened(score: "Score", error: float) -> "Score":
    """``score`` with the ``error`` of its anchors added to its own: sqrt(stderr^2 + error^2)."""
    down, up = score.intensity - score.low, score.high - score.intensity
    return replace(
        score,
        stderr=hypot(score.stderr, error),
        low=float(np.clip(score.intensity - hypot(down, 1.96 * error), LOWEST, HIGHEST)),
        high=float(np.clip(score.intensity + hypot(up, 1.96 * error), LOWEST, HIGHEST)),
    )
