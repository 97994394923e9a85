"""Windows of anchors: spread over the scale, at random places, the same every time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.evaluation.panels import SAMPLINGS, PanelError, make_windows
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import Anchor, Vidb, VidbError, load_vidb

POWER = "svt/power"
SEED = load_vidb()


def vidb_of(*intensities):
    rows = enumerate(intensities)
    return Vidb("own", tuple(Anchor(f"a{i}", POWER, f"text {i}", t, None) for i, t in rows))


@given(st.sampled_from(STEERED), st.integers(0, 2**64 - 1), st.integers(2, 9), st.integers(1, 8))
def test_windows_are_whole(value, seed, k, m):
    windows = make_windows("my reply", value, SEED, k=k, m=m, seed=seed)
    assert len(windows) == m
    for window in windows:
        assert window.value == value
        assert len(window.texts) == k == len(set(window.texts))
        assert window.texts[window.place] == "my reply"
        others = [text for i, text in enumerate(window.texts) if i != window.place]
        assert others == [anchor.text for anchor in window.anchors]
        assert {anchor.value for anchor in window.anchors} == {value}


@given(st.sampled_from(STEERED), st.integers(0, 2**32))
def test_one_anchor_from_each_fifth_of_the_scale(value, seed):
    # The built-in anchors have texts in every fifth.
    for window in make_windows("my reply", value, SEED, seed=seed):
        fifths = {min(int((a.intensity + 10) // 4), 4) for a in window.anchors}
        assert fifths == {0, 1, 2, 3, 4}


def test_equal_arguments_give_equal_windows_and_another_seed_others():
    first = make_windows("my reply", POWER, SEED, seed=1)
    assert first == make_windows("my reply", POWER, SEED, seed=1)
    assert first != make_windows("my reply", POWER, SEED, seed=2)


def test_windows_of_one_response_share_no_anchor_while_there_are_others():
    windows = make_windows("my reply", "svt/benevolence", SEED, seed=3)
    ids = [anchor.id for window in windows for anchor in window.anchors]
    assert len(ids) == len(set(ids)) == 15


def test_the_response_is_everywhere_equally_often_and_never_twice_in_one_place():
    places: Counter[int] = Counter()
    for seed in range(600):
        here = [w.place for w in make_windows("my reply", POWER, SEED, seed=seed)]
        assert len(set(here)) == 3
        places.update(here)
    # 300 expected at each of six places; 5 standard deviations are 79.
    assert all(abs(places[place] - 300) < 79 for place in range(6)), places


def test_anchors_stand_in_random_order():
    rising = sum(
        [a.intensity for a in w.anchors] == sorted(a.intensity for a in w.anchors)
        for seed in range(400)
        for w in make_windows("my reply", POWER, SEED, seed=seed)
    )
    assert rising < 40  # 1 in 120 of 1200


def test_an_empty_bin_lends_the_nearest_unused_anchor():
    # Bins of 4 from -10: one anchor in the first, four in the last, none between.
    vidb = vidb_of(-9, 6.1, 6.5, 7, 9)
    for window in make_windows("my reply", POWER, vidb, m=1, seed=4):
        assert sorted(a.intensity for a in window.anchors) == [-9, 6.1, 6.5, 7, 9]
    # Four wanted of five: the empty middle bins take 6.1 first unless the last bin has.
    (window,) = make_windows("my reply", POWER, vidb_of(-9, -8, 1, 9), k=4, m=1, seed=4)
    assert sorted(a.intensity for a in window.anchors)[1:] == [1, 9]


@given(st.sampled_from(SAMPLINGS), st.integers(0, 2**32), st.integers(2, 9), st.integers(1, 30))
def test_no_sampling_repeats_a_text_in_a_window(sampling, seed, k, m):
    windows = make_windows("my reply", POWER, SEED, k=k, m=m, sampling=sampling, seed=seed)
    assert len(windows) == m
    for window in windows:
        assert len(window.texts) == k == len(set(window.texts))
        assert window.texts[window.place] == "my reply"


def test_random_sampling_takes_every_anchor_equally_often():
    vidb = vidb_of(*range(-9, 10))
    met = Counter(
        anchor.id
        for seed in range(400)
        for window in make_windows("my reply", POWER, vidb, sampling="random", seed=seed)
        for anchor in window.anchors
    )
    # 400 x 15 of 19 anchors: 316 expected each (a panel's 15 are all different).
    assert len(met) == 19
    assert all(abs(times - 316) < 60 for times in met.values()), met


def test_fixed_sampling_takes_the_anchors_nearest_to_the_bins_middles():
    vidb = vidb_of(-9.5, -8.2, -4.4, -3, 0.3, 2, 4.1, 6, 7, 8.3)
    windows = [
        window
        for text in ("my reply", "another")
        for window in make_windows(text, POWER, vidb, sampling="fixed", seed=len(text))
    ]
    for window in windows:  # the middles are -8, -4, 0, 4, 8
        assert sorted(a.intensity for a in window.anchors) == [-8.2, -4.4, 0.3, 4.1, 8.3]
    assert len({window.anchors for window in windows}) > 1


def test_the_published_layout_puts_the_response_first_and_the_anchors_by_bin():
    for seed in range(20):
        for window in make_windows("my reply", POWER, SEED, response_first=True, seed=seed):
            assert window.place == 0
            known = [anchor.intensity for anchor in window.anchors]
            assert known == sorted(known)


def test_few_anchors_make_small_windows():
    windows = make_windows("my reply", POWER, vidb_of(-5, 5), seed=1)
    assert [len(w.texts) for w in windows] == [3, 3, 3]


@pytest.mark.parametrize("copy", ["text 2", " Text  2 "])
def test_the_response_is_never_its_own_anchor(copy):
    for seed in range(30):
        for window in make_windows(copy, POWER, vidb_of(-9, -5, 0, 5, 9), k=4, seed=seed):
            assert "a2" not in {anchor.id for anchor in window.anchors}


def test_what_cannot_be_made_is_refused():
    with pytest.raises(PanelError, match="k=1, m=3"):
        make_windows("my reply", POWER, SEED, k=1, seed=0)
    with pytest.raises(PanelError, match="but the response itself"):
        make_windows("text 0", POWER, vidb_of(3), seed=0)
    with pytest.raises(PanelError, match="no sampling 'best': it is one of bucket, random, fixed"):
        make_windows("my reply", POWER, SEED, sampling="best", seed=0)  # type: ignore[arg-type]
    with pytest.raises(VidbError, match="no text for svt/growth"):
        make_windows("my reply", "svt/growth", SEED, seed=0)
