"""What the page says of a profile before its first reply, and that saying it loads nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.forecast import Forecast, Reach, forecast, known_calibration, reach
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from chat_app.ui.marks import legend_html, marks_html, outlook_html
from chat_app.ui.own_values import Own
from chat_app.ui.profile_panel import read_profile
from chat_app.values.custom import value_label
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED


@pytest.fixture
def idle(home) -> Studio:
    """A studio that has loaded nothing."""
    return Studio(settings(home=home))


def test_the_builtin_models_reach_is_known_before_it_is_loaded(idle):
    known = reach(idle, "vector")
    assert list(known.ranges) == list(STEERED)
    assert all(low < known.rest[v] < high for v, (low, high) in known.ranges.items())
    assert reach(idle, "prompt") == Reach()
    assert reach(idle, "none") == Reach()
    assert idle._parts == {}


def test_nothing_is_known_of_a_model_that_is_not_loaded(home):
    assert known_calibration(Studio(settings(home=home, model="other.gguf")), "vector") is None


def most_apart(studio: Studio) -> tuple[str, str]:
    """The two values that take most from each other, as measured."""
    known = known_calibration(studio, "vector")
    felt = known.coupling.among(STEERED)
    one, other = np.unravel_index(np.argmin(felt), felt.shape)
    return STEERED[min(one, other)], STEERED[max(one, other)]


def test_a_target_out_of_reach_and_what_values_do_to_each_other(idle):
    highest = reach(idle, "vector").ranges["svt/benevolence"][1]
    alone = forecast(idle, Profile("a", {"svt/benevolence": 10}))
    assert alone == Forecast({"svt/benevolence": highest}, "")
    assert forecast(idle, Profile("a", {"svt/benevolence": 4})) == Forecast()
    one, other = most_apart(idle)
    apart = forecast(idle, Profile("a", {one: 8, other: 8})).sentence
    first, second = value_label(one), value_label(other)
    assert apart.startswith(f"{first} +8 and {second} +8 pull apart: expect about {first} ")
    both = forecast(idle, Profile("a", {"svt/benevolence": 8, "svt/power": 8})).sentence
    assert both.startswith("They share each reply: expect about Benevolence +")
    many = forecast(idle, Profile("a", dict.fromkeys(STEERED, 8))).sentence
    assert len(many) < 200
    assert idle._parts == {}


@pytest.mark.parametrize("method", ["none", "prompt"])
def test_of_a_method_that_was_not_measured_nothing_is_said(idle, method):
    assert forecast(idle, Profile("a", {"svt/power": 10}, method=method)) == Forecast()


def test_the_loaded_model_is_asked_for_conflicts(studio):
    found = forecast(studio, Profile("a", {"svt/stimulation": 8, "svt/security": 8}))
    assert "pull apart" in found.sentence or "share" in found.sentence
    assert set(reach(studio, "vector").ranges) == set(STEERED)


def test_the_marks_stand_where_the_numbers_say():
    known = Reach({"svt/power": (-5.0, 10.0)}, {"svt/power": 0.0})
    beyond = Forecast({"svt/power": -5.0, "custom/living simply": 3.0}, "They pull <apart>.")
    rules = marks_html(known, beyond, {"custom/living simply": "vf-own-2"})
    assert "#vf-svt-power{--vf-low:0.250;--vf-high:1.000;--vf-rest-place:0.500}" in rules
    assert "Reaches −5 to +10; unsteered 0." in rules
    assert '#vf-svt-power::after{content:"Out of this model’s reach: −5 is aimed at"}' in rules
    assert "#vf-own-2::after" in rules
    assert "Power is out of this model’s reach: −5" in outlook_html(beyond)
    assert "They pull &lt;apart&gt;." in outlook_html(beyond)
    assert outlook_html(Forecast()) == legend_html(Reach(), "none") == ""
    assert "calibrate" in legend_html(Reach(), "prompt")


@given(st.integers(-10, 10), st.integers(0, 150))
def test_the_strength_is_a_factor_on_what_is_asked_for(target, percent):
    sliders = [0.0] * len(STEERED)
    sliders[2] = target
    own = Own(("custom/living simply",))
    asked = read_profile("", "", (), "vector", percent, own, json.dumps([*sliders, 5])).targets
    wanted = max(-10, min(10, target * percent / 100))
    assert asked.get(STEERED[2], 0) == pytest.approx(wanted, abs=0.051)
    assert asked.get("custom/living simply", 0) == pytest.approx(5 * percent / 100, abs=0.051)
    assert all(asked.values())


@pytest.mark.parametrize("places", ["", "{", "7", '["x"]', "[[1]]", "[null]", "[" * 100_000])
def test_places_that_no_page_would_tell_are_refused(places):
    with pytest.raises(ValueflowError, match="reload it"):
        read_profile("", "", (), "vector", 100, Own(), places)


def test_sliders_that_the_page_has_not_heard_of_stand_at_0():
    assert read_profile("", "", (), "vector", 100, Own(), "[0, 3]").targets == {STEERED[1]: 3.0}
