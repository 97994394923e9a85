"""How well an embedding keeps the values' hierarchy: the paper's measures (VALUEFLOW, HIVES)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RankAccuracy:
    """``strict``: share of anchors whose bins are all in order; ``pairwise``: share of pairs of
    bins in order; ``n``: anchors that had at least two bins."""

    strict: float
    pairwise: float
    n: int


def shared_levels(a: Sequence[str], b: Sequence[str]) -> int:
    """How many levels, from the top, two paths have in common."""
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def _shared_matrix(paths: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Shared levels of all pairs of texts, int [n, n]; computed once a pair of distinct paths."""
    distinct = sorted(set(paths))
    table = np.array([[shared_levels(a, b) for b in distinct] for a in distinct], dtype=np.int64)
    of = np.array([distinct.index(path) for path in paths], dtype=np.int64)
    return table[of][:, of]


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
    larger. Bins without texts are left out; each anchor is tried ``draws`` times.

    z: float32 [n, d] unit rows; paths and directions: n labels.
    """
    rng = np.random.default_rng(seed)
    cosine = z @ z.T
    bins = _bins(paths, directions)
    strict = pairs = in_order = anchors = 0
    for i in range(len(z)):
        members = [np.flatnonzero(bins[i] == b) for b in range(5)]
        members = [m for m in members if len(m)]
        if len(members) < 2:
            continue
        for _ in range(draws):
            drawn = [cosine[i, rng.choice(m)] for m in members]
            right = [near > far for near, far in combinations(drawn, 2)]
            strict += all(right)
            pairs += len(right)
            in_order += sum(right)
            anchors += 1
    if not anchors:
        return RankAccuracy(0.0, 0.0, 0)
    return RankAccuracy(strict / anchors, in_order / pairs, anchors // draws)


def _bins(paths: Sequence[tuple[str, ...]], directions: Sequence[int]) -> NDArray[np.int64]:
    """Bin of every pair, int [n, n]; -1 for a text with itself."""
    shared = _shared_matrix(paths)
    depth = np.array([len(path) for path in paths])
    same_path = (shared == depth[:, None]) & (shared == depth[None, :])
    signs = np.asarray(directions)
    same_direction = signs[:, None] == signs[None, :]
    bins = np.select(
        [same_path & same_direction, same_path, shared >= 2, shared == 1], [0, 1, 2, 3], default=4
    )
    np.fill_diagonal(bins, -1)
    return bins


def similarity_correlation(
    z: NDArray[np.float32], paths: Sequence[tuple[str, ...]], directions: Sequence[int]
) -> float:
    """Pearson correlation, over all pairs of texts, of cosine and label similarity.

    label similarity = number of shared levels + 0.5 if the direction is the same.
    """
    signs = np.asarray(directions)
    label = _shared_matrix(paths) + 0.5 * (signs[:, None] == signs[None, :])
    upper = np.triu_indices(len(z), k=1)
    return float(np.corrcoef((z @ z.T)[upper], label[upper])[0, 1])


def axis_orthogonality(axes: NDArray[np.float32]) -> float:
    """1 - mean |cosine| of distinct axes: 1 when all are at right angles. axes: [n, d] unit."""
    upper = np.triu_indices(len(axes), k=1)
    return float(1.0 - np.abs((axes @ axes.T)[upper]).mean())
