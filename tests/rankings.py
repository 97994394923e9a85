"""Rankers of known behaviour, to hold the evaluator's statistics against."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat_app.evaluation.panels import Window
from chat_app.evaluation.ranking import Lineup, Order


@dataclass(frozen=True)
class Texts:
    """The least that a ranker takes: texts, and the value to order them for."""

    value: str
    texts: tuple[str, ...]

    def moved_on(self, by: int) -> "Texts":
        return Texts(self.value, (*self.texts[by:], *self.texts[:by]))

    def ordered(self, order: Order) -> list[str]:
        return [self.texts[i] for i in order]


def draw_orders(utilities: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Orders [..., k] of items with ``utilities`` [..., k], as Plackett and Luce would choose.

    Adding Gumbel noise and sorting is an exact draw from the model (Yellott 1977).
    """
    return np.argsort(-(utilities + rng.gumbel(size=utilities.shape)), axis=-1)


def noise_of(*parts: str) -> np.random.Generator:
    """Random numbers that follow from ``parts`` alone."""
    return np.random.default_rng(list(hashlib.sha256("\n".join(parts).encode()).digest()))


class LatentRanker:
    """Orders by intensities that it knows: the anchors' own, and ``truth`` {text: intensity}.

    ``utility(intensity, text, window)`` says with how much noise.
    """

    name = "latent"
    version = "1"

    def __init__(
        self, truth: Mapping[str, float], utility: Callable[[float, str, Window], float]
    ) -> None:
        self.truth = truth
        self.utility = utility
        self.calls: list[int] = []

    def rank(self, windows: Sequence[Lineup]) -> list[Order]:
        self.calls.append(len(windows))
        return [self._order(window) for window in windows if isinstance(window, Window)]

    def _order(self, window: Window) -> Order:
        response = window.texts[window.place]
        known = window.intensities(self.truth.get(response, np.nan))
        if np.isnan(known[window.place]):  # an anchor that plays the response
            known = window.intensities(float(response.split()[-1]))
        utilities = [self.utility(t, x, window) for t, x in zip(known, window.texts, strict=True)]
        return tuple(int(i) for i in np.argsort(-np.array(utilities)))


def plackett_luce(beta: float) -> Callable[[float, str, Window], float]:
    """Fresh noise for each text of each window: the model itself."""

    def utility(intensity: float, text: str, window: Window) -> float:
        return beta * intensity + noise_of(text, *window.texts).gumbel()

    return utility


def stubborn(spread: float) -> Callable[[float, str, Window], float]:
    """A text is misjudged in the same way in every window; ``spread`` in intensity units."""

    def utility(intensity: float, text: str, window: Window) -> float:
        return intensity + spread * noise_of(text, window.value).normal()

    return utility


def exact(intensity: float, text: str, window: Window) -> float:
    return intensity
