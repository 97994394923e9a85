import json
import math
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_app.chat import chain

numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(documents)
def test_a_document_keeps_its_spelling_through_a_file(data):
    assert chain.canonical(json.loads(json.dumps(data))) == chain.canonical(data)


@given(documents)
def test_the_spelling_says_the_same_thing(data):
    assert json.loads(chain.canonical(data)) == data


@given(st.dictionaries(st.text(), scalars, min_size=2))
def test_the_order_of_keys_does_not_matter(data):
    assert chain.canonical(dict(reversed(data.items()))) == chain.canonical(data)


@given(st.floats(allow_nan=False, allow_infinity=False).map(round))
@example(2**53)
@example(10**300)
def test_whole_numbers_have_one_spelling(number):
    exact = int(float(number))
    assert chain.canonical(float(number)) == chain.canonical(exact) == str(exact).encode()


@given(numbers, numbers)
def test_different_numbers_are_spelt_differently(one, other):
    assert (chain.canonical(one) == chain.canonical(other)) == (one == other)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        chain.canonical({"n": [number]})


def test_the_digest_of_a_message_by_hand():
    content = {"role": "user", "text": "Hé", "temperature": 1.0}
    spelt = '{"parent_hash":null,"role":"user","temperature":1,"text":"Hé"}'
    assert chain.digest(content, None) == sha256(spelt.encode()).hexdigest()


@given(st.dictionaries(st.text(min_size=1), st.text()), st.text("0123456789abcdef", min_size=64))
def test_the_digest_speaks_for_the_parent_too(content, parent):
    assert chain.digest(content, parent[:64]) != chain.digest(content, None)
