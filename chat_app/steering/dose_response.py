"""Dose-response: measured intensity as a function of coefficient, for one value.

A *dose* is a coefficient, in the unit in which intensity 10 is ``DEFAULT_SCALE`` when nothing has
been measured; for the methods that steer by words it stands for the intensity that is asked for
in words. At each dose of a grid the same prompts were answered, and every reply was scored.

    f = argmin over non-decreasing g of  Σ_i Σ_j (g(c_i) - s_ij)^2

with s_ij the score of reply j at coefficient c_i: isotonic regression, which on equally many
replies a dose is that of the means. Between the doses f is a straight line. Its band holds the
middle 95% of the curves that resampled prompts give (the replies to one prompt stay together).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# The most that the unsteered model may find steered replies less likely: exp(mean negative log
# likelihood a token) at most this many times that of its own replies.
MOST_PERPLEXITY = 1.5
_RESAMPLES = 400
_BAND = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Predicted:
    """The mean intensity that a coefficient is expected to come to, and its 95% band."""

    intensity: float
    low: float
    high: float


@dataclass(frozen=True)
class Found:
    """The coefficient for a target: ``reached`` is the target, or the end of what is reachable."""

    coefficient: float
    reached: float


@dataclass(frozen=True)
class DoseResponse:
    """coefficients: [g] ascending, 0 among them; scores: [g][n], every reply's, ``replies`` of
    each prompt in a row; perplexity: [g], of the replies under the unsteered model over that of
    the unsteered ones; fitted, low, high: [g], the curve and its band at the coefficients.

    Made by :func:`fit_dose_response`; intensities in [-10, 10].
    """

    value: str
    coefficients: tuple[float, ...]
    scores: tuple[tuple[float, ...], ...]
    replies: int
    perplexity: tuple[float, ...]
    fitted: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def means(self) -> tuple[float, ...]:
        """The mean intensity at each coefficient, as measured."""
        return tuple(float(np.mean(row)) for row in self.scores)

    @property
    def limits(self) -> tuple[float, float]:
        """The coherence limits: how far one may go from 0 to either side until the perplexity
        ratio is above ``MOST_PERPLEXITY``, its logarithm a straight line between the doses."""
        middle = self.coefficients.index(0.0)
        down = self._limit(range(middle, -1, -1))
        return down, self._limit(range(middle, len(self.coefficients)))

    def _limit(self, outward: range) -> float:
        """The limit on the way through the doses ``outward``."""
        most = np.log(MOST_PERPLEXITY)
        for here, there in pairwise(outward):
            a, b = (float(np.log(self.perplexity[i])) for i in (here, there))
            if b > most:
                share = (most - a) / (b - a) if a < most else 0.0
                start, end = self.coefficients[here], self.coefficients[there]
                return float(start + share * (end - start))
        return self.coefficients[outward[-1]]

    @property
    def reachable(self) -> tuple[float, float]:
        """The intensities between the coherence limits: [f(lowest), f(highest)]."""
        lowest, highest = self.limits
        return self.predict(lowest).intensity, self.predict(highest).intensity

    def predict(self, coefficient: float) -> Predicted:
        """f(c) with its band; outside the grid it is that of the grid's end."""
        return Predicted(*self.at(np.array([coefficient]))[:, 0].tolist())

    def at(self, coefficients: np.ndarray) -> np.ndarray:
        """float [3, n]: f at n coefficients, the lower and the upper end of its band."""
        curves = (self.fitted, self.low, self.high)
        return np.stack([np.interp(coefficients, self.coefficients, row) for row in curves])

    def coefficient(self, target: float) -> Found:
        """f^-1(target) inside the coherence limits; a target beyond them is clamped to their end.

        Where the curve is flat at the target, the coefficient nearest to 0.
        """
        lowest, highest = self.limits
        reached = float(np.clip(target, *self.reachable))
        inside = sorted({lowest, highest, *self.coefficients})
        inside = [c for c in inside if lowest <= c <= highest]
        curve = [self.predict(c).intensity for c in inside]
        return Found(_nearest_to_zero(inside, curve, reached), reached)

    def slope(self, coefficient: float) -> float:
        """Intensity per unit of coefficient: of the whole reachable range's chord where the
        piece at ``coefficient`` is flat or the coefficient lies outside."""
        lowest, highest = self.limits
        i = int(np.searchsorted(self.coefficients, coefficient, side="right")) - 1
        i = min(max(i, 0), len(self.coefficients) - 2)
        rise = self.fitted[i + 1] - self.fitted[i]
        run = self.coefficients[i + 1] - self.coefficients[i]
        if rise > 0 and lowest <= coefficient <= highest:
            return rise / run
        low, high = self.reachable
        return (high - low) / (highest - lowest) if highest > lowest else 0.0


def _nearest_to_zero(xs: Sequence[float], ys: Sequence[float], y: float) -> float:
    """The x nearest to 0 at which the non-decreasing line through (xs, ys) is y."""
    if y in ys:
        first, last = ys.index(y), len(ys) - 1 - ys[::-1].index(y)
        return float(np.clip(0.0, xs[first], xs[last]))
    i = int(np.searchsorted(ys, y))
    share = (y - ys[i - 1]) / (ys[i] - ys[i - 1])
    return float(xs[i - 1] + share * (xs[i] - xs[i - 1]))


def fit_dose_response(
    value: str,
    coefficients: Sequence[float],
    scores: Sequence[Sequence[float]],
    perplexity: Sequence[float],
    *,
    replies: int = 1,
    seed: int = 0,
) -> DoseResponse:
    """The curve through ``scores`` [g][n] and its bootstrap band. See the module's formula.

    ``coefficients`` [g] need not be in order, but 0 is among them. The n scores are those of
    n / ``replies`` prompts, the same in every row, ``replies`` of each in a row.
    """
    order = np.argsort(coefficients)
    xs = np.asarray(coefficients, dtype=np.float64)[order]
    table = np.asarray(scores, dtype=np.float64)[order]
    prompts = table.reshape(len(xs), -1, replies).mean(axis=2)
    rng = np.random.default_rng(seed)
    picks = rng.integers(prompts.shape[1], size=(_RESAMPLES, prompts.shape[1]))
    resampled = prompts[:, picks].mean(axis=2).T
    low, high = np.percentile(isotonic(resampled), _BAND, axis=0)
    return DoseResponse(
        value=value,
        coefficients=_floats(xs),
        scores=tuple(_floats(row) for row in table),
        replies=replies,
        perplexity=_floats(np.asarray(perplexity, dtype=np.float64)[order]),
        fitted=_floats(isotonic(prompts.mean(axis=1)[None])[0]),
        low=_floats(low),
        high=_floats(high),
    )


def isotonic(rows: np.ndarray) -> np.ndarray:
    """Each row of float [m, g] as the non-decreasing row nearest to it by least squares:

    f_i = max over a <= i of min over b >= i of mean(y_a .. y_b)

    (Robertson, Wright and Dykstra 1988, 1.4), for all rows at once: a band takes hundreds.
    """
    m, g = rows.shape
    sums = np.concatenate([np.zeros((m, 1)), np.cumsum(rows, axis=1)], axis=1)
    a, b = np.arange(g)[:, None], np.arange(g)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (sums[:, b + 1] - sums[:, a]) / (b + 1 - a)  # [m, a, b], right where b >= a
    means = np.where(b >= a, means, np.inf)
    lowest = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]  # over b' >= b
    fitted = [lowest[:, : i + 1, i].max(axis=1) for i in range(g)]
    found: np.ndarray = np.maximum.accumulate(np.stack(fitted, axis=1), axis=1)
    return found


def _floats(row: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(float(x) for x in row)
