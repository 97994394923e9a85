"""From a text to its measured intensities: panels of anchors, a ranker, Plackett-Luce.

Before the first score the ranker itself is measured, once: known anchors take the response's
part, which gives its discrimination beta (utility = beta x intensity) and its dispersion. The
dispersion is there because the windows of one response are not independent for a ranker that
misjudges a text in the same way each time: it is the factor by which the errors of the known
anchors exceed their standard errors, and replies' standard errors are widened by it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.panels import Window, bucket_windows
from chat_app.evaluation.plackett_luce import (
    RankingError,
    choice_pools,
    fit_discrimination,
    fit_intensities,
)
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb

if TYPE_CHECKING:
    from chat_app.evaluation.ranking import Ranker

Order = tuple[int, ...]

# Anchors a value that play the response while the ranker is measured: with m = 3 and 32 values
# 384 windows, which settle beta and the dispersion to about 5%.
KNOWN_PER_VALUE = 4


class EvaluationError(ValueflowError):
    """A text that cannot be scored, or a ranker that cannot score."""


@dataclass(frozen=True)
class Score:
    """How strongly a text supports ``value``: intensity in [-10, 10], stderr in the same unit.

    ``windows`` tells how it came about, ready for JSON: the anchors' ids, the response's place
    among them, and the order that the ranker gave (indices into the window's texts, most
    supportive first). ``dispersion`` is in ``stderr`` already.
    """

    value: str
    intensity: float
    stderr: float
    ranker: str
    vidb_version: str
    windows: tuple[dict[str, Any], ...]
    beta: float
    dispersion: float = 1.0


@dataclass(frozen=True)
class Sharpness:
    """How a ranker orders known anchors: utility = beta x intensity; dispersion >= 1."""

    beta: float
    dispersion: float


class Evaluator:
    """Measures texts against ``vidb`` with ``ranker``: m windows of k texts for each value.

    ``Evaluator(vidb, HivesRanker(space)).score("I'd help her.", ["svt/benevolence"])`` gives
    ``{"svt/benevolence": Score(intensity=..., stderr=..., ...)}``.

    ``beta`` fixes the ranker's discrimination (the paper's is 1); left out, it is measured with
    the first score. Everything random follows from text and value, so a score comes out the same
    whenever it is computed again.
    """

    def __init__(
        self, vidb: Vidb, ranker: "Ranker", *, k: int = 6, m: int = 3, beta: float | None = None
    ) -> None:
        if beta is not None and not beta > 0:
            raise EvaluationError(f"beta is {beta:g}: it must be above 0.")
        self.vidb = vidb
        self.ranker = ranker
        self.k = k
        self.m = m
        self._given_beta = beta

    @cached_property
    def sharpness(self) -> Sharpness:
        """The ranker's beta and dispersion, from a few hundred windows of anchors.

        Raises EvaluationError for a ranker that orders the anchors no better than chance.
        """
        if self._given_beta is not None:
            return Sharpness(self._given_beta, 1.0)
        groups = [self.vidb.of(value) for value in self.vidb.values]
        known = [anchor for group in groups if len(group) > 1 for anchor in _known(group)]
        windows = [w for anchor in known for w in self._windows(anchor.text, anchor.value)]
        orders = self._rank(windows)
        truth = np.array([anchor.intensity for anchor in known])
        try:
            beta = fit_discrimination(_ranked(windows, orders, np.repeat(truth, self.m)))
        except RankingError as error:
            raise EvaluationError(
                f"The ranker {self.ranker.name} cannot be used: {error}."
            ) from None
        intensity, stderr = self._fit(windows, orders, beta)
        errors = (intensity - truth) / stderr
        return Sharpness(beta, max(1.0, float(np.sqrt(np.mean(errors**2)))))

    def score(self, text: str, values: Sequence[str]) -> dict[str, Score]:
        """The intensity of ``text`` for each of ``values``; see ``score_many``."""
        return self.score_many([text], values)[0]

    def score_many(self, texts: Sequence[str], values: Sequence[str]) -> list[dict[str, Score]]:
        """For each text, {value: Score}; all windows go to the ranker in one call.

        Raises EvaluationError for an empty text or a ranker that gives no order, VidbError for a
        value without anchors.
        """
        if not all(text.strip() for text in texts):
            raise EvaluationError("An empty text has no intensity: there is nothing to score.")
        pairs = [(text, value) for text in texts for value in values]
        if not pairs:
            return [{} for _ in texts]
        windows = [w for text, value in pairs for w in self._windows(text, value)]
        orders = self._rank(windows)
        beta, dispersion = self.sharpness.beta, self.sharpness.dispersion
        intensity, stderr = self._fit(windows, orders, beta)
        records = [_record(w, order) for w, order in zip(windows, orders, strict=True)]
        scores = [
            Score(
                value=value,
                intensity=float(intensity[i]),
                stderr=float(dispersion * stderr[i]),
                ranker=f"{self.ranker.name} {self.ranker.version}",
                vidb_version=self.vidb.version,
                windows=tuple(records[i * self.m : (i + 1) * self.m]),
                beta=beta,
                dispersion=dispersion,
            )
            for i, (_, value) in enumerate(pairs)
        ]
        rows = [scores[i : i + len(values)] for i in range(0, len(scores), len(values))]
        return [dict(zip(values, row, strict=True)) for row in rows]

    def _windows(self, text: str, value: str) -> list[Window]:
        return bucket_windows(text, value, self.vidb, k=self.k, m=self.m, seed=_seed(text, value))

    def _rank(self, windows: Sequence[Window]) -> list[Order]:
        orders = self.ranker.rank(windows)
        said = f"The ranker {self.ranker.name} gave"
        if len(orders) != len(windows):
            raise EvaluationError(f"{said} {len(orders)} orders for {len(windows)} windows.")
        for window, order in zip(windows, orders, strict=True):
            size = len(window.texts)
            if sorted(order) != list(range(size)):
                raise EvaluationError(f"{said} {list(order)}, which is no order of {size} texts.")
        return orders

    def _fit(
        self, windows: Sequence[Window], orders: Sequence[Order], beta: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Intensity and stderr, float [len(windows) / m] each, of responses with m windows each."""
        places = np.array([o.index(w.place) for w, o in zip(windows, orders, strict=True)])
        pools = choice_pools(beta * _ranked(windows, orders, np.zeros(len(windows))), places)
        return fit_intensities(pools.reshape(len(windows) // self.m, -1), self.m, beta=beta)


def _ranked(
    windows: Sequence[Window], orders: Sequence[Order], responses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intensities [N, k] in the judged orders; ``responses`` [N] for the responses'.

    Rows of windows with fewer texts end in -inf.
    """
    ranked = np.full((len(windows), max(len(w.texts) for w in windows)), -np.inf)
    for row, window, order, response in zip(ranked, windows, orders, responses, strict=True):
        known = window.intensities(response)
        row[: len(order)] = [known[i] for i in order]
    return ranked


def _record(window: Window, order: Order) -> dict[str, Any]:
    return {
        "anchors": [anchor.id for anchor in window.anchors],
        "place": window.place,
        "order": list(order),
    }


def _known(anchors: Sequence[Anchor]) -> list[Anchor]:
    """The anchors of a value nearest to -7.5, -2.5, 2.5 and 7.5: evenly along the scale.

    Quantiles would not do: anchors crowd at the ends, where the clip hides a ranker's mistakes.
    """
    width = (HIGHEST - LOWEST) / KNOWN_PER_VALUE
    middles = [LOWEST + (i + 0.5) * width for i in range(KNOWN_PER_VALUE)]
    nearest = (min(anchors, key=lambda a: abs(a.intensity - middle)) for middle in middles)
    return list(dict.fromkeys(nearest))


def _seed(text: str, value: str) -> int:
    digest = hashlib.sha256(f"{value}\n{text}".encode()).digest()
    return int.from_bytes(digest[:8])
