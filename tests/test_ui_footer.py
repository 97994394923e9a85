"""What stands under messages: which buttons when, and nothing of anybody's words as markup."""

import re
from typing import Any

from chat_app.chat.conversations import open_conversation
from chat_app.chat.revise import edit_reply, rate, take_back
from chat_app.chat.rows import open_reply
from chat_app.db.conversations import get_conversation, get_message
from chat_app.ui.chat_panel import rows
from chat_app.ui.footer import divider, question_footer, reply_footer
from chat_app.values.profile import Profile
from tests.talks import KIND, new_talk, say


def acts(html: str) -> list[str]:
    return re.findall(r'data-act="(\w+)"', html)


def last(database, id):
    return open_conversation(database, id).messages[-1]


def broken_off(database, id: str, text: str, **end: Any) -> None:
    with database.write() as session:
        conversation = get_conversation(session, id)
        leaf = get_message(session, str(conversation.leaf_id))
        question = get_message(session, str(leaf.parent_id))
        row = open_reply(database, session, conversation, question, KIND)
    with row:
        row.describe(model_name="builtin-chat", model_sha256="ab" * 32, sampling={}, seed=1)
        row.text = text
        row.end(**end)


def test_a_whole_reply_may_be_had_otherwise_and_one_that_broke_off_goes_on(database):
    id = new_talk(database)
    say(database, id, "One?", "Yes.")
    whole = ["copy", "retry", "edit", "like", "dislike", "about"]
    assert acts(reply_footer(last(database, id))) == whole
    broken_off(database, id, "It was", status="stopped", finish="cancelled")
    assert acts(reply_footer(last(database, id)))[:4] == ["previous", "next", "go_on", "retry"]
    broken_off(database, id, "", status="failed", error="No room.")
    footer = reply_footer(last(database, id))
    assert "go_on" not in acts(footer)
    assert "copy" not in acts(footer)
    assert "Try again" in footer
    assert 'aria-label="Version 3 of 3"' in footer
    assert re.search(r'data-act="next"[^>]* disabled', footer)
    assert not re.search(r'data-act="previous"[^>]* disabled', footer)


def test_an_edited_reply_is_neither_rated_nor_measured(database):
    id = new_talk(database)
    _, reply = say(database, id, "One?", "Yes.")
    edit_reply(database, reply, "No.")
    assert acts(reply_footer(last(database, id))) == ["previous", "next", "copy", "retry", "edit"]
    (shown,) = [row for row in rows(open_conversation(database, id)) if row["role"] != "user"]
    footer = shown["content"][1]["value"]
    assert "Edited by you" in footer
    assert "vf-chip" not in footer


def test_how_a_reply_was_written_is_told(database):
    id = new_talk(database)
    _, reply = say(database, id, "One?", "Yes.")
    footer = reply_footer(last(database, id))
    assert "builtin-chat · 3 tokens · 2.67 tokens/s · seed 7 · " in footer
    rate(database, reply, -1)
    footer = reply_footer(last(database, id))
    assert re.search(r'data-act="dislike"[^>]* aria-pressed="true"', footer)
    assert re.search(r'data-act="like"[^>]* aria-pressed="false"', footer)


def test_only_the_last_question_is_taken_back_and_the_way_to_it_is_shown(database):
    id = new_talk(database)
    say(database, id, "One?", "Yes.")
    say(database, id, "Two?", "No.")
    first, _, second, _ = open_conversation(database, id).messages
    assert "undo" in acts(question_footer(second, last=True))
    shown = [row["content"][1]["value"] for row in rows(open_conversation(database, id))]
    assert ["undo" in acts(html) for html in shown] == [False, False, True, False]
    assert first.id in shown[0]
    take_back(database, id)
    assert acts(rows(open_conversation(database, id))[-1]["content"][0]["value"]) == ["later"]
    take_back(database, id)
    (only,) = rows(open_conversation(database, id))
    assert acts(only["content"][0]["value"]) == ["later"]


def test_a_change_stands_before_its_turn_as_text(database):
    id = new_talk(database)
    wild = Profile('<b onclick="x()">${1}\u202e', {"svt/power": 3})
    say(database, id, "One?", "Yes.")
    say(database, id, "Two?", "No.", profile=wild)
    shown = rows(open_conversation(database, id))
    assert [row["role"] for row in shown] == ["user", "assistant", "assistant", "user", "assistant"]
    html = shown[2]["content"][0]["value"]
    assert "Profile: kind → &lt;b onclick=&quot;x()&quot;&gt;&#36;&#123;1&#125;<" in html
    assert html == divider('Profile: kind → <b onclick="x()">${1}')
