"""Curves of intensity over coefficient: by hand, and whatever was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from chat_app.steering.dose_response import (
    MOST_PERPLEXITY,
    DoseResponse,
    fit_dose_response,
    isotonic,
)

VALUE = "svt/benevolence"
GRID = (-0.5, -0.25, 0.0, 0.25, 0.5)


def curve(means, perplexity=(1.0,) * 5, n=6, replies=1) -> DoseResponse:
    """A curve through ``means``, every reply scored alike."""
    return fit_dose_response(VALUE, GRID, [[m] * n for m in means], perplexity, replies=replies)


measured = st.builds(
    fit_dose_response,
    st.just(VALUE),
    st.just(GRID),
    st.lists(st.lists(st.floats(-10, 10), min_size=6, max_size=6), min_size=5, max_size=5),
    st.lists(st.floats(0.5, 3), min_size=5, max_size=5),
    replies=st.sampled_from([1, 2, 3]),
)


def test_a_rising_curve_is_its_means_and_a_line_between_them():
    found = curve([-8, -4, 0, 2, 6])
    assert found.fitted == pytest.approx((-8, -4, 0, 2, 6))
    assert found.predict(0.375).intensity == pytest.approx(4)
    assert found.coefficient(4).coefficient == pytest.approx(0.375)
    assert found.coefficient(-6).coefficient == pytest.approx(-0.375)
    assert found.slope(0.3) == pytest.approx(4 / 0.25)


def test_neighbours_that_fall_are_pooled_by_hand():
    """4 and 2 fall, so both become their mean 3; then 3 is above 2.5 and all three become 17/6."""
    found = curve([-8, 0, 4, 2, 2.5])
    assert found.fitted == pytest.approx((-8, 0, 17 / 6, 17 / 6, 17 / 6))


def test_the_order_of_the_doses_does_not_matter():
    turned = fit_dose_response(VALUE, GRID[::-1], [[m] * 6 for m in (6, 2, 0, -4, -8)], [1.0] * 5)
    assert turned == curve([-8, -4, 0, 2, 6])


def test_the_coherence_limit_is_where_the_perplexity_passes_its_most():
    """To the right the ratio goes from 1 at 0.25 to 2.25 at 0.5: in logarithms 1.5 is half way."""
    found = curve([-8, -4, 0, 2, 6], perplexity=(1.2, 2.25, 1.0, 1.0, MOST_PERPLEXITY**2))
    # -0.5 is within the ratio again, but one cannot get there through what is not.
    assert found.limits == pytest.approx((-0.125, 0.375))
    assert found.reachable == pytest.approx((-2, 4))
    clamped = found.coefficient(-3)
    assert (clamped.coefficient, clamped.reached) == pytest.approx((-0.125, -2))
    assert found.coefficient(5).coefficient == pytest.approx(0.375)


def test_a_text_that_is_coherent_everywhere_reaches_to_the_ends():
    found = curve([-8, -4, 0, 2, 6], perplexity=(1.5, 0.9, 1.0, 1.0, 1.4))
    assert found.limits == pytest.approx((-0.5, 0.5))
    assert found.reachable == pytest.approx((-8, 6))


def test_a_flat_piece_is_answered_by_the_smaller_dose():
    found = curve([-8, -4, 0, 5, 5])
    assert found.coefficient(5).coefficient == 0.25
    assert found.coefficient(9).coefficient == 0.25
    assert curve([-3, -3, -3, -3, 1]).coefficient(-3).coefficient == 0


def test_a_flat_piece_has_the_slope_of_the_whole():
    assert curve([-8, -4, 0, 5, 5]).slope(0.4) == pytest.approx(13 / 1.0)
    assert curve([1, 1, 1, 1, 1]).slope(0.1) == 0


def test_the_band_is_over_prompts_and_not_over_replies():
    """Six replies to each of two prompts say no more about other prompts than two do."""
    apart = [[m - 2] * 6 + [m + 2] * 6 for m in (-8, -4, 0, 2, 6)]
    together = fit_dose_response(VALUE, GRID, apart, [1.0] * 5, replies=6)
    single = fit_dose_response(VALUE, GRID, apart, [1.0] * 5, replies=1)
    assert together.fitted == single.fitted
    width = np.subtract(together.high, together.low)
    assert (width > np.subtract(single.high, single.low)).all()
    assert together.low[0] == -10
    assert together.high[0] == -6


@given(measured)
def test_the_curve_never_falls_and_lies_in_its_band(found: DoseResponse):
    for row in (found.fitted, found.low, found.high):
        assert (np.diff(row) >= -1e-9).all()
    assert (np.array(found.low) <= np.array(found.high) + 1e-9).all()


@given(measured, st.floats(-12, 12))
def test_a_look_up_gives_the_target_back_or_the_end_of_what_is_reachable(found, target):
    low, high = found.reachable
    looked_up = found.coefficient(target)
    assert low <= looked_up.reached <= high
    assert looked_up.reached == pytest.approx(np.clip(target, low, high))
    assert found.predict(looked_up.coefficient).intensity == pytest.approx(
        looked_up.reached, abs=1e-6
    )
    assert found.limits[0] <= looked_up.coefficient <= found.limits[1]


@given(measured, st.floats(-1, 1), st.floats(0, 0.5))
def test_more_is_never_less(found: DoseResponse, coefficient: float, more: float):
    here, there = found.predict(coefficient), found.predict(coefficient + more)
    assert there.intensity >= here.intensity - 1e-9


@given(measured, st.floats(-10, 10), st.floats(0, 5))
def test_a_higher_target_takes_no_lower_coefficient(found, target, more):
    assert (
        found.coefficient(target + more).coefficient >= found.coefficient(target).coefficient - 1e-9
    )


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=9))
def test_the_fit_is_isotonic_regression(means):
    known = IsotonicRegression().fit_transform(np.arange(len(means)), means)
    np.testing.assert_allclose(isotonic(np.array([means]))[0], known, atol=1e-9)
