"""How far a measured intensity may be from the truth: standard error and 95% interval.

Read as a function of the truth t, with the scale's values equally likely beforehand, the
Plackett-Luce likelihood of a response's rankings (``plackett_luce``) is its posterior density:

    p(t | rankings)  proportional to  L(beta t) ^ (1 / dispersion^2),   t in [-10, 10]

    stderr = sqrt( integral of (t - intensity)^2 p(t) dt )       intensity: what is reported
    [low, high] = the shortest interval that holds 95% of p

Averaged over truths that are spread evenly over the scale, stderr^2 *is* the mean squared error
of the reported intensity and the interval holds the truth 95 times in 100, for any number and
size of windows, a single one too. The usual 1 / sqrt(information) has that only in the limit: one
window of three texts can give it a standard error wider than the scale, and it cannot see that
the scale ends. With many windows the two agree. ``python -m tests.bench.coverage`` prints what
either covers.

The density is computed on 200 cells of 0.1 points, for thousands of responses at once.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOWEST, HIGHEST = -10.0, 10.0
LEVEL = 0.95

_CELL = 0.1
_GRID = np.arange(LOWEST + _CELL / 2, HIGHEST, _CELL)  # the cells' middles
_ROWS = 256  # responses at a time: their densities stay in the processor's cache
_LARGEST = 600.0  # exp(709) is the largest number that a double holds


def uncertainty(
    pools: Floats,
    windows: int,
    intensity: Floats,
    *,
    beta: float,
    dispersion: float = 1.0,
) -> tuple[Floats, Floats, Floats]:
    """stderr, low and high, float [n] each, of responses measured at ``intensity`` [n].

    pools: float [n, choices], the ``choice_pools`` of utilities beta x intensity of each
    response's windows side by side; windows: how many those are; beta <= 20 (beyond it doubles
    run over). low <= intensity <= high.
    """
    parts = []
    for start in range(0, len(pools), _ROWS):
        rows = slice(start, start + _ROWS)
        p = _density(pools[rows], windows, beta, dispersion)
        stderr = np.sqrt((p * (_GRID - intensity[rows, None]) ** 2).sum(axis=1))
        parts.append(np.stack([stderr, *_shortest(p)]))
    stderr, low, high = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0))
    return stderr, np.minimum(low, intensity), np.maximum(high, intensity)


def _density(pools: Floats, windows: int, beta: float, dispersion: float) -> Floats:
    """The mass of each cell, float [n, 200].

    Up to a constant log L(u) = (windows - alone) u - sum over choices of log(1 + exp(u - c)),
    where ``alone`` counts the choices in which nobody else was left. Since exp(u - c) is
    exp(u) exp(-c), and the log of several factors is taken at once, a cell costs a multiplication
    a choice.
    """
    u = beta * _GRID
    alone = np.isneginf(pools)
    c = np.where(alone, np.inf, pools)
    log_l = (windows - alone.sum(axis=1))[:, None] * u
    at_once = max(1, int(_LARGEST // (beta * (HIGHEST - LOWEST) + 1.0)))
    for start in range(0, c.shape[1], at_once):
        product = np.ones_like(log_l)
        for column in range(start, min(start + at_once, c.shape[1])):
            product *= 1.0 + np.exp(-c[:, column, None]) * np.exp(u)
        log_l -= np.log(product)
    log_l -= log_l.max(axis=1, keepdims=True)
    p = np.exp(log_l / dispersion**2)
    return p / p.sum(axis=1, keepdims=True)


def _shortest(p: Floats) -> tuple[Floats, Floats]:
    """The edges of the fewest cells of ``p`` [n, 200] that hold 95% of each row.

    log L is concave, so that they lie side by side.
    """
    fullest = np.argsort(-p, axis=1, kind="stable")
    held = np.cumsum(np.take_along_axis(p, fullest, axis=1), axis=1)
    needed = (held < LEVEL).sum(axis=1) + 1
    ordered = np.where(np.arange(p.shape[1]) < needed[:, None], fullest, -1)
    last = ordered.max(axis=1)
    first = np.where(ordered < 0, p.shape[1], ordered).min(axis=1)
    return LOWEST + _CELL * first, LOWEST + _CELL * (last + 1)
