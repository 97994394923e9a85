"""A stored score's windows again: which texts stood there, in which order, and its interval.

A score keeps of each window the anchors' ids, the response's place and the order that the ranker
gave (``evaluator.Score``); the texts and their intensities are the VIDB's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.evaluation.plackett_luce import choice_pools
from chat_app.evaluation.uncertainty import uncertainty
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb


class RecallError(ValueflowError):
    """The windows of a score that were made of anchors which are not there any more."""


@dataclass(frozen=True)
class Ranked:
    """A window as it was ranked, most supportive first; None stands for the response."""

    order: tuple[Anchor | None, ...]

    @property
    def beaten(self) -> tuple[Anchor, ...]:
        """The anchors that the response was ranked above."""
        return tuple(a for a in self.order[self.order.index(None) :] if a is not None)

    @property
    def beaters(self) -> tuple[Anchor, ...]:
        """The anchors that were ranked above the response."""
        return tuple(a for a in self.order[: self.order.index(None)] if a is not None)


def recall(windows: Sequence[Mapping[str, Any]], value: str, vidb: Vidb) -> tuple[Ranked, ...]:
    """The windows of a score for ``value``, with the anchors of ``vidb`` in their places.

    Raises RecallError where an anchor is not there, VidbError where none of the value is.
    """
    known = {anchor.id: anchor for anchor in vidb.of(value)}
    found = []
    for window in windows:
        missing = [id for id in window["anchors"] if id not in known]
        if missing:
            raise RecallError("It was measured among texts that are not loaded any more.")
        texts: list[Anchor | None] = [known[id] for id in window["anchors"]]
        texts.insert(window["place"], None)
        found.append(Ranked(tuple(texts[i] for i in window["order"])))
    return tuple(found)


def interval(
    windows: Sequence[Ranked], intensity: float, *, beta: float, dispersion: float
) -> tuple[float, float]:
    """[low, high] that holds the true intensity 95 times in 100, as when it was measured."""
    size = max(len(window.order) for window in windows)
    utilities = np.full((len(windows), size), -np.inf)
    for row, window in zip(utilities, windows, strict=True):
        known = [np.nan if a is None else a.intensity for a in window.order]
        row[: len(known)] = beta * np.array(known)
    places = np.array([window.order.index(None) for window in windows])
    pools = choice_pools(utilities, places).reshape(1, -1)
    _, low, high = uncertainty(
        pools, len(windows), np.array([intensity]), beta=beta, dispersion=dispersion
    )
    return max(float(low[0]), LOWEST), min(float(high[0]), HIGHEST)
