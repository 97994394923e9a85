"""The estimator: closed forms worked by hand, the paper's own answers, and its statistics."""

import json
from itertools import pairwise
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from chat_app.evaluation.plackett_luce import (
    MAX_BETA,
    RankingError,
    choice_pools,
    fit_discrimination,
    fit_intensities,
    fit_utilities,
    paper_intensity,
)
from tests.rankings import draw_orders

CASES = Path(__file__).parents[2] / "shared" / "reference" / "plackett_luce_cases.json"

ANCHORS = st.lists(st.floats(-10, 10).map(lambda t: round(t, 1)), min_size=5, max_size=5)


def pools_of(anchors, place):
    """One window: anchors' utilities in the judged order, the response put in at ``place``."""
    ranked = [*anchors[:place], np.nan, *anchors[place:]]
    return choice_pools(np.array([ranked]), np.array([place]))


def fit_one(*windows, prior=1e-3):
    """u of one response from its (anchors in judged order, place) windows."""
    pools = np.concatenate([pools_of(*window) for window in windows], axis=1)
    return float(fit_utilities(pools, len(windows), prior=prior)[0])


# --- closed forms


def test_pools_are_what_the_response_was_up_against():
    # Judged order: anchor 1.0, the response, anchor -1.0.
    pools = pools_of([1.0, -1.0], 1)
    np.testing.assert_allclose(pools, [[log(exp(1) + exp(-1)), -1.0, np.inf]])
    np.testing.assert_allclose(pools_of([1.0], 1), [[1.0, -np.inf]])


def test_one_win_against_an_anchor_at_zero():
    # g(u) = 1 - sigma(u) - lambda u = 0; at u = log 3, sigma(-u) = 1/4, so lambda = 1 / (4 log 3).
    assert fit_one(([0.0], 0), prior=1 / (4 * log(3))) == pytest.approx(log(3), abs=1e-8)


def test_a_win_and_a_loss_put_the_response_level_with_the_anchor():
    pools = np.concatenate([pools_of([2.5], 0), pools_of([2.5], 1)], axis=1)
    u = fit_utilities(pools, 2, prior=1e-12)
    assert u[0] == pytest.approx(2.5, abs=1e-8)


@pytest.mark.parametrize("a", [0.5, 2.0, 7.0])
def test_between_two_anchors(a):
    # With x = e^u, A = e^a + e^-a and B = e^-a: 1 = x / (x + A) + x / (x + B), so x^2 = A B.
    assert fit_one(([a, -a], 1), prior=1e-12) == pytest.approx(log(1 + exp(-2 * a)) / 2, abs=1e-7)


def test_intensity_in_units_of_intensity():
    # As the win and the loss above, with beta = 0.5: u = 2 means intensity 4.
    pools = np.concatenate([pools_of([2.0], 0), pools_of([2.0], 1)], axis=1)
    assert fit_intensities(pools, 2, beta=0.5, prior=1e-12).intensity[0] == pytest.approx(4.0)


def test_rankings_that_say_nothing_leave_the_whole_scale():
    # No anchor in the window: the truth is anywhere in [-10, 10], evenly; the root mean square
    # distance from 0 is 10 / sqrt(3).
    found = fit_intensities(np.array([[-np.inf]]), 1, beta=1.0)
    assert found.intensity[0] == pytest.approx(0.0, abs=1e-6)
    assert found.stderr[0] == pytest.approx(10 / sqrt(3), abs=1e-3)
    assert found.high[0] - found.low[0] == pytest.approx(19.0, abs=0.11)


def test_with_many_windows_the_errors_are_those_of_the_information():
    # 200 wins and 200 losses against an anchor at 0.5: I(u) = 400 / 4, stderr = 1 / (beta 10).
    pools = np.concatenate([pools_of([0.5], 0), pools_of([0.5], 1)] * 200, axis=1)
    found = fit_intensities(pools, 400, beta=0.5)
    assert found.intensity[0] == pytest.approx(1.0, abs=1e-3)
    assert found.stderr[0] == pytest.approx(0.2, abs=2e-3)
    assert found.low[0] == pytest.approx(1 - 1.96 * 0.2, abs=0.11)
    assert found.high[0] == pytest.approx(1 + 1.96 * 0.2, abs=0.11)


def test_one_win_read_over_the_whole_scale_by_hand():
    # Taken before an anchor at 0: p(t) = sigma(t) / 10 on [-10, 10] (the integral of sigma over
    # it is 10), reported as 10, so stderr^2 is the integral of (t - 10)^2 sigma(t) / 10.
    found = fit_intensities(pools_of([0.0], 0), 1, beta=1.0, prior=1e-9)
    t = np.linspace(-10, 10, 200_001)
    expected = np.trapezoid((t - 10) ** 2 / (1 + np.exp(-t)) / 10, t)
    assert found.intensity[0] == 10.0
    assert found.stderr[0] == pytest.approx(sqrt(expected), abs=1e-3)
    # The density rises, so 95% lie above the t whose softplus(t) - softplus(-10) is 0.5.
    assert found.low[0] == pytest.approx(log(exp(0.5) - 1), abs=0.11)
    assert found.high[0] == 10.0


def test_dispersion_widens_the_errors():
    pools = np.concatenate([pools_of([0.5], 0), pools_of([0.5], 1)] * 200, axis=1)
    plain, wide = (fit_intensities(pools, 400, beta=0.5, dispersion=d) for d in (1.0, 1.5))
    assert wide.stderr[0] == pytest.approx(1.5 * plain.stderr[0], rel=0.01)
    assert wide.high[0] > plain.high[0]


# --- properties


@given(st.lists(st.tuples(ANCHORS, st.integers(0, 5)), min_size=1, max_size=4))
def test_it_is_the_maximum_of_the_likelihood(windows):
    def minus_log_likelihood(u):
        total = 1e-3 * u * u / 2
        for anchors, place in windows:
            ranked = np.array([*anchors[:place], u, *anchors[place:]])
            total -= sum(ranked[i] - np.logaddexp.reduce(ranked[i:]) for i in range(6))
        return total

    slow = minimize_scalar(minus_log_likelihood, bounds=(-60, 60), method="bounded")
    assert minus_log_likelihood(fit_one(*windows)) <= slow.fun + 1e-9


@given(st.lists(st.tuples(ANCHORS, st.integers(0, 5)), min_size=2, max_size=4), st.randoms())
def test_the_order_of_windows_does_not_matter(windows, random):
    shuffled = random.sample(windows, len(windows))
    assert fit_one(*windows) == pytest.approx(fit_one(*shuffled), abs=1e-7)


@given(ANCHORS, st.lists(st.tuples(ANCHORS, st.integers(0, 5)), max_size=2))
def test_each_place_gained_raises_the_utility(anchors, others):
    by_place = [fit_one((anchors, place), *others) for place in range(6)]
    assert all(better > worse for better, worse in pairwise(by_place))


@given(ANCHORS, st.integers(0, 5), st.floats(-3, 3))
def test_shifting_every_anchor_shifts_the_response(anchors, place, shift):
    # Only the prior knows where 0 is, so it is all but taken away.
    shifted = [a + shift for a in anchors]
    moved = fit_one((shifted, place), (shifted, 2), prior=1e-9)
    still = fit_one((anchors, place), (anchors, 2), prior=1e-9)
    assert moved == pytest.approx(still + shift, abs=1e-3)


@given(
    st.lists(st.tuples(ANCHORS, st.integers(0, 5)), min_size=1, max_size=5),
    st.floats(0.05, MAX_BETA),
)
def test_bounded_whatever_the_windows(windows, beta):
    pools = np.concatenate([pools_of([beta * a for a in w], p) for w, p in windows], axis=1)
    found = fit_intensities(pools, len(windows), beta=beta)
    assert -10 <= found.low[0] <= found.intensity[0] <= found.high[0] <= 10
    assert 0 < found.stderr[0] < 20


@given(
    st.lists(
        st.tuples(st.floats(-10, 10).map(lambda t: round(t, 1)), st.integers(0, 1)),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.05, MAX_BETA),
)
def test_reversed_orders_of_mirrored_anchors_mirror_the_intensity(windows, beta):
    # For windows of two. A longer series of choices from the best down is no series from the
    # worst up (test_between_two_anchors: mirrored it is the same window, yet u is not 0).
    def fit(sign):
        pools = [pools_of([sign * beta * a], p if sign > 0 else 1 - p) for a, p in windows]
        return fit_intensities(np.concatenate(pools, axis=1), len(windows), beta=beta)

    there, back = fit(1), fit(-1)
    assert back.intensity[0] == pytest.approx(-there.intensity[0], abs=1e-6)
    assert back.stderr[0] == pytest.approx(there.stderr[0], rel=1e-6)
    assert back.low[0] == pytest.approx(-there.high[0], abs=0.11)


def test_many_responses_are_fitted_as_one_by_one():
    rng = np.random.default_rng(5)
    ranked, place = rng.normal(0, 4, (40, 6)), rng.integers(0, 6, 40)
    pools = choice_pools(ranked, place).reshape(20, 12)
    alone = [float(fit_utilities(row[None], 2)[0]) for row in pools]
    np.testing.assert_allclose(fit_utilities(pools, 2), alone, atol=1e-7)


def test_a_shorter_window_ends_in_minus_infinity():
    short = choice_pools(np.array([[3.0, np.nan, -2.0]]), np.array([1]))
    padded = choice_pools(np.array([[3.0, np.nan, -2.0, -np.inf, -np.inf]]), np.array([1]))
    assert fit_utilities(padded, 1)[0] == pytest.approx(fit_utilities(short, 1)[0])


# --- statistics, on rankings drawn from the model


def simulated_pools(truth, beta, windows, rng):
    """Pools [n, windows * 6] of responses of intensity ``truth`` [n], anchors spread evenly."""
    edges = np.linspace(-10, 10, 6)
    anchors = rng.uniform(edges[:-1], edges[1:], (len(truth), windows, 5))
    mine = np.broadcast_to(truth[:, None, None], (len(truth), windows, 1))
    utilities = beta * np.concatenate([mine, anchors], axis=2)
    orders = draw_orders(utilities, rng).reshape(-1, 6)
    ranked = np.take_along_axis(utilities.reshape(-1, 6), orders, axis=1)
    return choice_pools(ranked, (orders == 0).argmax(axis=1)).reshape(len(truth), -1)


@pytest.mark.parametrize("m", [1, 3, 8])
@pytest.mark.parametrize("beta", [0.3, 0.6, 1.0])
def test_errors_cover_the_truth_95_times_in_100(beta, m):
    rng = np.random.default_rng(11)
    truth = rng.uniform(-10, 10, 6000)
    found = fit_intensities(simulated_pools(truth, beta, m, rng), m, beta=beta)
    error = np.abs(found.intensity - truth)
    assert 0.93 < (error < 1.96 * found.stderr).mean() < 0.97
    assert 0.94 < ((found.low <= truth) & (truth <= found.high)).mean() < 0.97
    assert np.mean(found.stderr**2) == pytest.approx(np.mean(error**2), rel=0.06)
    near_an_end = np.abs(truth) > 8
    assert 0.92 < (error < 1.96 * found.stderr)[near_an_end].mean() < 0.985


@pytest.mark.parametrize("truth", [-6.0, 0.0, 6.0])
def test_means_over_many_replies_are_unbiased(truth):
    rng = np.random.default_rng(7)
    pools = simulated_pools(np.full(4000, truth), 0.6, 3, rng)
    mean = fit_intensities(pools, 3, beta=0.6).intensity.mean()
    assert mean == pytest.approx(truth, abs=0.3)


@pytest.mark.parametrize("beta", [0.1, 0.4, 1.2])
def test_discrimination_is_found_again(beta):
    rng = np.random.default_rng(3)
    intensities = rng.uniform(-10, 10, (3000, 6))
    orders = draw_orders(beta * intensities, rng)
    found = fit_discrimination(np.take_along_axis(intensities, orders, axis=1))
    assert found == pytest.approx(beta, rel=0.06)


def test_discrimination_of_one_pair_by_hand():
    # Two anchors 1 apart; the stronger is first in 3 windows of 4: sigma(beta) = 3/4.
    ranked = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    assert fit_discrimination(ranked) == pytest.approx(log(3), abs=1e-6)
    padded = np.pad(ranked, ((0, 0), (0, 2)), constant_values=-np.inf)
    assert fit_discrimination(padded) == pytest.approx(log(3), abs=1e-6)


def test_discrimination_has_an_end_and_chance_is_refused():
    right = np.sort(np.random.default_rng(1).uniform(-10, 10, (50, 6)))[:, ::-1]
    assert fit_discrimination(right) == MAX_BETA
    with pytest.raises(RankingError, match="no better than chance"):
        fit_discrimination(right[:, ::-1])


# --- the paper's published evaluator


def test_the_papers_own_answers():
    if not CASES.is_file():
        pytest.skip(f"needs the reference data: there is no {CASES}")
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 240
    for case in cases:
        assert paper_intensity(case["windows"]) == pytest.approx(case["intensity"], abs=1e-3)


def test_paper_mode_between_two_anchors_by_hand():
    window = {"anchors": [-2.0, 2.0], "order": [2, 0, 1]}
    assert paper_intensity([window]) == pytest.approx(log(1 + exp(-4)) / 2, abs=1e-4)


def test_paper_mode_keeps_what_the_rankings_say_strict():
    def order(place):
        return {"anchors": [6.0, -3.0], "order": [*[1, 2][:place], 0, *[1, 2][place:]]}

    assert 6.0 < paper_intensity([order(0), order(0)]) < 6.0 + 1e-9
    assert -3.0 - 1e-9 < paper_intensity([order(2)]) < -3.0
    # First in most windows: the fit runs past the highest anchor, the guard brings it inside.
    assert paper_intensity([order(0)] * 9 + [order(1)]) == pytest.approx(6.0 - 1e-6, abs=1e-9)
    assert paper_intensity([{"anchors": [10.0], "order": [0, 1]}]) == 10.0


@given(ANCHORS, st.floats(-20, 20))
def test_isotonic_calibration_on_the_anchors_themselves_is_a_clip(anchors, u):
    assume(max(anchors) > min(anchors))
    isotonic = IsotonicRegression(y_min=-10, y_max=10, out_of_bounds="clip").fit(anchors, anchors)
    assert isotonic.predict([u])[0] == pytest.approx(np.clip(u, min(anchors), max(anchors)))


@pytest.mark.parametrize(
    "windows", [[], [{"anchors": [1.0], "order": [0, 0]}], [{"anchors": [], "order": [0]}]]
)
def test_paper_mode_refuses_what_is_no_ranking(windows):
    with pytest.raises(RankingError):
        paper_intensity(windows)
