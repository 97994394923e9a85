"""Values shown by example: which texts a profile shows, and that no text says the opposite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.steering.exemplars import TEXTS, exemplar_prompt, missing_note
from chat_app.steering.prompts import bin_of
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import Anchor, Vidb, load_vidb

SEED = load_vidb()
TARGETS = st.dictionaries(
    st.sampled_from(STEERED), st.floats(-10, 10).map(lambda t: round(t, 1)), min_size=1, max_size=5
)


@pytest.mark.parametrize(
    ("intensity", "place"),
    [(10, 0), (6, 0), (5.9, 1), (2, 1), (1.9, 2), (-2, 2), (-2.1, 3), (-6, 3), (-6.1, 4), (-10, 4)],
)
def test_bins(intensity: float, place: int) -> None:
    assert bin_of(intensity) == place


@given(targets=TARGETS)
def test_every_text_shown_has_the_targets_sign_and_bin(targets: dict[str, float]) -> None:
    found = exemplar_prompt(targets, SEED.of, SEED.version)
    assert not found.missing
    for value, target in targets.items():
        texts = found.shown[value]
        in_bin = [a for a in SEED.of(value) if bin_of(a.intensity) == bin_of(target)]
        assert len(texts) == max(1, TEXTS // len(targets))
        assert len(set(texts)) == len(texts)
        for anchor in texts:
            assert anchor.value == value
            assert f"- {anchor.text}\n" in found.prompt
            if target:
                assert anchor.intensity * target > 0
            if len(in_bin) >= len(texts) and (abs(target) >= 2 or target == 0):
                assert anchor in in_bin


@given(targets=TARGETS)
def test_the_choice_follows_from_targets_and_vidb(targets: dict[str, float]) -> None:
    first = exemplar_prompt(targets, SEED.of, SEED.version)
    assert exemplar_prompt(targets, load_vidb().of, SEED.version) == first
    others = {exemplar_prompt(targets, SEED.of, str(n)).prompt for n in range(5)}
    assert len(others) > 1


def _vidb(*intensities: float) -> Vidb:
    return Vidb(
        "few",
        tuple(
            Anchor(f"a{i}", "svt/power", f"text {i}", intensity, None)
            for i, intensity in enumerate(intensities)
        ),
    )


def test_a_thin_bin_is_filled_with_the_nearest_of_the_same_sign() -> None:
    few = _vidb(9, 4, 1, -0.5, -9)
    found = exemplar_prompt({"svt/power": 8}, few.of, few.version)
    assert [a.intensity for a in found.shown["svt/power"]] == [9, 4, 1]


def test_what_cannot_be_shown_is_said() -> None:
    few = _vidb(9, 4)
    targets = {"svt/power": -8.0, "svt/hedonism": 3.0}
    found = exemplar_prompt(targets, few.of, few.version)
    assert (found.prompt, found.shown) == ("", {})
    assert found.missing == ("svt/power", "svt/hedonism")
    note = missing_note(found.missing, targets)
    assert "none against" in note
    assert "none for pleasure and enjoyment" in note


def test_long_texts_are_shown_only_where_there_are_no_others() -> None:
    long = Anchor("long", "svt/power", "word " * 200, 9.0, None)
    short = tuple(Anchor(f"s{i}", "svt/power", f"short\n{i}", 8.0, None) for i in range(9))
    mixed = Vidb("mixed", (long, *short))
    for version in "abc":
        found = exemplar_prompt({"svt/power": 8}, mixed.of, version)
        assert long not in found.shown["svt/power"]
        assert "\n- short " in found.prompt  # one line a text
    alone = Vidb("alone", (long,))
    assert exemplar_prompt({"svt/power": 8}, alone.of, "a").shown["svt/power"] == (long,)
