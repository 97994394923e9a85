"""Ids of values in a person's own words, and what any id is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.steering.prompts import intensity_prompt, value_phrase
from chat_app.values.custom import (
    LONGEST,
    CustomValueError,
    custom_id,
    custom_words,
    describe_value,
    find_value,
    is_custom,
    value_label,
)
from chat_app.values.taxonomy import UnknownValue


@given(st.text(max_size=150) | st.builds("custom/{}".format, st.text(max_size=20)))
def test_an_id_says_the_same_words_again_or_is_refused(words: str) -> None:
    try:
        id = custom_id(words)
    except CustomValueError:
        return
    assert is_custom(id)
    assert custom_id(id) == id
    assert find_value(id) == id
    said = custom_words(id)
    assert 0 < len(said) <= LONGEST
    assert said == " ".join(said.split())
    assert any(letter.isalpha() for letter in said)
    said.encode()


def test_names_of_all_kinds_are_found() -> None:
    assert find_value("kindness") == "mft/care-harm:kindness"
    assert find_value("CUSTOM/ my  garden") == "custom/my garden"
    with pytest.raises(UnknownValue):
        find_value("my garden")


def test_labels_and_phrases() -> None:
    assert value_label("svt/power") == "Power"
    assert value_label("custom/my garden") == "my garden"
    assert value_label("svt/of a later version") == "svt/of a later version"
    assert "my garden" in describe_value("custom/my garden")[1]
    assert value_phrase("custom/my garden") == "my garden"
    assert value_phrase("svt/benevolence:caring") == "caring"
    assert intensity_prompt({"custom/spending as little as possible": 8}) == (
        "Answer as a person who strongly values spending as little as possible."
    )
