"""Anchor-based Plackett-Luce: a text's intensity from its places among texts of known intensity.

VALUEFLOW (arXiv 2602.03160), section on the evaluator. Plackett and Luce read a ranking as a
series of choices: from the texts still in the pool the next is taken with probability
exp(utility) / sum of exp(utility) over the pool. The anchors' utilities are known, so each
response has a single unknown u. With c = log sum exp of the *other* utilities in the pool, the
response is taken with probability sigma(u - c), and over all choices that it took part in

    log L(u) = sum over windows of u - sum over choices of log(exp(u) + exp(c)) - lambda u^2 / 2
    score    g(u) = windows - sum sigma(u - c) - lambda u               (strictly decreasing)
    information I(u) = sum sigma(u - c) (1 - sigma(u - c)) + lambda     (-g')

so that the numbers c are all there is to keep of a ranking: a *pool* array, one c per choice.

The paper sets utility = intensity. A ranker of limited sharpness is better described by
utility = beta x intensity; ``fit_discrimination`` finds beta from windows of anchors.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.uncertainty import HIGHEST, LOWEST, Floats, uncertainty

PRIOR = 1e-3  # lambda: only keeps u finite where a response is first, or last, everywhere

# Anchors are known to about 0.6 (the median stderr of the built-in ones), so no ranker can be seen
# to be sharper than this; and past it the likelihood is flat between neighbouring anchors, where
# the prior would take over.
MAX_BETA = 2.0

Rows = NDArray[np.int64]

_ONE = np.zeros(1, dtype=np.int64)
_TOLERANCE = 1e-9
_FAR = 40.0  # sigma(-40) = 4e-18 is nothing beside lambda


class Intensities(NamedTuple):
    """Of n responses, float [n] each: low <= intensity <= high, all in [-10, 10]."""

    intensity: Floats
    stderr: Floats
    low: Floats
    high: Floats


class RankingError(ValueflowError):
    """Rankings that no intensity can be read from."""


def choice_pools(ranked: Floats, place: NDArray[np.int64]) -> Floats:
    """What the response was up against at each choice: log sum exp of the anchors in the pool.

    ranked: float [N, k] utilities of N windows in the judged order, most supportive first; the
    entry of the response is ignored, a window of fewer texts ends in -inf. place: int [N], where
    the response stands in that order (0 = most supportive).
    Returns c, float [N, k]: +inf for choices after the response had been taken, -inf where it was
    the only one left.
    """
    steps = np.arange(ranked.shape[1])
    others = np.where(steps == place[:, None], -np.inf, ranked)
    pools = np.logaddexp.accumulate(others[:, ::-1], axis=1)[:, ::-1]
    return np.where(steps <= place[:, None], pools, np.inf)


def fit_utilities(pools: Floats, windows: int, *, prior: float = PRIOR) -> Floats:
    """u, float [n]: the maximum of log L for n responses at once.

    pools: float [n, choices], the ``choice_pools`` of each response's windows side by side.
    windows: how many windows each response was ranked in. prior: lambda > 0.
    """
    finite = np.where(np.isfinite(pools), pools, 0.0)
    # Beyond the furthest pool every sigma is 0 or 1, and the sign of g is the prior's.
    low = np.minimum(finite.min(axis=1), 0.0) - _FAR
    high = np.maximum(finite.max(axis=1), 0.0) + _FAR

    weights = np.exp(pools)

    def score(u: Floats, rows: Rows) -> tuple[Floats, Floats]:
        # sigma(u - c) with one exp a response: the pools' own are taken once, above.
        taken = 1.0 / (1.0 + weights[rows] * np.exp(-u)[:, None])
        total = taken.sum(axis=1)
        return windows - total - prior * u, np.einsum("ij,ij->i", taken, taken) - total - prior

    return _root(score, low, high)


def fit_intensities(
    pools: Floats, windows: int, *, beta: float, dispersion: float = 1.0, prior: float = PRIOR
) -> Intensities:
    """Intensities in [-10, 10] with their standard errors and 95% intervals.

        intensity = clip(u / beta, -10, 10)

    pools: float [n, choices] of utilities beta x intensity; windows, prior: as in fit_utilities;
    dispersion widens the errors (``uncertainty``).

    Why a clip: an anchor of intensity t must come out as t, so the map has to be u / beta
    wherever anchors are; anything that bends before +-10 (a tanh) would pull strong replies
    towards 0, and means over many replies with them. At +-10 the clip says no more than that the
    reply is at least as strong as the scale goes.
    """
    intensity = np.clip(fit_utilities(pools, windows, prior=prior) / beta, LOWEST, HIGHEST)
    return Intensities(
        intensity, *uncertainty(pools, windows, intensity, beta=beta, dispersion=dispersion)
    )


def fit_discrimination(ranked: Floats) -> float:
    """beta of a ranker, by maximum likelihood over windows of texts that are all known.

        log L(beta) = sum over windows and choices i of beta t_i - log sum_{j >= i} exp(beta t_j)

    ranked: float [N, k] intensities t in the judged order, most supportive first; a window of
    fewer texts ends in -inf. Concave in beta; the maximum is sought in (0, 2].

    Raises RankingError when beta would not be positive: the order tells nothing.
    """
    there = np.isfinite(ranked)
    known = np.where(there, ranked, 0.0)

    def score(beta: Floats, _: Rows) -> tuple[Floats, Floats]:
        # Sums over what is left, from the last text up; shifted so that nothing overflows.
        weight = np.where(there, np.exp(beta * (known - HIGHEST)), 0.0)
        total = _from_the_end(weight)
        left = np.where(there, total, 1.0)
        mean = _from_the_end(weight * known) / left
        variance = _from_the_end(weight * known**2) / left - mean**2
        g = np.where(there, known - mean, 0.0).sum()
        return np.array([g]), -np.array([np.where(there, variance, 0.0).sum() + 1e-12])

    if score(np.zeros(1), _ONE)[0][0] <= 0:
        raise RankingError(
            "the anchors come back in an order no better than chance, so nothing can be scored"
        )
    if score(np.array([MAX_BETA]), _ONE)[0][0] >= 0:
        return MAX_BETA
    return float(_root(score, np.zeros(1), np.array([MAX_BETA]))[0])


def paper_intensities(
    pools: Floats, windows: int, lowest: Floats, highest: Floats, *, prior: float = PRIOR
) -> Floats:
    """The intensities that the paper's published evaluator gives, float [n].

    pools: float [n, choices] of the anchors' intensities (utility = intensity, so beta = 1);
    lowest, highest: float [n], the intensities of the least and the most supporting anchor that
    each response met.

    Its steps: lambda = 1e-3; u clipped to [-20, 20]; an isotonic fit of intensity on utility over
    the anchors, clipped to [-10, 10]; a guard. Since the anchors' utilities *are* their
    intensities, the isotonic fit is the identity between the lowest and the highest anchor and
    constant beyond them. The guard keeps strict what the rankings say as a whole: a response that
    is first in every window comes out just above the highest anchor, one that is last everywhere
    just below the lowest, any other at least 1e-6 inside.
    """
    u = np.clip(fit_utilities(pools, windows, prior=prior), -20.0, 20.0)
    inside = np.minimum(np.maximum(u, lowest + 1e-6), highest - 1e-6)
    # First everywhere: it took part in one choice a window. Last: in each, nobody was left.
    first = (pools < np.inf).sum(axis=1) == windows
    last = np.isneginf(pools).sum(axis=1) == windows
    above = np.minimum(np.nextafter(highest, np.inf), HIGHEST)
    below = np.maximum(np.nextafter(lowest, -np.inf), LOWEST)
    return np.where(first, above, np.where(last, below, inside))


def paper_intensity(windows: Sequence[Mapping[str, Any]]) -> float:
    """``paper_intensities`` of one response.

    windows: ``{"anchors": [t, ...], "order": [i, ...]}`` each, with the anchors' intensities and
    the judged order, most supportive first, of item 0 (the response) and items 1.. (the anchors).

    Raises RankingError when there is no window or an order is no permutation of its items.
    """
    if not windows:
        raise RankingError("there is no window to read an intensity from")
    pools = []
    for window in windows:
        utilities = np.array([np.nan, *window["anchors"]], dtype=np.float64)
        order = list(window["order"])
        if len(utilities) < 2 or sorted(order) != list(range(len(utilities))):
            raise RankingError(f"{order} is no order of one response and its anchors")
        pools.append(choice_pools(utilities[None, order], np.array([order.index(0)]))[0])
    anchors = [t for window in windows for t in window["anchors"]]
    lowest, highest = np.array([max(min(anchors), LOWEST)]), np.array([min(max(anchors), HIGHEST)])
    return float(paper_intensities(np.concatenate(pools)[None], len(windows), lowest, highest)[0])


def _from_the_end(x: Floats) -> Floats:
    return np.cumsum(x[:, ::-1], axis=1)[:, ::-1]


def _root(
    score: Callable[[Floats, Rows], tuple[Floats, Floats]], low: Floats, high: Floats
) -> Floats:
    """Where n decreasing functions cross 0 in their brackets: Newton, bisection where it strays.

    score: x [r] of the functions ``rows`` [r] -> (values [r], slopes [r] < 0), with values > 0 at
    low and < 0 at high. A Newton step is taken only inside the bracket and when it is less than
    half the step before, so each round halves the step or the bracket: 100 rounds are more than
    doubles can use. What has been found is left out of the next round, which saves half of the
    work and keeps a root from depending on those beside it.
    """
    found: Floats = np.clip(np.zeros_like(low), low, high)
    x: Floats = found.copy()
    step: Floats = high - low
    rows: Rows = np.arange(len(low))
    for _ in range(100):
        value, slope = score(x, rows)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        newton = x - value / slope
        good = (newton >= low) & (newton <= high) & (np.abs(newton - x) < 0.5 * np.abs(step))
        following = np.where(good, newton, 0.5 * (low + high))
        step, x = following - x, following
        found[rows] = x
        going = np.abs(step) >= _TOLERANCE
        if not going.any():
            break
        rows, x, step = rows[going], x[going], step[going]
        low, high = low[going], high[going]
    return found
