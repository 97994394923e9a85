"""The embedding metrics on label sets small enough to check by eye."""

import numpy as np
import pytest

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
