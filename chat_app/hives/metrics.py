"""How well an embedding keeps the values' hierarchy: the paper's measures (VALUEFLOW, HIVES).

A label is a path, from the theory down to the value, and a direction. Texts of one label are
alike to every measure here, so all of them are computed label by label and never need the n x n
matrix of all pairs: a hundred thousand texts are no trouble.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

BINS = 5


@dataclass(frozen=True)
class RankAccuracy:
    """``strict``: share of anchors whose bins are all in order; ``pairwise``: share of pairs of
    bins in order; ``n``: anchors that had at least two bins."""

    strict: float
    pairwise: float
    n: int


@dataclass(frozen=True, eq=False)
class _Labels:
    """The distinct labels C of n texts: ``of`` int [n], the label of each; ``rows``: the texts of
    each label; ``shared`` int [C, C] levels from the top in common; ``same`` bool [C, C] direction;
    ``bins`` int [C, C] (see ``rank_accuracy``)."""

    of: NDArray[np.int64]
    rows: tuple[NDArray[np.int64], ...]
    shared: NDArray[np.int64]
    same: NDArray[np.bool_]
    bins: NDArray[np.int64]


def shared_levels(a: Sequence[str], b: Sequence[str]) -> int:
    """How many levels, from the top, two paths have in common."""
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def _labels(paths: Sequence[tuple[str, ...]], directions: Sequence[int]) -> _Labels:
    pairs = [(tuple(p), int(d)) for p, d in zip(paths, directions, strict=True)]
    distinct = sorted(set(pairs))
    place = {pair: i for i, pair in enumerate(distinct)}
    of = np.array([place[pair] for pair in pairs], dtype=np.int64)
    shared = np.array(
        [[shared_levels(a, b) for b, _ in distinct] for a, _ in distinct], dtype=np.int64
    ).reshape(len(distinct), len(distinct))
    signs = np.array([d for _, d in distinct])
    same = signs[:, None] == signs[None, :]
    same_path = np.array([[a == b for b, _ in distinct] for a, _ in distinct]).reshape(shared.shape)
    bins = np.select(
        [same_path & same, same_path, shared >= 2, shared == 1], [0, 1, 2, 3], default=4
    )
    rows = tuple(np.flatnonzero(of == label) for label in range(len(distinct)))
    return _Labels(of, rows, shared, same, bins)


def rank_accuracy(
    z: NDArray[np.float32],
    paths: Sequence[tuple[str, ...]],
    directions: Sequence[int],
    *,
    draws: int = 10,
    seed: int = 0,
) -> RankAccuracy:
    """Whether nearer labels are nearer texts.

    For each text (the anchor), one other text is drawn from each bin: 0 same path and direction,
    1 same path, other direction, 2 same down to level 2, 3 same down to level 1, 4 other level 1.
    A pair of bins is in order if the anchor's cosine to the lower-numbered bin's text is the
    larger. Bins without texts are left out; each anchor is tried ``draws`` times. Level 1 of a
    path is its theory.

    z: float32 [n, d] unit rows; paths and directions: n labels. Costs n x draws x 5 x d.
    """
    rng = np.random.default_rng(seed)
    labels = _labels(paths, directions)
    strict = pairs = in_order = tried = anchors = 0
    for label, rows in enumerate(labels.rows):
        drawn = _drawn(labels, label, draws, rng)
        if len(drawn) < 2:
            continue
        own = z[rows][:, None, :]
        cosines = [(own * z[other]).sum(axis=2) for other in drawn]
        right = np.array([near > far for near, far in combinations(cosines, 2)])
        strict += int(right.all(axis=0).sum())
        in_order += int(right.sum())
        pairs += right.size
        tried += right[0].size
        anchors += len(rows)
    if not anchors:
        return RankAccuracy(0.0, 0.0, 0)
    return RankAccuracy(strict / tried, in_order / pairs, anchors)


def _drawn(
    labels: _Labels, label: int, draws: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """For each bin that holds texts, nearest first: int [n_label, draws] texts drawn from it."""
    rows = labels.rows[label]
    drawn = []
    for bin in range(BINS):
        theirs = np.flatnonzero(labels.bins[label] == bin)
        pool = np.concatenate([labels.rows[i] for i in theirs]) if len(theirs) else rows[:0]
        if bin:
            if len(pool):
                drawn.append(pool[rng.integers(len(pool), size=(len(rows), draws))])
        elif len(pool) > 1:
            # Bin 0 is the label itself: any text of it but the anchor, as the pool keeps its order.
            picks = rng.integers(len(pool) - 1, size=(len(rows), draws))
            drawn.append(pool[picks + (picks >= np.arange(len(rows))[:, None])])
    return drawn


def similarity_correlation(
    z: NDArray[np.float32], paths: Sequence[tuple[str, ...]], directions: Sequence[int]
) -> float:
    """Pearson correlation, over all pairs of texts, of cosine and label similarity.

        y_ij = number of shared levels + 0.5 [direction_i = direction_j]
        sum over all i, j of  z_i . z_j = |sum of z|^2,   (z_i . z_j)^2 = |Z'Z|_F^2,
        y_ij z_i . z_j = sum over labels b, c of y_bc S_b . S_c,   S_b = sum of z with label b

    less the diagonals: exact, without the pairs themselves. z: [n, d] unit rows. nan where there
    is no pair, or where either side is the same for all pairs.
    """
    n = len(z)
    if n < 2:
        return float("nan")
    labels = _labels(paths, directions)
    z64 = z.astype(np.float64)
    counts = np.array([len(rows) for rows in labels.rows], dtype=np.float64)
    sums = np.array([z64[rows].sum(axis=0) for rows in labels.rows])
    y = labels.shared + 0.5 * labels.same
    own = np.diag(y)[labels.of]
    gram = z64.T @ z64 if z.shape[1] <= n else z64 @ z64.T
    norms = (z64**2).sum(axis=1)

    pairs = n * (n - 1)
    mean_x = ((sums.sum(axis=0) ** 2).sum() - norms.sum()) / pairs
    mean_y = (counts @ y @ counts - own.sum()) / pairs
    xx = ((gram**2).sum() - (norms**2).sum()) / pairs - mean_x**2
    yy = (counts @ y**2 @ counts - (own**2).sum()) / pairs - mean_y**2
    xy = ((y * (sums @ sums.T)).sum() - (own * norms).sum()) / pairs - mean_x * mean_y
    if min(xx, yy) <= 1e-12:
        return float("nan")
    return float(np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0))


def axis_orthogonality(axes: NDArray[np.float32]) -> float:
    """1 - mean |cosine| of distinct axes: 1 when all are at right angles. axes: [n, d] unit.

    nan for fewer than two axes.
    """
    if len(axes) < 2:
        return float("nan")
    upper = np.triu_indices(len(axes), k=1)
    return float(1.0 - np.abs((axes @ axes.T)[upper]).mean())
