"""Panels: the windows in which a response stands among anchors (VALUEFLOW, evaluator).

A window holds the response and up to k - 1 anchors of one value, spread over the scale, so that a
ranker only has to say which text supports the value more, never how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb


class PanelError(ValueflowError):
    """No window can be made."""


@dataclass(frozen=True)
class Window:
    """Texts to be ranked for ``value``: the response at ``place``, ``anchors`` at the others.

    ``anchors`` stand in the order in which they appear in ``texts``.
    """

    value: str
    texts: tuple[str, ...]
    anchors: tuple[Anchor, ...]
    place: int

    def intensities(self, response: float = float("nan")) -> tuple[float, ...]:
        """The known intensity of each text; ``response`` at the response's place."""
        known = [anchor.intensity for anchor in self.anchors]
        return (*known[: self.place], response, *known[self.place :])


def bucket_windows(
    response: str, value: str, vidb: Vidb, *, k: int = 6, m: int = 3, seed: int
) -> list[Window]:
    """m windows of ``response`` and k - 1 anchors, one from each equal bin of [-10, 10].

    An empty bin lends the unused anchor nearest to its middle. Windows share anchors only once a
    bin is used up. All texts of a window stand in random order, and the response at another place
    in each window as long as there are places, since judges favour what they read first. A text
    equal to the response is never its anchor; a value of fewer than k - 1 anchors gives smaller
    windows. Equal arguments give equal windows.

    Raises PanelError when k < 2 or m < 1, or no other text of ``value`` is there; VidbError when
    the value has no text at all.
    """
    if k < 2 or m < 1:
        raise PanelError(f"A panel needs k of 2 or more and m of 1 or more, not k={k}, m={m}.")
    own = _words(response)
    pool = [anchor for anchor in vidb.of(value) if _words(anchor.text) != own]
    if not pool:
        raise PanelError(f"{vidb.name} holds no text for {value} but the response itself.")
    rng = np.random.default_rng(seed)
    chosen = _choose(np.array([anchor.intensity for anchor in pool]), k - 1, m, rng)
    size = len(chosen[0]) + 1
    # Sorting random numbers, here and below, uses nothing of numpy's that may change some day.
    places = np.argsort(rng.random((-(-m // size), size)), axis=1).ravel()
    orders = np.argsort(rng.random((m, size - 1)), axis=1)
    return [
        _window(response, value, [pool[picks[i]] for i in order], int(place))
        for picks, order, place in zip(chosen, orders, places, strict=False)
    ]


@lru_cache(maxsize=16_384)  # every window asks this of every anchor of its value
def _words(text: str) -> str:
    """What makes two texts the same for a reader: case and blanks do not."""
    return " ".join(text.casefold().split())


def _choose(
    intensities: NDArray[np.float64], bins: int, m: int, rng: np.random.Generator
) -> list[list[int]]:
    """For each of m windows, at most ``bins`` different rows of ``intensities``, one a bin."""
    width = (HIGHEST - LOWEST) / bins
    bin_of = np.minimum((intensities - LOWEST) // width, bins - 1).astype(np.int64)
    shuffled = np.argsort(rng.random(len(intensities)))
    members = [shuffled[bin_of[shuffled] == b].tolist() for b in range(bins)]
    windows = []
    for window in range(m):
        picks = [rows[window % len(rows)] for rows in members if rows]
        for b in [b for b, rows in enumerate(members) if not rows]:
            unused = [row for row in range(len(intensities)) if row not in picks]
            middle = LOWEST + (b + 0.5) * width
            if unused:
                picks.append(min(unused, key=lambda row: abs(intensities[row] - middle)))
        windows.append(picks)
    return windows


def _window(response: str, value: str, anchors: Sequence[Anchor], place: int) -> Window:
    texts = [anchor.text for anchor in anchors]
    return Window(value, (*texts[:place], response, *texts[place:]), tuple(anchors), place)
