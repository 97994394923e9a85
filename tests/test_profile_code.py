"""A profile as a code: the way there and back, and one sentence for whatever is damaged."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.presets import PRESETS
from chat_app.chat.profile_texts import shared_profile
from chat_app.values.code import _VALUES, is_code, profile_code, read_code
from chat_app.values.profile import METHODS, Profile, ProfileError
from chat_app.values.taxonomy import STEERED

letters = st.characters(exclude_categories=["Cs"])
names = st.text(letters, min_size=1, max_size=200).filter(str.strip)
own = st.text(string.ascii_lowercase + "äß語", min_size=1, max_size=30).map("custom/".__add__)
intensities = st.integers(-1000, 1000).map(lambda hundredths: hundredths / 100)
profiles = st.builds(
    Profile,
    name=names,
    targets=st.dictionaries(st.sampled_from(STEERED) | own, intensities, max_size=40),
    description=st.text(letters, max_size=300),
    method=st.sampled_from(METHODS),
)


def test_every_value_has_its_place_and_keeps_it():
    assert list(_VALUES) == list(STEERED)
    assert profile_code(Profile("kind", {"svt/benevolence": 6})) == "vf1-AAAEa2luZAAAAAJY7Hzcdg"


@given(profiles)
def test_there_and_back(profile):
    found = read_code(profile_code(profile))
    assert found == profile
    assert list(found.targets) == list(profile.targets)


def test_a_preset_fits_in_a_message():
    assert all(len(profile_code(preset)) < 140 for preset in PRESETS)


@given(st.sampled_from(PRESETS), st.data())
def test_a_message_may_break_and_quote_it(preset, data):
    code = profile_code(preset)
    cut = data.draw(st.integers(1, len(code) - 1))
    assert is_code(f"  “{code[:cut]}\n> {code[cut:]}” ")
    assert read_code(f"  “{code[:cut]}\n> {code[cut:]}” ") == preset


@given(st.sampled_from(PRESETS), st.data())
def test_one_wrong_letter_is_noticed(preset, data):
    code = profile_code(preset)
    place = data.draw(st.integers(4, len(code) - 2))
    others = (string.ascii_letters + string.digits).replace(code[place], "")
    other = data.draw(st.sampled_from(others))
    with pytest.raises(ProfileError, match="damaged: copy it again, whole"):
        read_code(code[:place] + other + code[place + 1 :])


@given(st.sampled_from(PRESETS), st.data())
def test_a_code_that_was_cut_off_is_noticed(preset, data):
    code = profile_code(preset)
    with pytest.raises(ProfileError):
        read_code(code[: data.draw(st.integers(0, len(code) - 1))])


@given(st.text() | st.binary().map(lambda b: "vf1-" + b.hex()) | st.text().map("vf1-".__add__))
def test_anything_else_ends_in_one_sentence(text):
    with pytest.raises(ProfileError) as told:
        read_code(text)
    assert str(told.value).count(".") <= 2


def test_a_file_or_a_code_is_taken_and_other_text_is_named():
    preset = PRESETS[0]
    assert shared_profile(profile_code(preset)) == preset
    assert shared_profile("\ufeff " + json.dumps(preset.to_json())) == preset
    with pytest.raises(ProfileError, match="neither a profile's code"):
        shared_profile("hello")
