"""Turns that go wrong: refused, failed, interrupted, deleted; nothing that was said is lost."""

import subprocess
import sys

import pytest

from chat_app.chat import rows
from chat_app.chat.conversations import (
    list_conversations,
)
from chat_app.chat.send import Finished, regenerate, send
from chat_app.chat.shelf import delete
from chat_app.chat.studio import Studio
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.settings import settings
from tests.chat_turns import KIND, PLAIN, QUESTION, SHORT, shown, stored


def test_a_reply_that_cannot_be_made_is_stored_as_failed(home):
    broken = Studio(settings(home=home, model=str(home / "none.gguf")))
    started, ended = send(broken, QUESTION, KIND)
    assert ended.status == "failed"
    assert "There is no model file" in str(ended.error)
    question, reply = shown(broken, started.conversation_id).messages
    assert question.text == QUESTION
    assert (reply.status, reply.error) == ("failed", ended.error)


def test_a_question_that_is_too_long_fails_and_stays(studio):
    started, ended = send(studio, "money " * 3000, PLAIN, sampling=SHORT)
    assert ended.status == "failed"
    assert "too long" in str(ended.error)
    assert shown(studio, started.conversation_id).messages[0].text.startswith("money money")


def test_a_failed_reply_can_be_asked_for_again(studio, home):
    broken = Studio(settings(home=home, model=str(home / "none.gguf")))
    _, failed = send(broken, QUESTION, KIND)
    *_, ended = regenerate(studio, failed.message_id, KIND, sampling=SHORT)
    assert ended.status == "finished"


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_message_is_refused_and_nothing_stored(studio, text):
    with pytest.raises(ValueflowError, match="empty"):
        next(send(studio, text, KIND))
    assert list_conversations(studio.database) == []


def test_an_unknown_conversation_is_refused(studio):
    with pytest.raises(ValueflowError, match="no conversation 'none'"):
        next(send(studio, QUESTION, KIND, conversation_id="none"))


def test_what_no_database_holds_is_replaced(studio):
    started, *_ = send(studio, "a\0b \ud800 c", PLAIN, sampling=SHORT)
    assert shown(studio, started.conversation_id).messages[0].text == "a\ufffdb ? c"


def test_one_reply_at_a_time_in_a_conversation(studio):
    events = send(studio, QUESTION, KIND, sampling=SHORT)
    started = next(events)
    with pytest.raises(ValueflowError, match="still being written"):
        next(send(studio, "Why?", KIND, conversation_id=started.conversation_id))
    assert [type(e) for e in events][-1] is Finished


def test_a_conversation_deleted_while_a_reply_is_written(studio, monkeypatch):
    monkeypatch.setattr(rows, "_SAVE_EVERY_S", 0.0)
    events = send(studio, QUESTION, KIND, sampling=Sampling(seed=3, max_tokens=200))
    started = next(events)
    next(events)
    delete(studio.database, [started.conversation_id])
    *_, ended = events
    assert ended.status == "stopped"
    assert list_conversations(studio.database) == []


def test_a_disk_that_fails_while_a_reply_is_written(studio, home, monkeypatch):
    monkeypatch.setattr(rows, "_SAVE_EVERY_S", 0.0)
    events = send(studio, QUESTION, KIND, sampling=SHORT)
    started = next(events)
    with studio.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    *deltas, ended = events
    assert len(deltas) > 3  # the person still reads the reply to its end
    assert ended.status == "failed"
    assert "not written" in str(ended.error)
    assert ended.reply.text
    later = Studio(settings(home=home))
    question, reply = shown(later, started.conversation_id).messages
    assert (question.text, reply.status) == (QUESTION, "stopped")


CRASH = """
import os, sys
from chat_app.chat import rows
from chat_app.chat.send import Delta, send
from chat_app.chat.studio import Studio
from chat_app.settings import settings
from chat_app.values.profile import Profile
rows._SAVE_EVERY_S = 0.0
said = ""
for event in send(Studio(settings()), sys.argv[1], Profile("plain", {}, method="none")):
    if isinstance(event, Delta):
        said += event.text
        if len(said) > 20:
            print(said, flush=True)
            os._exit(9)
"""


def test_a_crash_loses_nothing_that_was_stored(studio, home):
    command = [sys.executable, "-c", CRASH, QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    (summary,) = list_conversations(studio.database)  # this opens it, as the next start does
    question, reply = shown(studio, summary.id).messages
    assert question.text == QUESTION
    assert (reply.status, reply.finish) == ("stopped", "interrupted")
    assert reply.text == done.stdout.removesuffix("\n")
    assert verify_transcript(transcript(studio.database, summary.id)) == []
    *_, ended = send(studio, "Go on.", PLAIN, conversation_id=summary.id, sampling=SHORT)
    assert ended.status == "finished"


def test_a_start_leaves_replies_alone_that_are_being_written(studio, home):
    events = send(studio, QUESTION, KIND, sampling=SHORT)
    started = next(events)
    Studio(settings(home=home)).database.close()
    assert stored(studio, started.message_id).status == "writing"
    *_, ended = events
    assert ended.status == "finished"
