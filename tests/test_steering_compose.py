"""From a profile to a vector, a prompt, or nothing."""

from dataclasses import replace

import numpy as np
import pytest

from chat_app.errors import ValueflowError
from chat_app.llm.model import ChatModel, ModelInfo
from chat_app.steering.compose import DEFAULT_SCALE, LONGEST, compose
from chat_app.steering.control_vector import ControlVector, ControlVectorError
from chat_app.steering.prompts import bin_of, intensity_prompt, strength
from chat_app.values.phrases import PHRASES
from chat_app.values.profile import Profile
from chat_app.vidb.loading import load_vidb

KIND, POWER, TRUE = "svt/benevolence", "svt/power", "duty/fidelity"


@pytest.fixture
def info(chat_model: ChatModel) -> ModelInfo:
    return chat_model.info


@pytest.fixture
def unit(info: ModelInfo) -> dict[str, ControlVector]:
    """Three orthogonal directions of length 2 in layer 1."""
    rows = np.eye(info.n_embd)[:3] * 2
    return {
        value: ControlVector(info.architecture, info.n_layer, info.n_embd, {1: row})
        for value, row in zip((KIND, POWER, TRUE), rows, strict=True)
    }


def test_a_vector_is_the_weighted_sum(unit: dict[str, ControlVector], info: ModelInfo) -> None:
    found = compose(Profile("p", {KIND: 6, POWER: -4}), unit, info)
    assert found.coefficients == pytest.approx(
        {KIND: 0.6 * DEFAULT_SCALE, POWER: -0.4 * DEFAULT_SCALE}
    )
    assert found.vector is not None
    np.testing.assert_allclose(
        found.vector.directions[1][:3], [1.2 * DEFAULT_SCALE, -0.8 * DEFAULT_SCALE, 0], rtol=1e-6
    )
    assert (found.system_prompt, found.notes) == (None, ())


def test_the_summed_norm_is_capped_and_said(
    unit: dict[str, ControlVector], info: ModelInfo
) -> None:
    everything = Profile("p", {KIND: 10, POWER: 10, TRUE: -10})
    found = compose(everything, unit, info)
    assert found.vector is not None
    assert found.vector.norm == pytest.approx(LONGEST * DEFAULT_SCALE * 2)
    assert len(set(map(abs, found.coefficients.values()))) == 1
    assert found.coefficients[KIND] == pytest.approx(LONGEST / np.sqrt(3) * DEFAULT_SCALE)
    (note,) = found.notes
    assert "1.7 times" in note
    assert "87%" in note


def test_nothing_to_steer(unit: dict[str, ControlVector], info: ModelInfo) -> None:
    for profile in (
        Profile("p", {}),
        Profile("p", {KIND: 0}),
        Profile("p", {KIND: 8}, method="none"),
        Profile("p", {}, method="prompt"),
    ):
        found = compose(profile, unit, info)
        assert (found.vector, found.system_prompt, found.notes) == (None, None, ())


def test_a_target_of_zero_adds_nothing(unit: dict[str, ControlVector], info: ModelInfo) -> None:
    with_zero = compose(Profile("p", {KIND: 5, POWER: 0}), unit, info)
    without = compose(Profile("p", {KIND: 5}), unit, info)
    assert with_zero.vector == without.vector
    assert with_zero.vector is not None
    assert without.vector is not None
    assert with_zero.vector.hash == without.vector.hash


def test_the_prompt_method(info: ModelInfo) -> None:
    found = compose(Profile("p", {KIND: 8, POWER: -3}, method="prompt"), {}, info)
    assert found.vector is None
    assert found.system_prompt == (
        f"Answer as a person who strongly values {PHRASES[KIND]}; "
        f"somewhat rejects {PHRASES[POWER]}."
    )


def test_vector_and_prompt_are_what_each_is_alone(
    unit: dict[str, ControlVector], info: ModelInfo
) -> None:
    targets = {KIND: 8, POWER: -3}
    both = compose(Profile("p", targets, method="vector+prompt"), unit, info)
    vector = compose(Profile("p", targets), unit, info)
    prompt = compose(Profile("p", targets, method="prompt"), unit, info)
    assert both.vector == vector.vector
    assert both.coefficients == vector.coefficients
    assert both.system_prompt == prompt.system_prompt is not None
    neutral = compose(Profile("p", {KIND: 0}, method="vector+prompt"), {}, info)
    assert (neutral.vector, neutral.system_prompt) == (None, intensity_prompt({KIND: 0}))


def test_exemplars_are_of_the_targets_bins(info: ModelInfo) -> None:
    vidb = load_vidb()
    profile = Profile("p", {KIND: 8, POWER: -3}, method="exemplar")
    found = compose(profile, {}, info, vidb)
    prompt = found.system_prompt or ""
    shown = [a for v in profile.targets for a in vidb.of(v) if a.text in prompt]
    assert {(a.value, bin_of(a.intensity)) for a in shown} == {(KIND, 0), (POWER, 3)}
    assert (found.vector, found.notes) == (None, ())
    none = compose(replace(profile, targets={"custom/thrift": 4}), {}, info, vidb)
    assert none.system_prompt is None
    assert "none for thrift" in none.notes[0]
    with pytest.raises(ValueflowError, match="there is none"):
        compose(profile, {}, info)


def test_a_missing_direction_is_named(unit: dict[str, ControlVector], info: ModelInfo) -> None:
    with pytest.raises(ValueflowError, match=r"no direction for svt/tradition; build"):
        compose(Profile("p", {KIND: 3, "svt/tradition": 3}), unit, info)


def test_directions_of_another_model(unit: dict[str, ControlVector], info: ModelInfo) -> None:
    other = replace(info, name="bigger", n_embd=4096)
    with pytest.raises(ControlVectorError, match=r"bigger is a llama model of .* x 4096"):
        compose(Profile("p", {KIND: 3}), unit, other)


def test_a_model_that_cannot_be_steered_says_so(info: ModelInfo) -> None:
    found = compose(Profile("p", {KIND: 3}), {}, replace(info, steerable=False))
    assert found.vector is None
    assert "not steered" in found.notes[0]
    both = compose(
        Profile("p", {KIND: 3}, method="vector+prompt"), {}, replace(info, steerable=False)
    )
    assert (both.vector, both.system_prompt) == (None, intensity_prompt({KIND: 3}))
    assert "prompt alone" in both.notes[0]


@pytest.mark.parametrize(
    ("intensity", "words"),
    [
        (10, "strongly values"),
        (6, "strongly values"),
        (5.9, "somewhat values"),
        (2, "somewhat values"),
        (0, "is neutral about"),
        (-2, "is neutral about"),
        (-2.1, "somewhat rejects"),
        (-6, "somewhat rejects"),
        (-6.1, "strongly rejects"),
        (-10, "strongly rejects"),
    ],
)
def test_five_strengths(intensity: float, words: str) -> None:
    assert strength(intensity) == words
    assert (
        intensity_prompt({"custom/thrift": intensity}) == f"Answer as a person who {words} thrift."
    )
