"""What HIVES's embedding measures cost, beside their definitions as plain loops.

``python -m tests.bench.hives_metrics [--texts 2000] [--dim 1024]`` prints seconds for rank
accuracy (10 draws a text) and similarity correlation, on random unit vectors with the labels of
the built-in VIDB, and the ratio to loops over texts and pairs, both measured in this run on as
many texts as the loops can bear.
"""

import argparse
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.labels import direction, label_path
from chat_app.hives.metrics import rank_accuracy, shared_levels, similarity_correlation
from chat_app.vidb.loading import load_vidb

FEW = 1000
Paths = list[tuple[str, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--dim", type=int, default=1024)
    arguments = parser.parse_args()
    anchors = load_vidb().anchors
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(anchors), size=arguments.texts)
    paths = [label_path(anchors[i].value) for i in chosen]
    signs = [direction(anchors[i].intensity) for i in chosen]
    z = rng.standard_normal((arguments.texts, arguments.dim)).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    few = z[:FEW], paths[:FEW], signs[:FEW]
    measures: list[tuple[str, Callable[..., object], Callable[..., object]]] = [
        ("rank accuracy", rank_accuracy, plain_rank_accuracy),
        ("similarity correlation", similarity_correlation, plain_correlation),
    ]
    for name, fast, plain in measures:
        whole = _seconds(fast, z, paths, signs)
        small, slow = _seconds(fast, *few), _seconds(plain, *few)
        print(
            f"{name}: {whole:.2f} s for {arguments.texts} texts of {arguments.dim} numbers; on "
            f"{len(few[1])} texts {slow / small:.0f} times as fast as plain loops ({slow:.2f} s)"
        )


def _seconds(measure: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    measure(*arguments)
    return time.perf_counter() - started


def plain_rank_accuracy(z: NDArray[np.float32], paths: Paths, signs: list[int]) -> float:
    """Pairs of bins in order, drawn text by text."""
    rng = np.random.default_rng(0)
    in_order = pairs = 0
    for i in range(len(z)):
        bins: dict[int, list[int]] = {}
        for j in range(len(z)):
            if j != i:
                shared = {0: 4, 1: 3}.get(shared_levels(paths[i], paths[j]), 2)
                same = int(signs[i] != signs[j]) if paths[i] == paths[j] else shared
                bins.setdefault(same, []).append(j)
        ordered = [bins[b] for b in sorted(bins)]
        for _ in range(10):
            cosines = [float(z[i] @ z[rng.choice(members)]) for members in ordered]
            right = [near > far for near, far in combinations(cosines, 2)]
            in_order, pairs = in_order + sum(right), pairs + len(right)
    return in_order / pairs


def plain_correlation(z: NDArray[np.float32], paths: Paths, signs: list[int]) -> float:
    cosines, labels = [], []
    for i, j in combinations(range(len(z)), 2):
        cosines.append(float(z[i] @ z[j]))
        labels.append(shared_levels(paths[i], paths[j]) + 0.5 * (signs[i] == signs[j]))
    return float(np.corrcoef(cosines, labels)[0, 1])


if __name__ == "__main__":
    main()
