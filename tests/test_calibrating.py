"""A calibration in the background: started, stopped, gone on with, listed, looked at, deleted."""

import time
from dataclasses import replace

import pytest

from chat_app.chat.calibrate import calibrate, grid_of
from chat_app.chat.calibrated import (
    curve,
    delete_calibration,
    doses,
    find_kept,
    list_calibrations,
    ranges,
)
from chat_app.chat.calibrating import Calibrating, Running
from chat_app.chat.studio import Studio
from chat_app.chat.trials import Course, builtin_prompts
from chat_app.errors import ValueflowError
from chat_app.llm.model import ChatModel
from chat_app.ui.pages.calibrate import read_plan
from chat_app.ui.pages.calibrate_html import duration, list_label
from chat_app.values.profile import Profile

KIND, POWER = "svt/benevolence", "svt/power"
COURSE = Course(builtin_prompts()[:5], max_tokens=24)


def until(calibrating: Calibrating, *states: str) -> None:
    for _ in range(6000):
        if calibrating.now and calibrating.now.state in states:
            return
        time.sleep(0.02)
    raise AssertionError(f"{calibrating.now} is none of {states}")


def running(calibrating: Calibrating) -> Running:
    now = calibrating.now
    assert now is not None
    return now


def own(studio: Studio):
    return [kept for kept in list_calibrations(studio.database) if not kept.builtin]


def test_a_run_is_stopped_and_gone_on_with_after_a_restart(studio: Studio):
    calibrating = Calibrating(studio)
    assert calibrating.now is None
    calibrating.start("prompt", [KIND, POWER], COURSE)
    with pytest.raises(ValueflowError, match="running already"):
        calibrating.start("prompt", [KIND], COURSE)
    while (
        running(calibrating).done < 6 * COURSE.n
    ):  # the unsteered dose, KIND's four, one of POWER's
        time.sleep(0.005)
        assert running(calibrating).state == "running"
    calibrating.stop()
    until(calibrating, "stopped")
    (kept,) = own(studio)
    assert not kept.whole
    assert kept.values == (KIND,)
    assert kept.wanted == (KIND, POWER)
    assert kept.of == 9
    assert 6 <= kept.done < 9
    assert kept.course == COURSE
    assert curve(studio.database, kept.id, KIND).coefficients == grid_of("prompt")
    partial = curve(studio.database, kept.id, POWER)
    assert partial is None or 2 <= len(partial.coefficients) < 5
    # What is whole is used, though the rest is missing.
    assert studio.calibration("prompt").responses.keys() == {KIND}

    again = Calibrating(studio)
    again.resume(kept)
    until(again, "finished")
    assert running(again).of == (kept.of - kept.done) * COURSE.n
    (whole,) = own(studio)
    assert whole.id == kept.id
    assert whole.whole
    assert set(whole.values) == {KIND, POWER}
    assert set(ranges(studio.database, whole.id)) == {KIND, POWER}
    assert again.kept() == whole
    assert again.seconds("prompt", 100)

    delete_calibration(studio.database, whole.id)
    assert own(studio) == []
    assert studio.calibration("prompt") is None


def test_deleting_one_of_two_makes_the_chat_go_by_the_other(studio: Studio):
    calibrate(studio, "prompt", [KIND], COURSE)
    calibrate(studio, "prompt", [POWER], replace(COURSE, seed=9))
    assert studio.calibration("prompt").responses.keys() == {KIND, POWER}
    both = Profile("p", {KIND: 3, POWER: 3}, method="prompt")
    composed = studio.compose(both)
    assert composed.expected.keys() == {KIND, POWER}
    assert studio.compose(both) is composed  # kept, as long as it holds
    turned = Profile("p", {POWER: 3, KIND: 3}, method="prompt")
    assert turned == both
    assert studio.compose(turned) is not composed  # a sum's bits depend on its order
    older = own(studio)[1]
    delete_calibration(studio.database, older.id)
    assert studio.calibration("prompt").responses.keys() == {POWER}
    afresh = studio.compose(both)
    assert afresh.expected[KIND] != composed.expected[KIND]  # now the straight line
    assert studio.compose(Profile("p", {POWER: 3}, method="prompt")).expected.keys() == {POWER}


def test_another_model_in_the_middle_ends_the_run_and_spoils_nothing(
    shared_studio: Studio, studio: Studio, random_model_path, shared_cache
):
    other = ChatModel.load(random_model_path, cache_dir=shared_cache)
    builtin = studio._parts["model"]
    studio._parts = dict(studio._parts)
    calibrating = Calibrating(studio)
    calibrating.start("prompt", [KIND], COURSE)
    while running(calibrating).done < COURSE.n + 2:
        time.sleep(0.005)
    studio._parts["model"] = other
    until(calibrating, "failed")
    assert "Another model was loaded" in running(calibrating).error
    (kept,) = own(studio)
    with pytest.raises(ValueflowError, match="is loaded: load the other"):
        calibrating.resume(kept)
    studio._parts["model"] = builtin
    calibrating.resume(kept)
    until(calibrating, "finished")
    assert own(studio)[0].whole
    other.close()


def test_the_time_is_told_after_a_try(studio: Studio):
    calibrating = Calibrating(studio)
    assert calibrating.seconds("prompt", 100) is None
    calibrating.try_speed("prompt", KIND, COURSE)
    once = calibrating.seconds("prompt", 100)
    assert once
    assert calibrating.seconds("prompt", 200) == pytest.approx(2 * once)
    assert calibrating.seconds("exemplar", 100) is None
    assert own(studio) == []


def test_nothing_chosen_is_refused(studio: Studio):
    with pytest.raises(ValueflowError, match="No value is chosen"):
        Calibrating(studio).start("prompt", [], COURSE)
    with pytest.raises(ValueflowError, match="has no dose"):
        Calibrating(studio).start("none", [KIND], COURSE)
    assert doses("vector", [KIND, POWER]) == 13
    assert doses("vector", []) == 0


def test_the_one_that_comes_with_the_program_is_listed_and_stays(database):
    (shipped,) = list_calibrations(database)
    assert shipped.builtin
    assert shipped.whole
    assert len(shipped.values) == 32
    assert "comes with the program" in list_label(shipped)
    assert find_kept(database, shipped.id) == shipped
    assert curve(database, shipped.id, KIND).coefficients == grid_of("vector")
    low, rest, high = ranges(database, shipped.id)[KIND]
    assert low < rest < high
    with pytest.raises(ValueflowError, match="comes with the program"):
        delete_calibration(database, shipped.id)
    for id in ("builtin prompt", "builtin ../x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        with pytest.raises(ValueflowError):
            find_kept(database, id)


def test_a_plan_is_read_from_the_page():
    method, values, course = read_plan("prompt", 2, "quick", "", [KIND], [], [POWER])
    assert (method, values) == ("prompt", (KIND, POWER))
    assert course == Course(builtin_prompts()[:12], 2)
    own_words = "\n".join(f"Question {i}?" for i in range(6))
    assert len(read_plan("vector", 1, "own", own_words)[2].prompts) == 6
    with pytest.raises(ValueflowError, match="Your list has 1 different prompts"):
        read_plan("vector", 1, "own", "Only one?", [KIND])


def test_durations_are_said_as_people_say_them():
    said = [duration(s) for s in (1, 60, 600, 5400, 36_000)]
    assert said == [
        "less than a minute",
        "about a minute",
        "about 10 minutes",
        "about 1.5 hours",
        "about 10 hours",
    ]
