"""Panels: the windows in which a response stands among anchors (VALUEFLOW, evaluator).

A window holds the response and up to k - 1 anchors of one value, spread over the scale, so that a
ranker only has to say which text supports the value more, never how much.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb

Sampling = Literal["bucket", "random", "fixed"]
SAMPLINGS: tuple[str, ...] = get_args(Sampling)


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


def make_windows(
    response: str,
    value: str,
    vidb: Vidb,
    *,
    k: int = 6,
    m: int = 3,
    sampling: Sampling = "bucket",
    response_first: bool = False,
    seed: int,
) -> list[Window]:
    """m windows of ``response`` and k - 1 anchors of ``value``, which ``sampling`` chooses.

    bucket: one anchor from each of k - 1 equal bins of [-10, 10]; an empty bin lends the unused
    anchor nearest to its middle. random: k - 1 anchors whatever their intensity. fixed: the
    anchors nearest to the bins' middles, the same in every window. With bucket and random,
    windows share anchors only once a bin, or the value, is used up.

    All texts of a window stand in random order, and the response at another place in each window
    as long as there are places, since judges favour what they read first. ``response_first`` is
    the published layout instead: the response, then the anchors in the order of their bins.

    A text equal to the response is never its anchor; a value of fewer than k - 1 anchors gives
    smaller windows. Equal arguments give equal windows.

    Raises PanelError when k < 2, m < 1, the sampling is unknown, or no other text of ``value`` is
    there; VidbError when the value has no text at all.
    """
    if k < 2 or m < 1:
        raise PanelError(f"A panel needs k of 2 or more and m of 1 or more, not k={k}, m={m}.")
    own = _words(response)
    pool = [anchor for anchor in vidb.of(value) if _words(anchor.text) != own]
    if not pool:
        raise PanelError(f"{vidb.name} holds no text for {value} but the response itself.")
    rng = np.random.default_rng(seed)
    chosen = _choose([anchor.intensity for anchor in pool], k - 1, m, sampling, rng)
    size = len(chosen[0]) + 1
    if response_first:
        return [_window(response, value, [pool[i] for i in picks], 0) for picks in chosen]
    # Sorting random numbers, here and below, uses nothing of numpy's that may change some day.
    places = np.argsort(rng.random((-(-m // size), size)), axis=1).ravel().tolist()
    orders = np.argsort(rng.random((m, size - 1)), axis=1).tolist()
    return [
        _window(response, value, [pool[picks[i]] for i in order], place)
        for picks, order, place in zip(chosen, orders, places, strict=False)
    ]


@lru_cache(maxsize=16_384)  # every window asks this of every anchor of its value
def _words(text: str) -> str:
    """What makes two texts the same for a reader: case and blanks do not."""
    return " ".join(text.casefold().split())


def _choose(
    intensities: Sequence[float], n: int, m: int, sampling: str, rng: np.random.Generator
) -> list[list[int]]:
    """For each of m windows, at most ``n`` different rows of ``intensities``."""
    if sampling == "bucket":
        return _from_bins(intensities, n, m, rng)
    if sampling == "random":
        shuffled = np.argsort(rng.random(len(intensities))).tolist()
        size = min(n, len(shuffled))
        return [[shuffled[(w * size + i) % len(shuffled)] for i in range(size)] for w in range(m)]
    if sampling == "fixed":
        return [_lend(intensities, [], range(n), n)] * m
    raise PanelError(f"There is no sampling {sampling!r}: it is one of {', '.join(SAMPLINGS)}.")


def _from_bins(
    intensities: Sequence[float], bins: int, m: int, rng: np.random.Generator
) -> list[list[int]]:
    members: list[list[int]] = [[] for _ in range(bins)]
    for row in np.argsort(rng.random(len(intensities))).tolist():
        members[min(int((intensities[row] - LOWEST) // _width(bins)), bins - 1)].append(row)
    empty = [b for b, rows in enumerate(members) if not rows]
    windows = []
    for window in range(m):
        picks = [rows[window % len(rows)] for rows in members if rows]
        windows.append(_lend(intensities, picks, empty, bins))
    return windows


def _lend(
    intensities: Sequence[float], picks: list[int], wanted: Iterable[int], bins: int
) -> list[int]:
    """``picks``, and for each bin in ``wanted`` the unused row nearest to the bin's middle."""
    for b in wanted:
        middle = LOWEST + (b + 0.5) * _width(bins)
        unused = [row for row in range(len(intensities)) if row not in picks]
        if unused:
            picks = [*picks, min(unused, key=lambda row: abs(intensities[row] - middle))]
    return picks


def _width(bins: int) -> float:
    return (HIGHEST - LOWEST) / bins


def _window(response: str, value: str, anchors: Sequence[Anchor], place: int) -> Window:
    texts = [anchor.text for anchor in anchors]
    return Window(value, (*texts[:place], response, *texts[place:]), tuple(anchors), place)
