"""The embedding metrics on label sets small enough to check by eye."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.hives.labels import direction, label_path, path_table
from chat_app.hives.metrics import (
    axis_orthogonality,
    rank_accuracy,
    shared_levels,
    similarity_correlation,
)

PATHS = [("a", "b", "c"), ("a", "b", "d"), ("a", "e"), ("f",)]


def one_hot_labels() -> tuple[np.ndarray, list[tuple[str, ...]], list[int]]:
    """Two texts of each path and direction, their vectors made of the labels themselves."""
    names = sorted({path[: i + 1] for path in PATHS for i in range(len(path))})
    rows, paths, signs = [], [], []
    for path in PATHS:
        for sign in (1, -1):
            for _ in range(2):
                row = np.zeros(len(names) + 2 * len(PATHS))
                for level in range(len(path)):
                    row[names.index(path[: level + 1])] = 1.0
                row[len(names) + 2 * PATHS.index(path) + (sign > 0)] = 0.5
                rows.append(row / np.linalg.norm(row))
                paths.append(path)
                signs.append(sign)
    return np.array(rows, dtype=np.float32), paths, signs


def test_shared_levels_count_from_the_top() -> None:
    assert shared_levels(("a", "b", "c"), ("a", "b", "d")) == 2
    assert shared_levels(("a", "b"), ("a", "b", "c")) == 2
    assert shared_levels(("x", "b"), ("a", "b")) == 0


def test_labels_as_vectors_rank_perfectly() -> None:
    accuracy = rank_accuracy(*one_hot_labels())
    assert accuracy.strict == accuracy.pairwise == 1.0
    assert accuracy.n == 16


def test_random_vectors_rank_by_chance() -> None:
    _, paths, signs = one_hot_labels()
    z = np.random.default_rng(0).normal(size=(len(paths), 64)).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    assert 0.35 < rank_accuracy(z, paths, signs, draws=50).pairwise < 0.65


def test_reversed_vectors_rank_nothing_in_order() -> None:
    # Two texts, one path, one direction, and one from elsewhere that is nearer to the first.
    z = np.array([[1, 0], [-1, 0], [1, 0]], dtype=np.float32)
    accuracy = rank_accuracy(z[[0, 1, 2]], [("a",), ("a",), ("b",)], [1, 1, 1])
    assert accuracy.pairwise == 0.0


def test_similarity_correlation_of_three_texts_by_hand() -> None:
    # cosines: 1 (same path and direction), 0, 0; label similarities: 1.5, 0.5, 0.5.
    z = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert similarity_correlation(z, [("a",), ("a",), ("b",)], [1, 1, 1]) == pytest.approx(1.0)


def test_orthogonality_of_axes_by_hand() -> None:
    axes = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    assert axis_orthogonality(axes) == pytest.approx(1 - (0 + 0.6 + 0.8) / 3)


def test_paths_run_from_the_theory_to_the_value() -> None:
    assert label_path("right/civil_rights") == ("right", "first_generation", "civil_rights")
    assert label_path("custom/frugality") == ("custom/frugality",)


def test_path_table_repeats_the_leaf_of_short_paths() -> None:
    table = path_table([("a", "b", "c"), ("a", "b", "d"), ("a",), ("e",)])
    assert table.shape == (4, 3)
    shared = (table[:, None] == table[None]).sum(axis=2)
    assert shared[0].tolist() == [3, 2, 1, 0]
    assert len(set(table[2])) == 1


@pytest.mark.parametrize(
    ("intensity", "expected"), [(-10, -1), (-2.5, -1), (-2.4, 0), (0, 0), (2.4, 0), (2.5, 1)]
)
def test_direction_of_an_intensity(intensity: float, expected: int) -> None:
    assert direction(intensity) == expected


def random_labels(seed: int, n: int) -> tuple[np.ndarray, list[tuple[str, ...]], list[int]]:
    """Unit rows that lean towards their labels, so that measures are neither 0 nor 1."""
    rng = np.random.default_rng(seed)
    known = [*PATHS, ("f", "g")]
    paths = [known[i] for i in rng.integers(len(known), size=n)]
    signs = [int(s) for s in rng.integers(-1, 2, size=n)]
    z = rng.normal(size=(n, 12))
    for row, (path, sign) in enumerate(zip(paths, signs, strict=True)):
        z[row, known.index(path)] += 2
        z[row, 6 + sign] += 1
    return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32), paths, signs


def bin_of(path: tuple[str, ...], sign: int, other: tuple[str, ...], other_sign: int) -> int:
    """The bins as the paper lists them."""
    if path == other:
        return 0 if sign == other_sign else 1
    return {0: 4, 1: 3}.get(shared_levels(path, other), 2)


def plain_rank_accuracy(
    z: np.ndarray, paths: list[tuple[str, ...]], signs: list[int]
) -> tuple[float, float]:
    """Strict and pairwise expected over every possible draw, by loops over all combinations."""
    tried, strict, pairs, in_order = 0.0, 0.0, 0.0, 0.0
    for i in range(len(z)):
        bins: dict[int, list[float]] = {}
        for j in range(len(z)):
            if j != i:
                bins.setdefault(bin_of(paths[i], signs[i], paths[j], signs[j]), []).append(
                    float(z[i] @ z[j])
                )
        ordered = [bins[b] for b in sorted(bins)]
        if len(ordered) < 2:
            continue
        draws = list(product(*ordered))
        for drawn in draws:
            right = [near > far for near, far in combinations(drawn, 2)]
            strict += all(right) / len(draws)
            in_order += sum(right) / len(draws)
        tried += 1
        pairs += len(ordered) * (len(ordered) - 1) / 2
    return strict / tried, in_order / pairs


def test_rank_accuracy_is_what_plain_loops_over_all_draws_give() -> None:
    z, paths, signs = random_labels(3, 24)
    strict, pairwise = plain_rank_accuracy(z, paths, signs)
    found = rank_accuracy(z, paths, signs, draws=4000)
    assert (found.strict, found.pairwise) == pytest.approx((strict, pairwise), abs=0.01)
    assert 0 < strict < pairwise < 1


@given(seed=st.integers(0, 10_000), n=st.integers(3, 25))
def test_similarity_correlation_is_what_all_pairs_give(seed: int, n: int) -> None:
    z, paths, signs = random_labels(seed, n)
    cosines, labels = [], []
    for i, j in combinations(range(n), 2):
        cosines.append(float(z[i].astype(float) @ z[j].astype(float)))
        labels.append(shared_levels(paths[i], paths[j]) + 0.5 * (signs[i] == signs[j]))
    found = similarity_correlation(z, paths, signs)
    if len(set(labels)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(float(np.corrcoef(cosines, labels)[0, 1]), abs=1e-6)


def test_the_order_of_the_texts_does_not_matter_to_the_correlation() -> None:
    z, paths, signs = random_labels(5, 30)
    order = np.random.default_rng(0).permutation(30)
    again = similarity_correlation(z[order], [paths[i] for i in order], [signs[i] for i in order])
    assert again == pytest.approx(similarity_correlation(z, paths, signs))


def test_measures_without_anything_to_compare_say_so() -> None:
    z = np.eye(2, dtype=np.float32)
    assert rank_accuracy(z, [("a",), ("a",)], [1, 1]).n == 0
    assert np.isnan(similarity_correlation(z, [("a",), ("a",)], [1, 1]))
    assert np.isnan(axis_orthogonality(z[:1]))
