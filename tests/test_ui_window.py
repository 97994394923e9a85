"""How much of a long conversation a tab shows."""

import pytest

from chat_app.chat.conversations import ConversationView, open_conversation
from chat_app.chat.revise import edit_reply
from chat_app.db.database import Database
from chat_app.ui.chat_panel import rows
from chat_app.ui.guard import Tab
from chat_app.ui.window import RECENT, above, marks, show_earlier, shown
from tests.talks import new_talk, say


@pytest.fixture
def long_talk(database: Database) -> str:
    id = new_talk(database)
    for turn in range(45):
        say(database, id, f"Question {turn}?", f"Reply {turn}.")
    return id


def nothing(message_id: str) -> None:
    """No reply is known to stay unmeasured."""


def texts(messages: list[dict]) -> list[str]:
    parts = [part for each in messages for part in each["content"]]
    return [part["text"] for part in parts if part["type"] == "text"]


def said(view: ConversationView, begin: int, end: int) -> list[str]:
    return [message.text for message in view.messages[begin:end]]


def test_a_long_conversation_shows_its_end_and_more_when_asked(database, long_talk):
    view, tab = open_conversation(database, long_talk), Tab()
    messages = shown(tab, view, nothing)
    assert texts(messages) == said(view, 90 - RECENT, 90)
    assert "Show the 70 messages before" in messages[0]["content"][0]["value"]
    assert tab.seen == marks(view, nothing)
    show_earlier(tab, view)
    messages = shown(tab, view, nothing)
    assert texts(messages) == said(view, 20, 90)
    assert "Show the 20 messages before" in messages[0]["content"][0]["value"]
    show_earlier(tab, view)
    assert shown(tab, view, nothing) == rows(view)


def test_what_is_shown_grows_at_its_end_only(database, long_talk):
    tab = Tab()
    before = shown(tab, open_conversation(database, long_talk), nothing)
    say(database, long_talk, "One more?", "One more.")
    view = open_conversation(database, long_talk)
    assert tab.seen != marks(view, nothing)
    assert texts(shown(tab, view, nothing)) == [*texts(before), "One more?", "One more."]


def test_another_branch_from_above_shows_its_own_end(database, long_talk):
    tab = Tab()
    view = open_conversation(database, long_talk)
    shown(tab, view, nothing)
    edit_reply(database, view.messages[41].id, "Another reply.")
    branch = open_conversation(database, long_talk)
    assert len(branch.messages) == 42
    assert texts(shown(tab, branch, nothing)) == said(branch, 42 - RECENT, 42)


def test_what_stands_above_a_message_begins_where_the_tab_does(database, long_talk):
    view, tab = open_conversation(database, long_talk), Tab()
    assert texts(above(tab, view, 88, nothing)) == said(view, 90 - RECENT, 88)
    assert texts(above(tab, view, 3, nothing)) == []


def test_a_short_one_and_an_empty_one_are_whole(database):
    id, tab = new_talk(database), Tab()
    assert shown(tab, open_conversation(database, id), nothing) == []
    say(database, id, "One?", "Yes.")
    view = open_conversation(database, id)
    assert shown(tab, view, nothing) == rows(view)
