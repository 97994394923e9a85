"""Coefficients that a profile carries for one model: only for what it asked for then."""

import copy
import json
import pickle
from dataclasses import replace

import pytest

from chat_app.values.profile import Profile, ProfileError
from chat_app.values.tuned import Tuned

KIND, POWER = "svt/benevolence", "svt/power"
MODEL, OTHER = "ab" * 32, "cd" * 32
TARGETS = {KIND: 6.0, POWER: -4.0}
FOUND = Tuned(MODEL, "vector", tuple(TARGETS.items()), ((KIND, 0.4), (POWER, -0.1)))
PROFILE = Profile("kind", TARGETS, tuned=(FOUND,))


def test_it_holds_for_its_model_and_just_these_targets():
    assert PROFILE.tuned_for(MODEL) == {KIND: 0.4, POWER: -0.1}
    assert PROFILE.tuned_for(OTHER) is None
    assert replace(PROFILE, targets={**TARGETS, KIND: 7}).tuned_for(MODEL) is None
    assert replace(PROFILE, method="vector+prompt").tuned_for(MODEL) is None
    assert replace(PROFILE, name="kinder").tuned_for(MODEL) is not None


def test_it_goes_with_the_profile():
    assert Profile.from_json(json.dumps(PROFILE.to_json())) == PROFILE
    assert copy.deepcopy(PROFILE) == PROFILE == pickle.loads(pickle.dumps(PROFILE))
    assert hash(copy.deepcopy(PROFILE)) == hash(PROFILE)
    assert Profile.from_json(PROFILE.to_json()).tuned_for(MODEL) == {KIND: 0.4, POWER: -0.1}


def test_a_profile_that_was_never_tuned_is_written_as_ever():
    assert "tuned" not in Profile("kind", TARGETS).to_json()


@pytest.mark.parametrize(
    ("tuned", "said"),
    [
        ({}, "must be a list"),
        ([1], "has the keys"),
        ([{**FOUND.to_json(), "model": "mine"}], "SHA-256"),
        ([{**FOUND.to_json(), "coefficients": {KIND: 1}}], "same values"),
        ([{**FOUND.to_json(), "coefficients": {KIND: 1e9, POWER: 0}}], "numbers up to"),
        ([{**FOUND.to_json(), "coefficients": {KIND: "a", POWER: 0}}], "are numbers"),
        ([{**FOUND.to_json(), "coefficients": [1]}], "an object"),
    ],
)
def test_what_is_wrong_with_it_is_said(tuned, said):
    with pytest.raises(ProfileError, match=said):
        Profile.from_json({**PROFILE.to_json(), "tuned": tuned})


def test_the_page_keeps_it_for_when_the_sliders_are_where_they_were():
    from chat_app.ui.own_values import Own
    from chat_app.ui.profile_panel import read_profile
    from chat_app.values.taxonomy import STEERED

    def shown(**moved: float) -> Profile:
        wanted = {**TARGETS, **{f"svt/{name}": t for name, t in moved.items()}}
        sliders = [wanted.get(value, 0) for value in STEERED]
        places = json.dumps(sliders)
        return read_profile("kind", "", PROFILE.tuned, "vector", 100, Own(), places)

    assert shown().tuned_for(MODEL) == PROFILE.tuned_for(MODEL)
    assert shown(power=-3).tuned_for(MODEL) is None
