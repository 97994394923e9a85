"""The mean of what a profile's replies came to, and how the page draws it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chat_app.chat.conversations import ConversationView, MessageView, ScoreView
from chat_app.chat.measured import so_far
from chat_app.ui.bars import Bar, bars_html
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8, "custom/<b>": -2})
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def reply(profile: Profile, *intensities: float, stderr: float = 0.5) -> MessageView:
    scores = tuple(
        ScoreView(value, target, intensity, stderr, "hives", "1")
        for (value, target), intensity in zip(profile.targets.items(), intensities, strict=False)
    )
    return MessageView(
        id="1", parent_id=None, role="assistant", text="So.", status="finished", created=NOW,
        profile=profile, scores=scores, siblings=(), notes=(), dropped_turns=0, error=None,
        finish="stop", model=None, seed=None, vector_hash=None,
    )  # fmt: skip


def view(*messages: MessageView) -> ConversationView:
    return ConversationView("1", "", NOW, NOW, KIND, messages)


def test_replies_of_the_last_profile_count_and_others_do_not():
    other = Profile("other", {"svt/benevolence": -8})
    renamed = replace(KIND, name="kinder")
    found = so_far(view(reply(KIND, 6, 1), reply(other, -7), reply(renamed, 4)))
    assert found is not None
    assert found.replies == 2
    first, second = found.means
    assert (first.value, first.n, first.mean) == ("svt/benevolence", 2, 5.0)
    assert (second.value, second.n, second.mean) == ("custom/<b>", 1, 1.0)
    assert first.high - first.mean == pytest.approx(1.96)  # the spread: sqrt(2) / sqrt(2)
    assert second.high - second.mean == pytest.approx(1.96 * 0.5)
    assert so_far(view()) is None
    assert so_far(view(reply(Profile("none", {})))) is None


def test_each_bar_says_its_numbers_and_no_markup_gets_through():
    drawn = bars_html(
        [
            Bar("svt/benevolence", 5, 3, 7, 8),
            Bar("custom/<b>", None, target=-2),
            Bar("svt/power", -12, -15, 9),
        ],
        "<caption>",
    )
    assert "asked +8, measured <b>+5</b>" in drawn
    assert "“&lt;b&gt;”" in drawn
    assert "asked −2, not measured yet" in drawn
    assert "&lt;caption&gt;" in drawn
    assert 'x="-' not in drawn
