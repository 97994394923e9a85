"""Several values at once: cases worked by hand, and what holds of all of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.steering.aim import DEFAULT_SCALE, LONGEST, aim, expected
from chat_app.steering.calibration import Basis, Calibration
from chat_app.steering.composition import UNCOUPLED, Coupling, direction_coupling, measured_coupling
from chat_app.steering.conflicts import conflicts
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.dose_response import fit_dose_response

KIND, POWER, TRUE = "svt/benevolence", "svt/power", "duty/fidelity"
BASIS = Basis("m", "ab" * 32, "vector", "v", "e", "r")


def pair(b: float) -> Coupling:
    return Coupling((KIND, POWER), np.array([[1.0, b], [b, 1.0]]))


def calibration(coupling: Coupling = UNCOUPLED, reach: float = 8.0) -> Calibration:
    """Straight curves from -reach at -0.5 to reach at 0.5."""
    grid = (-0.5, 0.0, 0.5)
    responses = {
        value: fit_dose_response(value, grid, [[y] * 5 for y in (-reach, 0, reach)], [1.0] * 3)
        for value in (KIND, POWER)
    }
    return Calibration(BASIS, responses, coupling)


def test_two_values_that_help_each_other_need_less_each():
    """B = [[1, 1/2], [1/2, 1]], x = (3, 3). The eigenvalue of (1, 1) is 3/2, so with λ = 1

    c = (3/2 + 1) / (9/4 + 1) x = 10/13 x; with λ = 0 it is x / (3/2) = (2, 2).
    """
    found = pair(0.5).solve({KIND: 3, POWER: 3}, ridge=1.0)
    assert list(found.values()) == pytest.approx([30 / 13, 30 / 13])
    assert list(pair(0.5).solve({KIND: 3, POWER: 3}, ridge=0.0).values()) == pytest.approx([2, 2])


def test_two_values_that_pull_apart_need_more_each():
    """B = [[1, -1/2], [-1/2, 1]], x = (3, 3): eigenvalue 1/2, c = (1/2 + 1) / (1/4 + 1) x."""
    found = pair(-0.5).solve({KIND: 3, POWER: 3}, ridge=1.0)
    assert list(found.values()) == pytest.approx([3.6, 3.6])
    assert list(pair(-0.5).solve({KIND: 3, POWER: 3}, ridge=0.0).values()) == pytest.approx([6, 6])


def test_an_effect_that_goes_one_way_only():
    """B = [[1, 1], [0, 1]]: power raises benevolence, not the other way. With λ = 0 and
    x = (1, 2): c_power = 2 and c_kind = 1 - 2 = -1."""
    coupling = Coupling((KIND, POWER), np.array([[1.0, 1.0], [0.0, 1.0]]))
    found = coupling.solve({KIND: 1, POWER: 2}, ridge=0.0)
    assert found == pytest.approx({KIND: -1, POWER: 2})
    assert coupling.felt(found) == pytest.approx({KIND: 1, POWER: 2})


def test_the_order_of_the_values_does_not_matter():
    coupling = Coupling((KIND, POWER), np.array([[1.0, 0.7], [-0.2, 1.0]]))
    a, b = coupling.solve({KIND: 1, POWER: 2}), coupling.solve({POWER: 2, KIND: 1})
    assert a == pytest.approx(b)


def test_a_value_that_nothing_is_known_of_is_left_alone():
    found = pair(0.5).solve({KIND: 3, TRUE: -2})
    assert found == pytest.approx({KIND: 3, TRUE: -2})


@given(st.floats(-1, 1), st.floats(0, 10), st.floats(-0.5, 0.5))
def test_one_value_is_its_look_up_whatever_the_ridge(b, ridge, x):
    assert pair(b).solve({KIND: x}, ridge=ridge)[KIND] == pytest.approx(x)


@given(st.floats(-0.9, 0.9), st.floats(-1, 1), st.floats(-1, 1))
def test_without_a_ridge_each_value_feels_what_it_was_to_feel(b, x, y):
    c = pair(b).solve({KIND: x, POWER: y}, ridge=0.0)
    assert pair(b).felt(c) == pytest.approx({KIND: x, POWER: y}, abs=1e-9)


def test_the_directions_are_the_coupling_before_anything_is_measured():
    """Over both layers: (3, 0 | 4, 0) . (0, 5 | 5, 0) = 20, and the lengths are 5 and sqrt(50)."""
    directions = {
        KIND: ControlVector("llama", 4, 2, {1: np.array([3.0, 0]), 2: np.array([4.0, 0])}),
        POWER: ControlVector("llama", 4, 2, {1: np.array([0, 5.0]), 2: np.array([5.0, 0])}),
    }
    coupling = direction_coupling(directions)
    assert coupling.values == (KIND, POWER)
    cosine = 20 / (5 * np.sqrt(50))
    np.testing.assert_allclose(coupling.matrix, np.array([[1, cosine], [cosine, 1]]))
    assert direction_coupling({}).solve({KIND: 1.0}) == {KIND: 1.0}


def test_the_measured_coupling_by_hand():
    """Steering by benevolence moves it by 8 and power by -4; by power, it by 6 and truth by 3
    in half of the replies, which is no clear effect on so few."""
    up = {
        KIND: {KIND: [4, 4, 5, 3], POWER: [-2, -2, -1, -3], TRUE: [0, 0, 0, 0]},
        POWER: {KIND: [0, 1, 0, -1], POWER: [3, 3, 4, 2], TRUE: [3, -3, 3, 0]},
    }
    down = {
        KIND: {KIND: [-4, -4, -3, -5], POWER: [2, 2, 3, 1], TRUE: [0, 0, 0, 0]},
        POWER: {KIND: [0, 0, 0, 0], POWER: [-3, -3, -2, -4], TRUE: [0, 0, 0, 0]},
    }
    found = measured_coupling([KIND, POWER, TRUE], up, down)
    # Row by row, relative to what the row's own value moves by its own dose: 8, 6, not measured.
    hand = np.array([[1, 0, 0], [-4 / 6, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(found.matrix, hand)


def test_without_a_calibration_a_target_is_its_share_of_ten():
    assert aim({KIND: 6, POWER: -4}).coefficients == pytest.approx(
        {KIND: 0.6 * DEFAULT_SCALE, POWER: -0.4 * DEFAULT_SCALE}
    )


def test_a_calibrated_target_is_looked_up():
    for target, dose in ((4, 0.25), (-2, -0.125)):
        found = aim({KIND: target}, calibration())
        assert found.coefficients == pytest.approx({KIND: dose})
        assert found.notes == ()


def test_what_is_out_of_reach_is_clamped_and_said():
    found = aim({KIND: 10}, calibration(), model="tiny")
    assert found.coefficients == pytest.approx({KIND: 0.5})
    (note,) = found.notes
    assert note == (
        "Benevolence +10 is out of reach for tiny, which was measured from −8.0 to +8.0: "
        "+8.0 is aimed at."
    )
    assert aim({KIND: 8.4}, calibration()).notes == ()


def test_no_dose_goes_beyond_its_limit():
    found = aim({KIND: 8, POWER: 8}, calibration(pair(-0.9)), pair(-0.9))
    assert all(abs(c) <= 0.5 for c in found.coefficients.values())
    assert math.hypot(*found.coefficients.values()) <= 0.5 + 1e-9
    far = aim({KIND: 10, POWER: 10}, None, pair(-0.9))
    assert max(far.coefficients.values()) <= LONGEST * DEFAULT_SCALE


def test_values_that_share_a_reply_get_their_shares():
    """Doses 0.3 and 0.4: L = 0.5, shares 9/25 and 16/25; f(0.5) = 8 and f(-0.5 x 0.5) = -4.

    E_kind = 0.36 x 8 - 0.64 x 4 = 0.32, E_power = 0.64 x 8 - 0.36 x 4 = 3.68.
    """
    found = expected({KIND: 0.3, POWER: 0.4}, calibration(), pair(-0.5))
    assert [found[v].intensity for v in (KIND, POWER)] == pytest.approx([0.32, 3.68])
    apart = expected({KIND: 0.3, POWER: -0.4}, calibration(), UNCOUPLED)
    assert [apart[v].intensity for v in (KIND, POWER)] == pytest.approx([2.88, -5.12])


def test_without_a_calibration_a_straight_line_is_expected():
    plain = expected({KIND: 0.25, POWER: 0.5}, None, pair(-0.5))
    assert plain[KIND].intensity == pytest.approx(0)
    assert plain[POWER].intensity == pytest.approx(7.5)
    assert (plain[KIND].low, plain[KIND].high) == (-10, 10)


@given(st.floats(-8, 8))
def test_one_value_alone_is_expected_to_come_to_its_target(t):
    found = aim({KIND: t}, calibration(), UNCOUPLED)
    assert found.notes == ()
    assert expected(found.coefficients, calibration())[KIND].intensity == pytest.approx(t)


@given(st.floats(-3.5, 3.5), st.floats(-3.5, 3.5), st.floats(-0.3, 0.3))
def test_two_values_that_have_room_are_both_expected(t, u, b):
    """Half of 8 is what each of two equals can have at most."""
    known = calibration(pair(b))
    found = aim({KIND: t, POWER: u}, known, pair(b))
    hoped = expected(found.coefficients, known, pair(b))
    if found.notes == ():
        assert hoped[KIND].intensity == pytest.approx(t, abs=1.01)
        assert hoped[POWER].intensity == pytest.approx(u, abs=1.01)


def test_two_equals_with_room_are_met():
    """c each: L = c sqrt(2), E = f(L) / 2 = 8 L = 3, so L = 3/8 and c = 0.265."""
    found = aim({KIND: 3, POWER: 3}, calibration())
    assert list(found.coefficients.values()) == pytest.approx([0.2652] * 2, abs=1e-3)
    assert found.notes == ()


def test_what_cannot_be_shared_is_said():
    found = aim({KIND: 8, POWER: 8}, calibration())
    assert found.notes == (
        "These values share the reply, so that not all of them are reached: "
        "expect Benevolence +4.0, Power +4.0.",
    )


def test_conflicts_are_pairs_whose_signs_go_against_their_axes():
    axes = {
        KIND: np.array([1.0, 0.0, 0.0]),
        POWER: np.array([-0.6, 0.8, 0.0]),
        TRUE: np.array([0.1, 0.0, 0.995]),
    }
    hoped = {KIND: 5.0, POWER: 2.0, TRUE: 4.0}
    (found,) = conflicts({KIND: 8, POWER: 8, TRUE: -8}, axes, hoped)
    assert found.values == (KIND, POWER)
    assert found.targets == pytest.approx((8, 8))
    assert found.cosine == pytest.approx(-0.6)
    assert found.expected == pytest.approx((5, 2))
    assert conflicts({KIND: 8, POWER: -8}, axes, hoped) == []
    assert conflicts({KIND: 8, POWER: 0}, axes, hoped) == []
