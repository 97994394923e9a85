"""Why a reply got its numbers: windows recalled from the database, and what is said of them."""

import pytest

from chat_app.chat.insight import reason, whole_profile
from chat_app.chat.scoring import score_message
from chat_app.chat.studio import Studio
from chat_app.db.database import Database
from chat_app.errors import ValueflowError
from chat_app.evaluation.recall import RecallError, interval, recall
from chat_app.ui.details_html import profile_html, reason_html
from chat_app.values.taxonomy import STEERED
from tests.talks import new_talk, say

WARM = "I would lend it gladly: he is family, and being there for him matters more than money."
COLD = "Never lend anything. Your money is yours, and his troubles are his own."


@pytest.mark.parametrize("text", [WARM, COLD])
def test_the_interval_comes_out_again_as_it_was_measured(studio: Studio, text: str):
    for value, score in studio.evaluator.measure(text, ["svt/benevolence", "svt/power"]).items():
        windows = recall(score.windows, value, studio.vidb)
        again = interval(windows, score.intensity, beta=score.beta, dispersion=score.dispersion)
        assert again == pytest.approx((score.low, score.high))


def test_windows_come_back_with_their_texts_in_the_judged_order(studio: Studio):
    score = studio.evaluator.measure(WARM, ["svt/benevolence"])["svt/benevolence"]
    windows = recall(score.windows, "svt/benevolence", studio.vidb)
    assert len(windows) == 3
    for window, stored in zip(windows, score.windows, strict=True):
        assert window.order.count(None) == 1
        assert window.order.index(None) == list(stored["order"]).index(stored["place"])
        assert {a.id for a in window.order if a} == set(stored["anchors"])
        assert len(window.beaten) + len(window.beaters) == len(stored["anchors"])


def test_anchors_that_are_gone_are_said_so(studio: Studio):
    windows = [{"anchors": ["nobody"], "place": 0, "order": [0, 1]}]
    with pytest.raises(RecallError, match="not loaded"):
        recall(windows, "svt/benevolence", studio.vidb)


def test_the_whole_profile_is_measured_once_and_kept(studio: Studio):
    _, reply = say(studio.database, new_talk(studio.database), "Shall I?", WARM)
    score_message(studio, reply)
    whole = whole_profile(studio, reply)
    values = [score.value for score in whole.scores]
    assert values[:2] == ["svt/benevolence", "svt/power"]
    assert sorted(values) == sorted(STEERED)
    assert [score.target for score in whole.scores[:3]] == [8, -4, None]
    for score in whole.scores:
        assert -10 <= score.low <= score.intensity <= score.high <= 10
    assert whole_profile(studio, reply) == whole
    shown = profile_html(whole, "svt/benevolence")
    assert shown.count("data-value=") == 32
    assert shown.count('aria-pressed="true"') == 1


def test_a_reason_counts_the_places(studio: Studio):
    _, reply = say(studio.database, new_talk(studio.database), "Shall I?", WARM)
    whole_profile(studio, reply)
    found = reason(studio, reply, "svt/benevolence")
    above = sum(len(window.beaten) for window in found.windows)
    below = sum(len(window.beaters) for window in found.windows)
    assert f"ranked above {above} of {above + below}" in found.sentences[0]
    shown = reason_html(found)
    assert shown.count('class="vf-d-own"') == len(found.windows) == 3
    assert all(anchor.text.split()[0] in shown for anchor in found.windows[0].beaten)


def test_what_a_reply_says_is_shown_as_text(studio: Studio):
    _, reply = say(studio.database, new_talk(studio.database), "?", "<img src=x onerror=alert(1)>")
    whole = whole_profile(studio, reply)
    shown = profile_html(whole, "svt/power") + reason_html(reason(studio, reply, "svt/power"))
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_what_cannot_be_measured_is_said_so(studio: Studio, database: Database):
    question, reply = say(database, new_talk(database), "Shall I?", " ")
    with pytest.raises(ValueflowError, match="Only replies"):
        whole_profile(studio, question)
    with pytest.raises(ValueflowError, match="empty"):
        whole_profile(studio, reply)
    with pytest.raises(ValueflowError, match="was not measured"):
        reason(studio, reply, "svt/power")
    with pytest.raises(ValueflowError, match="no message"):
        whole_profile(studio, "01NOBODY")
