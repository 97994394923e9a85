"""Profiles: every wrong part is named, every right one survives a round trip."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.values.profile import METHODS, Profile, ProfileError
from chat_app.values.taxonomy import STEERED

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
PROFILES = st.builds(
    Profile,
    name=TEXT.filter(lambda name: name.strip()),
    targets=st.dictionaries(
        st.sampled_from(STEERED) | st.text("xyz=<,:").map("custom/a{}".format),
        st.floats(-10, 10) | st.integers(-10, 10),
    ),
    description=TEXT,
    method=st.sampled_from(METHODS),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


def written(**changes):
    """A good profile as a file holds it, with ``changes``; a change to None takes the key out."""
    whole = {"format": "valueflow.profile/1", "name": "kind", "targets": {"benevolence": 6}}
    return {key: item for key, item in (whole | changes).items() if item is not None}


@given(PROFILES)
def test_round_trip_through_text_copy_and_pickle(profile):
    assert Profile.from_json(json.dumps(profile.to_json())) == profile
    assert Profile.from_json(profile.to_json()) == profile
    assert copy.deepcopy(profile) == profile == pickle.loads(pickle.dumps(profile))
    assert hash(copy.copy(profile)) == hash(profile)


def test_json_form_is_the_published_one():
    profile = Profile("kind", {"power": -4, "svt/benevolence": 6}, "for hard days")
    assert profile.to_json() == {
        "format": "valueflow.profile/1",
        "name": "kind",
        "description": "for hard days",
        "method": "vector",
        "targets": {"svt/power": -4.0, "svt/benevolence": 6.0},
    }
    assert list(profile.targets) == ["svt/power", "svt/benevolence"]


def test_ones_own_words_are_a_target():
    profile = Profile("mine", {" Custom/living   simply. ": 6, "power": 1})
    assert dict(profile.targets) == {"custom/living simply": 6, "svt/power": 1}
    assert Profile("mine", profile.to_json()["targets"]) == profile


def test_zero_is_a_target_and_no_target_is_allowed():
    assert Profile("flat", {"face": -0.0}).targets == {"svt/face": 0.0}
    assert str(Profile("flat", {"face": -0.0}).targets["svt/face"]) == "0.0"
    assert Profile.from_json(written(targets={})).targets == {}


def test_targets_cannot_be_changed_from_either_side():
    mine = {"svt/power": 1.0}
    profile = Profile("p", mine)
    mine["svt/power"] = 9.0
    assert profile.targets["svt/power"] == 1.0
    with pytest.raises(TypeError):
        profile.targets["svt/power"] = 9.0  # type: ignore[index]
    profile.to_json()["targets"]["svt/power"] = 9.0
    assert profile.targets["svt/power"] == 1.0


def test_numbers_of_numpy_become_plain_floats():
    (target,) = Profile.from_json(written(targets={"power": np.float32(2.5)})).targets.values()
    assert type(target) is float
    assert target == 2.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": None}, "key 'format' is missing"),
        ({"format": "valueflow.profile/2"}, "'valueflow.profile/2': this version reads"),
        ({"name": None}, "key 'name' is missing"),
        ({"name": "  "}, "name is empty"),
        ({"name": 7}, "name is a number: it must be text"),
        ({"name": "n" * 201}, "name has 201 characters"),
        ({"name": "\ud800"}, "name holds a broken character"),
        ({"description": []}, "description is a list"),
        ({"targets": None}, "key 'targets' is missing"),
        ({"targets": [6]}, "targets is a list"),
        ({"target": {}}, "no key 'target': did you mean 'targets'"),
        ({"colour": 1}, "no key 'colour': it has format, name"),
        ({"method": "vectors"}, "method is 'vectors': it is one of vector, prompt, exemplar, v"),
        ({"method": ["vector"]}, "method is ['vector']"),
        ({"targets": {"benevolance": 1}}, "no value 'benevolance': did you mean svt/benevolence"),
        ({"targets": {"caring": 1}}, "'caring' could mean"),
        ({"targets": {"custom/": 1}}, "The value '' holds no letter"),
        ({"targets": {"custom/12 %": 1}}, "The value '12 %' holds no letter"),
        ({"targets": {"custom/" + "a" * 121: 1}}, "has 121 characters: 120 are the most"),
        ({"targets": {"custom/a\u202eb": 1}}, "holds a character that cannot be shown"),
        ({"targets": {"custom/a\ud800": 1}}, "holds a character that cannot be shown"),
        ({"targets": {"custom/Thrift": 1, "custom/thrift": 2}}, "custom/thrift twice, as 'custom/"),
        ({"targets": {"custom/thrift": 11}}, "target of custom/thrift is 11, outside"),
        ({"targets": {"kindness": 1}}, "mft/care-harm:kindness, which cannot be steered by itself"),
        ({"targets": {"svt/conservation": 1}}, "svt/humility, svt/face, svt/conformity"),
        ({"targets": {"power": 12}}, "target of svt/power is 12, outside [-10, 10]"),
        ({"targets": {"power": -10.001}}, "svt/power is -10.001, outside"),
        ({"targets": {"power": float("inf")}}, "svt/power is inf, outside"),
        ({"targets": {"power": 10**400}}, "outside [-10, 10]"),
        ({"targets": {"power": float("nan")}}, "svt/power is NaN"),
        ({"targets": {"power": True}}, "svt/power is True: it must be a number"),
        ({"targets": {"power": "6"}}, "svt/power is '6': it must be a number"),
        ({"targets": {"power": None}}, "svt/power is None: it must be a number"),
        ({"targets": {"power": 1, "svt/power": 2}}, "svt/power twice, as 'power' and as"),
    ],
)
def test_the_wrong_part_is_named(changes, said):
    with pytest.raises(ProfileError) as refused:
        Profile.from_json(written(**changes))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "name": }', "Expecting value at line 2, column 10"),
        ("", "line 1, column 1"),
        ("[]", "is a JSON object, not a list"),
        ("null", "is a JSON object, not null"),
        ('{"name": "a", "name": "b"}', "key 'name' stands in the profile twice"),
        ("[" * 200_000, "not valid JSON"),
        ("9" * 10_000, "not valid JSON"),
    ],
)
def test_broken_text_says_where(text, said):
    with pytest.raises(ProfileError) as refused:
        Profile.from_json(text)
    assert said in str(refused.value)


def test_a_file_saved_with_a_byte_order_mark_is_read():
    assert Profile.from_json("\ufeff" + json.dumps(written())).targets == {"svt/benevolence": 6}


@given(st.dictionaries(st.sampled_from(["format", "name", "method", "targets", "x"]), JSON) | JSON)
def test_no_json_ends_in_a_traceback(data):
    with pytest.raises(ProfileError):
        Profile.from_json(json.dumps(data))
