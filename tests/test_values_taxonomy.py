"""The four theories: their shape against the reference, and look-up by name."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.values.phrases import PHRASES
from chat_app.values.taxonomy import (
    STEERED,
    THEORIES,
    UnknownValue,
    Value,
    children,
    descendants,
    get_value,
    parents,
    values_of,
)

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "taxonomy.json"
ROOTS = {"root", "ross_duties", "human_rights"}
ALL = [value for theory in THEORIES.values() for value in theory.values]


@pytest.fixture(scope="module")
def reference():
    if not REFERENCE.is_file():
        pytest.skip(f"needs the reference data: there is no {REFERENCE}")
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("theory", ["svt", "mft", "duty", "right"])
def test_hierarchy_has_the_names_and_edges_of_the_field(reference, theory):
    edges = {
        (None if parent in ROOTS else parent, child)
        for parent, below in reference[theory]["hierarchy"].items()
        for child in below
    }
    ours = {
        (get_value(parent).name if parent else None, value.name)
        for value in values_of(theory)
        for parent in (value.parents or (None,))
    }
    assert ours == edges


@pytest.mark.parametrize("theory", ["svt", "mft", "duty", "right"])
def test_steered_values_are_the_fields_and_no_definition_is_borrowed(reference, theory):
    assert [v for v in STEERED if v.startswith(f"{theory}/")] == [
        f"{theory}/{name}" for name in reference[theory]["steered"]
    ]
    theirs = reference[theory]["definitions"].values()
    for value in values_of(theory):
        words = value.definition.lower().split()
        runs = {" ".join(words[i : i + 4]) for i in range(len(words) - 3)}
        assert not [run for run in runs if any(run in text.lower() for text in theirs)], value.id


def test_ids_are_unique_and_every_node_is_described():
    assert Counter(v.id for v in ALL).most_common(1)[0][1] == 1
    assert len({v.definition for v in ALL}) == len(ALL)
    for value in ALL:
        assert value.label, value.id
        assert value.definition.endswith((".", "?")), value.id
        assert len(value.definition) < 130, value.id


def test_steered_ids_are_the_phrases_in_order():
    assert tuple(PHRASES) == STEERED
    assert sorted(v.id for v in ALL if v.steered) == sorted(STEERED)


def test_paths_run_from_the_top_to_the_value_through_the_first_parent():
    assert get_value("svt/benevolence:caring").path == (
        "growth",
        "self-transcendence",
        "benevolence",
        "benevolence:caring",
    )
    for value in ALL:
        above = get_value(value.parents[0]).path if value.parents else ()
        assert value.path == (*above, value.name)


def test_values_with_two_parents_are_below_both():
    assert parents("svt/humility") == ("svt/self-transcendence", "svt/conservation")
    assert parents("svt/hedonism") == ("svt/openness-to-change", "svt/self-enhancement")
    assert "svt/face" in children("svt/conservation")
    assert "svt/face" in children("svt/self-enhancement")
    assert descendants("svt/self-protection").count("svt/face") == 1


def test_children_of_a_theory_and_descendants_of_a_branch():
    assert children("duty") == tuple(v.id for v in values_of("duty"))
    assert len(descendants("right/second_generation")) == 3 + 4 + 4 + 3
    assert descendants("duty/fidelity") == ()


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("benevolence", "svt/benevolence"),
        ("SVT/Benevolence", "svt/benevolence"),
        ("care/harm", "mft/care-harm"),
        ("care_harm", "mft/care-harm"),
        ("openness to change", "svt/openness-to-change"),
        ("civil rights", "right/civil_rights"),
        ("right to privacy", "right/civil_rights:right_to_privacy"),
        ("group allegiance", "mft/loyalty-betrayal:group-allegiance"),
        # Directly below a theory wins over the same name further down.
        ("justice", "duty/justice"),
        ("tradition", "svt/tradition"),
    ],
)
def test_short_names(name, id):
    assert get_value(name).id == id


def test_ambiguous_name_lists_what_it_could_mean():
    with pytest.raises(UnknownValue, match=r"'caring' could mean svt/benevolence:caring or mft/"):
        get_value("caring")


def test_unknown_names_get_the_nearest():
    with pytest.raises(
        UnknownValue, match=r"no value 'benevolance': did you mean svt/benevolence\b"
    ):
        get_value("benevolance")
    with pytest.raises(UnknownValue, match="valueflow values"):
        get_value("xyzzy")
    with pytest.raises(UnknownValue, match="four are svt, mft, duty, right"):
        values_of("stoic")


@given(st.sampled_from(ALL), st.data())
def test_any_spelling_of_an_id_finds_its_value(value: Value, data):
    swapped = "".join(
        data.draw(st.sampled_from("-_ "))
        if c in "-_"
        else data.draw(st.sampled_from(c + c.upper()))
        for c in value.id
    )
    assert get_value(f" {swapped} ") is value


@given(st.text(max_size=30).filter(lambda text: not text.isascii()))
def test_any_other_text_is_refused_with_a_sentence_that_quotes_it(text):
    with pytest.raises(UnknownValue) as refused:
        get_value(text)
    assert repr(text) in str(refused.value)


def test_a_long_text_is_refused_in_a_short_sentence():
    with pytest.raises(UnknownValue) as refused:
        get_value("benevolence " * 5000)
    assert len(str(refused.value)) < 300
