"""From a text to its measured intensities: panels of anchors, a ranker, Plackett-Luce.

Before the first score the ranker itself is measured, once: known anchors take the response's
part, which gives its discrimination beta (utility = beta x intensity) and its dispersion. The
dispersion is there because the windows of one response are not independent for a ranker that
misjudges a text in the same way each time: it is the factor by which the errors of the known
anchors exceed their standard errors, and replies' errors are widened by it.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.custom import widened
from chat_app.evaluation.panels import Sampling, Window, make_windows
from chat_app.evaluation.plackett_luce import (
    Intensities,
    RankingError,
    choice_pools,
    fit_discrimination,
    fit_intensities,
    paper_intensities,
)
from chat_app.evaluation.uncertainty import uncertainty
from chat_app.files import written_whole
from chat_app.hives.dataset import held_out
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor, Vidb

if TYPE_CHECKING:
    from chat_app.evaluation.ranking import Order, Ranker

log = logging.getLogger(__name__)

# Anchors a value that play the response while the ranker is measured: with m = 3 and 32 values
# 384 windows, which settle beta and the dispersion to about 5%.
KNOWN_PER_VALUE = 4

HIGHEST_BETA = 20.0  # a hundredth of a point would already order two texts


class EvaluationError(ValueflowError):
    """A text that cannot be scored, or a ranker that cannot score."""


@dataclass(frozen=True)
class Score:
    """How strongly a text supports ``value``: intensity in [-10, 10], stderr in the same unit.

    [low, high] holds the true intensity 95 times in 100; it ends where the scale does, and so
    need not be intensity +- 1.96 stderr. ``windows`` tells how it came about, ready for JSON: the
    anchors' ids, the response's place among them, and the order that the ranker gave (indices
    into the window's texts, most supportive first). ``dispersion`` is in the errors already.
    """

    value: str
    intensity: float
    stderr: float
    low: float
    high: float
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

    ``Evaluator(vidb, ranker).score(["I'd help her."], "svt/benevolence")`` gives
    ``[Score(intensity=..., stderr=..., ...)]``.

    ``sampling`` says how anchors are chosen (``panels.make_windows``). ``beta`` fixes the ranker's
    discrimination; left out, it is measured with the first score. Everything random follows from
    text, value and ``seed``, so a score comes out the same whenever it is computed again. What was
    measured of the ranker is kept in ``cache_dir``, where one is given.

    ``compat="paper"`` is the published procedure: the response before its anchors, beta 1, the
    published calibration and guard (``plackett_luce.paper_intensities``). The paper gives no
    errors; here they are those of beta = 1.

    ``held_out``: the share of VIDB's texts that the ranker's encoder was kept from
    (``hives.dataset.held_out``). Only these measure the ranker: it knows the others better than
    any text that it will be asked about.

    ``anchor_error(value)`` is how wrong a value's anchors may be together, where they were
    estimated and not rated (``custom.widened``).
    """

    def __init__(
        self,
        vidb: Vidb,
        ranker: "Ranker",
        *,
        k: int = 6,
        m: int = 3,
        sampling: Sampling = "bucket",
        beta: float | None = None,
        seed: int = 0,
        compat: Literal["paper"] | None = None,
        cache_dir: Path | None = None,
        held_out: float = 0.0,
        anchor_error: Callable[[str], float] | None = None,
    ) -> None:
        if beta is not None and not 0 < beta <= HIGHEST_BETA:
            raise EvaluationError(
                f"beta is {beta:g}: it must be above 0 and at most {HIGHEST_BETA:g}."
            )
        if compat not in (None, "paper"):
            raise EvaluationError(f"There is no compat {compat!r}: it is paper, or left out.")
        if compat and beta not in (None, 1):
            raise EvaluationError(f"The paper's beta is 1: beta {beta:g} and compat exclude it.")
        self.vidb = vidb
        self.ranker = ranker
        self.k = k
        self.m = m
        self.sampling = sampling
        self.seed = seed
        self.compat = compat
        self.held_out = held_out
        self.anchor_error = anchor_error
        self._given_beta = 1.0 if compat else beta
        self._cache_dir = cache_dir

    @cached_property
    def sharpness(self) -> Sharpness:
        """The ranker's beta and dispersion, from a few hundred windows of anchors.

        It may be set, to what an evaluator with the same options measured earlier. Raises
        EvaluationError for a ranker that orders the anchors no better than chance.
        """
        if self._given_beta is not None:
            return Sharpness(self._given_beta, 1.0)
        if self._cache_dir is None:
            return self._measured()
        path = self._cache_dir / f"sharpness-{_digest(json.dumps(self.options)).hex()[:16]}.json"
        try:
            return Sharpness(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # not there yet, or not ours
            measured = self._measured()
        try:
            with written_whole(path) as fresh:
                fresh.write_text(json.dumps(asdict(measured)), encoding="utf-8")
        except OSError as error:
            # Nothing is lost: the ranker is measured again next time.
            log.warning("How sharp %s is was not kept in %s: %s", self.ranker.name, path, error)
        return measured

    def _measured(self) -> Sharpness:
        groups = [self.vidb.of(value) for value in self.vidb.values]
        known = [anchor for group in groups if len(group) > 1 for anchor in self._known(group)]
        windows = [w for anchor in known for w in self._windows(anchor.text, anchor.value)]
        orders = self._rank(windows)
        truth = np.array([anchor.intensity for anchor in known])
        try:
            beta = fit_discrimination(_ranked(windows, orders, np.repeat(truth, self.m)))
        except RankingError as error:
            raise EvaluationError(
                f"The ranker {self.ranker.name} cannot be used: {error}."
            ) from None
        found = self._fit(windows, orders, Sharpness(beta, 1.0))
        errors = (found.intensity - truth) / found.stderr
        return Sharpness(beta, max(1.0, float(np.sqrt(np.mean(errors**2)))))

    def score(self, texts: Sequence[str], values: str | Sequence[str]) -> list[Score]:
        """The intensity of each text for its value; all windows go to the ranker in one call.

        values: one value for all texts, or one for each. Raises EvaluationError for an empty
        text, values that do not match the texts, or a ranker that gives no order; VidbError for a
        value without anchors.
        """
        paired = [values] * len(texts) if isinstance(values, str) else list(values)
        if isinstance(texts, str):
            raise EvaluationError("score takes a list of texts: for one text there is measure.")
        if len(paired) != len(texts):
            raise EvaluationError(
                f"There are {len(texts)} texts and {len(paired)} values: give one value for all "
                "texts, or one for each."
            )
        if not all(text.strip() for text in texts):
            raise EvaluationError("An empty text has no intensity: there is nothing to score.")
        if not paired:
            return []
        windows = [
            w for text, value in zip(texts, paired, strict=True) for w in self._windows(text, value)
        ]
        orders = self._rank(windows)
        sharpness = self.sharpness
        found = self._fit(windows, orders, sharpness)
        records = [_record(w, order) for w, order in zip(windows, orders, strict=True)]
        scores = [
            Score(
                value=value,
                intensity=float(found.intensity[i]),
                stderr=float(found.stderr[i]),
                low=float(found.low[i]),
                high=float(found.high[i]),
                ranker=f"{self.ranker.name} {self.ranker.version}",
                vidb_version=self.vidb.version,
                windows=tuple(records[i * self.m : (i + 1) * self.m]),
                beta=sharpness.beta,
                dispersion=sharpness.dispersion,
            )
            for i, value in enumerate(paired)
        ]
        if self.anchor_error is None:
            return scores
        return [widened(s, e) if (e := self.anchor_error(s.value)) else s for s in scores]

    @property
    def options(self) -> list[Any]:
        """All that a score follows from, beside text and value; ready for JSON."""
        ranker, vidb = self.ranker, self.vidb
        how = [self.k, self.m, self.sampling, self._given_beta, self.seed, self.compat]
        how += [self.held_out]
        return [ranker.name, ranker.version, vidb.version, *how]

    def measure(self, text: str, values: Sequence[str]) -> dict[str, Score]:
        """{value: Score} of one text; raises what ``score`` does."""
        return self.measure_many([text], values)[0]

    def measure_many(self, texts: Sequence[str], values: Sequence[str]) -> list[dict[str, Score]]:
        """{value: Score} of each text, for all of ``values``; raises what ``score`` does."""
        scores = iter(
            self.score(
                [text for text in texts for _ in values], [value for _ in texts for value in values]
            )
        )
        return [{value: next(scores) for value in values} for _ in texts]

    def _known(self, anchors: Sequence[Anchor]) -> list[Anchor]:
        """The anchors of a value nearest to -7.5, -2.5, 2.5 and 7.5: evenly along the scale.

        Quantiles would not do: anchors crowd at the ends, where the clip hides a ranker's mistakes.
        """
        strange = [a for a in anchors if self.held_out and held_out(a.text, self.held_out)]
        width = (HIGHEST - LOWEST) / KNOWN_PER_VALUE
        middles = [LOWEST + (i + 0.5) * width for i in range(KNOWN_PER_VALUE)]
        nearest = (min(strange or anchors, key=lambda a: abs(a.intensity - m)) for m in middles)
        return list(dict.fromkeys(nearest))

    def _windows(self, text: str, value: str) -> list[Window]:
        return make_windows(
            text,
            value,
            self.vidb,
            k=self.k,
            m=self.m,
            sampling=self.sampling,
            response_first=self.compat == "paper",
            seed=_seed(text, value) ^ self.seed,
        )

    def _rank(self, windows: Sequence[Window]) -> "list[Order]":
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
        self, windows: Sequence[Window], orders: "Sequence[Order]", sharpness: Sharpness
    ) -> Intensities:
        """The intensities of len(windows) / m responses with m windows each."""
        n, beta = len(windows) // self.m, sharpness.beta
        places = np.array([o.index(w.place) for w, o in zip(windows, orders, strict=True)])
        ranked = _ranked(windows, orders, np.full(len(windows), np.nan))
        pools = choice_pools(beta * ranked, places).reshape(n, -1)
        if self.compat is None:
            return fit_intensities(pools, self.m, beta=beta, dispersion=sharpness.dispersion)
        anchors = np.where(np.isfinite(ranked), ranked, np.nan).reshape(n, -1)
        lowest, highest = np.nanmin(anchors, axis=1), np.nanmax(anchors, axis=1)
        intensity = paper_intensities(pools, self.m, lowest, highest)
        return Intensities(intensity, *uncertainty(pools, self.m, intensity, beta=1.0))


def _ranked(
    windows: Sequence[Window], orders: "Sequence[Order]", responses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Intensities [N, k] in the judged orders; ``responses`` [N] for the responses'.

    Rows of windows with fewer texts end in -inf.
    """
    ranked = np.full((len(windows), max(len(w.texts) for w in windows)), -np.inf)
    for row, window, order, response in zip(ranked, windows, orders, responses, strict=True):
        known = window.intensities(response)
        row[: len(order)] = [known[i] for i in order]
    return ranked


def _record(window: Window, order: "Order") -> dict[str, Any]:
    return {
        "anchors": [anchor.id for anchor in window.anchors],
        "place": window.place,
        "order": list(order),
    }


def _seed(text: str, value: str) -> int:
    return int.from_bytes(_digest(f"{value}\n{text}")[:8])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
