"""The unlabelled phrases about acts, and the verb forms in them."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.acts import GENERIC, MINE, NAMED, THEIRS, Acts, phrases
from training.acts_words import ALONE, NAMES, PEOPLE, THINGS, TO_PEOPLE, WHEN
from training.conjugation import gerund, past, third


@pytest.mark.parametrize(
    ("act", "doing", "does", "did"),
    [
        ("help a child", "helping a child", "helps a child", "helped a child"),
        ("lie to a friend", "lying to a friend", "lies to a friend", "lied to a friend"),
        ("break a promise", "breaking a promise", "breaks a promise", "broke a promise"),
        ("betray them", "betraying them", "betrays them", "betrayed them"),
        ("deny it", "denying it", "denies it", "denied it"),
        ("be kind", "being kind", "is kind", "was kind"),
        ("do no harm", "doing no harm", "does no harm", "did no harm"),
        ("beg", "begging", "begs", "begged"),
        ("agree", "agreeing", "agrees", "agreed"),
        ("teach her", "teaching her", "teaches her", "taught her"),
        ("forgive him", "forgiving him", "forgives him", "forgave him"),
        ("visit him", "visiting him", "visits him", "visited him"),
    ],
)
def test_forms_of_a_verb(act, doing, does, did):
    assert (gerund(act), third(act), past(act)) == (doing, does, did)


def test_phrases_are_distinct_and_the_same_again():
    first = list(phrases(7, 3000))
    assert len(set(first)) == 3000
    assert list(phrases(7, 3000)) == first
    assert list(phrases(8, 3000)) != first
    # A longer list begins like a shorter one.
    assert list(phrases(7, 50)) == first[:50]


def test_phrases_are_whole_and_short():
    for text in phrases(3, 5000):
        assert not re.search(r"[{}|:;]|  |\bone's self\b", text), text
        assert text == text.strip()
        assert 1 <= len(text.split()) <= 40


@given(st.integers(0, 2**32))
def test_nobodys_act_is_told_to_a_you_in_someone_elses_mouth(seed):
    acts = Acts(random.Random(seed))
    act = acts._fitting("her")
    assert not re.search(r"\b(you|your|yourself|one's|oneself)\b", act), act


def test_the_same_act_comes_back_in_many_frames():
    texts = [text.lower() for text in phrases(1, 20_000)]
    for act in ("take the blame", "tip well", "volunteer at a shelter"):
        held = {t.replace(form, "").strip(" .") for form in (act, gerund(act)) for t in texts
                if form in t}  # fmt: skip
        assert len(held) > 5, act
        assert any(re.search(r"\b(not|never|refus\w+|n't|fail\w+)\b", frame) for frame in held), act


def test_every_list_is_used_and_holds_nothing_twice():
    for words in (ALONE, PEOPLE, TO_PEOPLE, WHEN, GENERIC, MINE, THEIRS, NAMED):
        assert len(set(words)) == len(words)
    assert all("{p}" in act for act in TO_PEOPLE)
    assert all(len(verbs) > 3 and len(things) > 3 for verbs, things in THINGS)
    text = " ".join(phrases(5, 20_000)).lower()
    assert all(name.lower() in text for name in NAMES)
