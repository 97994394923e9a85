"""The HIVES ranker: its arithmetic, and what it reads in replies of the built-in kind."""

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_app.evaluation import ranker_hives
from chat_app.evaluation.panels import make_windows
from chat_app.evaluation.ranker_hives import HivesRanker, gaussian_kernel, kernel_ridge
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.values.phrases import PHRASES
from chat_app.vidb.loading import VidbError, load_vidb
from training.hives_texts import Composer

LEVELS = (-2, -1, 0, 1, 2)


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> HivesRanker:
    return HivesRanker(build_space(load_encoder(), load_vidb(), tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def replies() -> dict[tuple[str, int], list[str]]:
    """Eight composed replies of three sentences for each value and level."""
    composer = Composer(random.Random(11))
    return {
        (value, level): [composer.single(value, [level] * 3).text for _ in range(8)]
        for value in PHRASES
        for level in LEVELS
    }


def unit_rows(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    z = rng.normal(size=(n, d))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def directly(
    points: np.ndarray, own: Sequence[str], intensity: np.ndarray, value: str, gamma: float
) -> np.ndarray:
    """alpha of one value by solving its own weighted system (ridge 0.1)."""
    is_own = np.array(own) == value
    weight = np.where(is_own, 1.0, 0.02)
    system = gaussian_kernel(points, points, gamma) + np.diag(0.1 / weight)
    return np.linalg.solve(system, np.where(is_own, intensity, 0.0))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(6, 40))
def test_the_shared_solve_is_each_values_own(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points, intensity = unit_rows(rng, n, 7), rng.uniform(-10, 10, n)
    own = [f"v{i % 3}" for i in range(n)]
    fit = kernel_ridge(points, own, intensity, 0.6, 0.1)
    for column, value in enumerate(fit.values):
        expected = directly(points, own, intensity, value, fit.gamma)
        np.testing.assert_allclose(fit.alpha[:, column], expected, atol=1e-6)


def test_held_out_predictions_are_those_of_a_fit_without_the_text() -> None:
    rng = np.random.default_rng(4)
    points, intensity = unit_rows(rng, 30, 6), rng.uniform(-10, 10, 30)
    own = [f"v{i % 3}" for i in range(30)]
    fit = kernel_ridge(points, own, intensity, 0.6, 0.1)
    for left_out in (0, 13, 29):
        rest = [i for i in range(30) if i != left_out]
        rest_own = [own[i] for i in rest]
        value = own[left_out]
        alpha = directly(points[rest], rest_own, intensity[rest], value, fit.gamma)
        predicted = gaussian_kernel(points[[left_out]], points[rest], fit.gamma) @ alpha
        assert predicted[0] == pytest.approx(fit.held_out[left_out], abs=1e-6)


@pytest.fixture(scope="module")
def predicted(
    ranker: HivesRanker, replies: dict[tuple[str, int], list[str]]
) -> dict[tuple[str, int], np.ndarray]:
    """Predictions for those replies, [8, 32], a column per value in the order of PHRASES."""
    z = ranker.space.encoder.encode([text for texts in replies.values() for text in texts])
    columns = ranker.model(z)[:, [ranker.model.values.index(value) for value in PHRASES]]
    return dict(zip(replies, columns.reshape(len(replies), 8, len(PHRASES)), strict=True))


def test_predict_is_the_model_clipped(
    ranker: HivesRanker,
    replies: dict[tuple[str, int], list[str]],
    predicted: dict[tuple[str, int], np.ndarray],
) -> None:
    for column, value in enumerate(list(PHRASES)[:3]):
        expected = np.clip(predicted[value, 2][:, column], -10, 10)
        np.testing.assert_allclose(ranker.predict(replies[value, 2], value), expected, atol=1e-3)


def test_predictions_rise_with_the_level_for_every_value(
    predicted: dict[tuple[str, int], np.ndarray],
) -> None:
    for column, value in enumerate(PHRASES):
        means = [float(predicted[value, level][:, column].mean()) for level in LEVELS]
        assert all(low < high for low, high in pairwise(means)), (value, means)
        assert means[0] < -6, (value, means)
        assert means[-1] > 6, (value, means)


def test_even_handed_replies_are_near_zero(predicted: dict[tuple[str, int], np.ndarray]) -> None:
    even = np.concatenate([predicted[value, 0] for value in PHRASES])
    assert np.abs(even.mean(axis=0)).max() < 1.0
    assert np.abs(even).mean() < 1.0


def test_a_text_about_one_value_is_not_strongly_about_others(
    predicted: dict[tuple[str, int], np.ndarray],
) -> None:
    off = np.concatenate(
        [
            np.delete(np.abs(predicted[value, level]), column, axis=1).ravel()
            for column, value in enumerate(PHRASES)
            for level in (-2, 2)
        ]
    )
    assert off.mean() < 1.0
    assert (off > 5.0).mean() < 0.02


def test_rank_puts_support_first_and_is_the_same_again(
    ranker: HivesRanker, replies: dict[tuple[str, int], list[str]]
) -> None:
    value = "svt/benevolence"
    places = {}
    for level in (-2, 2):
        windows = [
            window
            for seed, text in enumerate(replies[value, level])
            for window in make_windows(text, value, ranker.space.vidb, seed=seed)
        ]
        orders = ranker.rank(windows)
        assert orders == ranker.rank(windows)
        for window, order in zip(windows, orders, strict=True):
            assert sorted(order) == list(range(len(window.texts)))
        places[level] = np.mean([o.index(w.place) for w, o in zip(windows, orders, strict=True)])
    assert places[2] < 1.5
    assert places[-2] > 3.5


def test_the_order_does_not_depend_on_the_windows_beside_it(ranker: HivesRanker) -> None:
    vidb = ranker.space.vidb
    text = "I'd lend him the money, because he is my brother."
    windows = [
        window
        for value in ("svt/benevolence", "svt/power", "right/social_rights")
        for window in make_windows(text, value, vidb, seed=2)
    ]
    assert ranker.rank(windows) == [ranker.rank([window])[0] for window in windows]


def test_only_what_is_not_vidbs_is_encoded(
    ranker: HivesRanker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the anchors are too many for all to be fitted."""
    monkeypatch.setattr(ranker_hives, "_MOST", 320)
    small, encoded = HivesRanker(ranker.space), list[str]()
    encode = ranker.space.encoder.encode

    def recording(texts: Sequence[str]) -> np.ndarray:
        encoded.extend(texts)
        return encode(texts)

    monkeypatch.setattr(ranker.space.encoder, "encode", recording)
    text = "I'd lend him the money, because he is my brother."
    windows = [
        window
        for value in ("svt/benevolence", "svt/power")
        for window in make_windows(text, value, ranker.space.vidb, m=6, seed=2)
    ]
    orders = small.rank(windows)
    assert encoded == [text]
    fitted = {text for _, text in small._held_out}
    for window, order in zip(windows, orders, strict=True):
        free = [window.texts[i] for i in order if window.texts[i] not in fitted]
        predicted = small.predict(free, window.value)
        assert all(a >= b - 1e-3 for a, b in pairwise(predicted))
    assert sum(text not in fitted for w in windows for text in w.texts) > 20


def test_a_value_without_texts_is_named(ranker: HivesRanker) -> None:
    with pytest.raises(VidbError, match="svt/growth"):
        ranker.predict(["Any text."], "svt/growth")


def test_nothing_to_rank(ranker: HivesRanker) -> None:
    assert ranker.rank([]) == []
