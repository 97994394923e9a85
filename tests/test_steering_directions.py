"""Directions: planted ones are found, and those of the built-in model tell its texts apart."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from chat_app.errors import ValueflowError
from chat_app.hives.encoder import Encoder, load_encoder
from chat_app.hives.space import Space, build_space
from chat_app.llm.model import ChatModel
from chat_app.steering.bank import Bank, build_bank
from chat_app.steering.contrasts import METHODS, own_texts, raw_directions, support
from chat_app.steering.directions import (
    WHITEN,
    candidate_layers,
    chosen_ridge,
    default_layers,
    directions,
    others_share,
    shares,
)
from chat_app.steering.separation import separation, separations
from chat_app.vidb.loading import Anchor, Vidb, load_vidb

VALUES = ("svt/benevolence", "svt/power", "duty/fidelity")
N_LAYER, WIDTH = 8, 40


def planted(seed: int = 0, noise: float = 0.5) -> tuple[Bank, Space, np.ndarray]:
    """Numbers in which value v's intensity moves every layer's state along ``axes[v]``.

    A topic offset of each value, larger than all else, is there to be left out.
    """
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(WIDTH, 2 * len(VALUES))))[0].T
    anchors, states, embeddings = [], [], []
    for v, value in enumerate(VALUES):
        for n, intensity in enumerate(rng.uniform(-10, 10, 30)):
            anchors.append(Anchor(f"{value}-{n}", value, f"{value} {n}", float(intensity), None))
            state = axes[v] * intensity / 10 + 3 * axes[len(VALUES) + v]
            noisy = state + rng.normal(0, noise / np.sqrt(WIDTH), (N_LAYER, WIDTH))
            noisy[6] = rng.normal(0, 1, WIDTH)  # a layer that knows nothing
            states.append(noisy)
            embeddings.append(np.eye(len(VALUES))[v] * np.sign(intensity))
    vidb = Vidb("planted", tuple(anchors))
    space_axes = {value: np.eye(len(VALUES), dtype=np.float32)[v] for v, value in enumerate(VALUES)}
    space = Space(cast(Encoder, None), vidb, np.array(embeddings, np.float32), space_axes)
    norms = np.arange(1, N_LAYER + 1, dtype=np.float32)
    bank = Bank("sha", "llama", vidb.version, np.array(states, np.float16), norms)
    return bank, space, axes


@pytest.mark.parametrize(
    ("method", "whiten"), [("hives", None), ("hives", 0.3), ("mean_diff", None), ("pca", None)]
)
def test_a_planted_direction_is_found(method, whiten: float | None) -> None:
    bank, space, axes = planted()
    found = directions(bank, space, VALUES, method=method, layers=(2, 3), whiten=whiten)
    for v, value in enumerate(VALUES):
        for layer in (2, 3):
            direction = found[value].directions[layer]
            unit = direction / np.linalg.norm(direction)
            assert unit @ axes[v] > 0.85
            assert abs(unit @ axes[len(VALUES) + v]) < 0.2  # the topic is no part of it


def test_a_coefficient_of_one_is_one_typical_norm_in_all() -> None:
    bank, space, _ = planted()
    vector = directions(bank, space, VALUES, layers=(2, 3, 5))["svt/power"]
    assert vector.layers == (2, 3, 5)
    for layer in vector.layers:
        assert np.linalg.norm(vector.directions[layer]) == pytest.approx(bank.norms[layer] / 3)
    assert (vector.model_hint, vector.n_layer, vector.n_embd) == ("llama", N_LAYER, WIDTH)


def test_support_by_hand() -> None:
    _, space, _ = planted()
    y = support(space, "svt/power", 0.02)
    own = own_texts(space, "svt/power")
    intensity = np.array([a.intensity for a in space.vidb.anchors])
    np.testing.assert_allclose(y[own], (intensity[own] - intensity[own].mean()) / 10, atol=1e-6)
    assert y[~own].sum() == pytest.approx(0, abs=1e-4)
    # here the others lie across the axis: they have nothing to say
    assert not y[~own].any()


@given(seed=st.integers(0, 1000))
def test_others_together_weigh_a_known_share(seed: int) -> None:
    _, space, _ = planted()
    rng = np.random.default_rng(seed)
    z = rng.normal(size=space.embeddings.shape).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    mixed = Space(space.encoder, space.vidb, z, space.axes)
    y, own = support(mixed, "svt/power", 0.02), own_texts(mixed, "svt/power")
    assert np.sum(y[~own] ** 2) == pytest.approx(0.02 * np.sum(y[own] ** 2), rel=1e-4)
    along = np.corrcoef(y[~own], z[~own] @ space.axes["svt/power"])[0, 1]
    assert along == pytest.approx(1.0)


def test_a_value_without_texts_of_its_own_rests_on_its_axis() -> None:
    bank, space, axes = planted()
    axis = (space.axes["svt/benevolence"] + space.axes["duty/fidelity"]) / np.float32(np.sqrt(2))
    custom = Space(space.encoder, space.vidb, space.embeddings, {**space.axes, "custom/x": axis})
    direction = directions(bank, custom, ["custom/x"], layers=[3])["custom/x"].directions[3]
    unit = direction / np.linalg.norm(direction)
    assert min(unit @ axes[0], unit @ axes[2]) > 0.4
    for method in ("mean_diff", "pca"):
        with pytest.raises(ValueflowError, match=f"{method} needs texts of both kinds"):
            directions(bank, custom, ["custom/x"], method=method, layers=[3])
    with pytest.raises(ValueflowError, match="for or against custom/y"):
        directions(bank, custom, ["custom/y"])


def test_layers_that_know_nothing_are_left_out() -> None:
    bank, space, _ = planted()
    assert candidate_layers(N_LAYER) == (2, 3, 4, 5)
    assert default_layers(bank, space) == (2, 3, 4, 5)
    blind = bank.states.copy()
    blind[:, 4] = blind[:, 6]
    known = Bank(bank.model_sha256, bank.architecture, bank.vidb_version, blind, bank.norms)
    assert default_layers(known, space) == (2, 3, 5)


def test_separation_is_of_texts_that_were_not_seen() -> None:
    bank, space, _ = planted()
    assert separation(bank, space, 3) > 0.9
    # as many numbers as texts: a direction fits those it saw perfectly, the others not at all
    assert separation(bank, space, 6) == pytest.approx(0.5, abs=0.15)


def test_others_weigh_where_they_help_only() -> None:
    """Texts of two values that move the states alike speak for each other; where the states of
    the values are apart, and embeddings say otherwise, they are not listened to."""
    rng = np.random.default_rng(1)
    _, space, _ = planted()
    axis = rng.normal(size=WIDTH)
    axis /= np.linalg.norm(axis)
    sides = np.array([a.intensity for a in space.vidb.anchors]) / 10
    alike = np.outer(sides, axis)[:, None, :].repeat(N_LAYER, 1)
    noise = rng.normal(0, 1.5 / np.sqrt(WIDTH), alike.shape)
    embeddings = np.outer(np.sign(sides), [1.0, 0.0]).astype(np.float32)
    axes = {value: np.array([1.0, 0.0], np.float32) for value in VALUES}
    one = Space(space.encoder, space.vidb, embeddings, axes)
    norms = np.ones(N_LAYER, np.float32)
    shared = Bank("sha", "llama", space.vidb.version, (alike + noise).astype(np.float16), norms)
    assert others_share(shared, one, (2, 3)) == 0.1
    apart, _, _ = planted()
    assert others_share(apart, one, (2, 3)) == 0.0


def test_states_are_whitened_where_that_helps_only() -> None:
    """It does where the states vary most along something that has nothing to do with values."""
    bank, space, _ = planted(noise=2.0)
    rng = np.random.default_rng(2)
    loud = np.outer(rng.normal(0, 20, len(bank.states)), rng.normal(size=WIDTH) / np.sqrt(WIDTH))
    states = (bank.states + loud[:, None, :]).astype(np.float16)
    noisy = Bank(bank.model_sha256, bank.architecture, bank.vidb_version, states, bank.norms)
    assert chosen_ridge(noisy, space, (2, 3)) == WHITEN
    quiet, _, _ = planted()
    assert chosen_ridge(quiet, space, (2, 3)) is None


def test_pca_by_hand() -> None:
    """Pairs by strength: (9, -8) and (3, -2). Their differences are (4, 0) and (-1, 1): the
    uncentred scatter is [[17, -1], [-1, 1]], its first eigenvector (1, -0.062) to sign, and the
    differences project onto it to 4 and -1.06, so that it points as it stands."""
    texts = ((9.0, (2, 0)), (3.0, (0, 1)), (-8.0, (-2, 0)), (-2.0, (1, 0)), (-1.0, (50, 50)))
    vidb = Vidb("pairs", tuple(Anchor(str(t), "svt/power", str(t), t, None) for t, _ in texts))
    space = Space(cast(Encoder, None), vidb, np.zeros((5, 1), np.float32), {})
    states = np.array([state for _, state in texts], np.float32)
    found = raw_directions(states, space, ["svt/power"], "pca")[:, 0]
    scatter = np.array([[17.0, -1.0], [-1.0, 1.0]])
    expected = np.linalg.eigh(scatter)[1][:, 1]
    np.testing.assert_allclose(found, expected * np.sign(expected[0]), atol=1e-5)


def test_shares_of_layers() -> None:
    bank, space, _ = planted()
    layers = (2, 3, 6)  # layer 6 knows nothing
    assert shares(bank, space, layers) == dict.fromkeys(layers, 1 / 3)
    by_separation = shares(bank, space, layers, "separation")
    assert sum(by_separation.values()) == pytest.approx(1)
    assert by_separation.get(6, 0) < 0.3 < min(by_separation[2], by_separation[3])
    ((best, whole),) = shares(bank, space, layers, "one").items()
    assert whole == 1
    assert best in (2, 3)
    vector = directions(bank, space, VALUES, layers=layers, spread="one")["svt/power"]
    assert vector.layers == (best,)
    assert vector.norm == pytest.approx(bank.norms[best], rel=1e-5)


def test_separation_of_each_value() -> None:
    bank, space, _ = planted()
    each = separations(bank, space, 3)
    assert set(each) == set(VALUES)
    assert separation(bank, space, 3) == pytest.approx(np.mean([*each.values()]))
    for method in METHODS:
        assert separation(bank, space, 3, method) > 0.9


@given(n_layer=st.integers(2, 100))
@settings(max_examples=30)
def test_candidates_are_the_middle(n_layer: int) -> None:
    layers = candidate_layers(n_layer)
    assert layers[0] >= 1
    assert layers[-1] <= max(1, n_layer - 2)
    assert layers == tuple(range(layers[0], layers[-1] + 1))


def test_wrong_calls() -> None:
    bank, space, _ = planted()
    other = Vidb("other", space.vidb.anchors[:-1])
    with pytest.raises(ValueflowError, match="build both from the same"):
        directions(bank, Space(space.encoder, other, space.embeddings, space.axes), VALUES)
    with pytest.raises(ValueflowError, match="ridge is 0"):
        directions(bank, space, VALUES, whiten=0)
    with pytest.raises(ValueflowError, match="one layer"):
        candidate_layers(1)
    flat = Bank("sha", "llama", bank.vidb_version, np.ones_like(bank.states), bank.norms)
    for method in METHODS:
        with pytest.raises(ValueflowError, match="no direction for"):
            directions(flat, space, VALUES, method=method, layers=[3])


@pytest.fixture(scope="session")
def seed_bank(chat_model: ChatModel, shared_cache) -> Bank:
    return build_bank(chat_model, load_vidb(), shared_cache)


@pytest.fixture(scope="session")
def seed_space(shared_cache) -> Space:
    return build_space(load_encoder("builtin"), load_vidb(), shared_cache)


@pytest.mark.parametrize(
    ("method", "whiten"), [("hives", None), ("hives", 0.3), ("mean_diff", None), ("pca", None)]
)
def test_the_number_of_threads_leaves_no_trace(method, whiten, seed_bank, seed_space) -> None:
    """A vector is stored by its hash, and must come out the same in another process."""
    values = ["svt/benevolence", "duty/fidelity"]
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            made = directions(seed_bank, seed_space, values, method=method, whiten=whiten)
        found.append([made[value].hash for value in values])
    assert found[0] == found[1]


def test_built_in_model_separates_held_out_texts(seed_bank: Bank, seed_space: Space) -> None:
    layers = default_layers(seed_bank, seed_space)
    assert min(separation(seed_bank, seed_space, layer) for layer in layers) > 0.7


def test_methods_agree_on_the_built_in_model(seed_bank: Bank, seed_space: Space) -> None:
    values = seed_space.vidb.values
    hives = directions(seed_bank, seed_space, values)
    for method in ("mean_diff", "pca"):
        plain = directions(seed_bank, seed_space, values, method=method)
        for value in values:
            a, b = hives[value].buffer().data.ravel(), plain[value].buffer().data.ravel()
            assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.4
