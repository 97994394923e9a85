"""A temporary chat works as any other, and leaves nothing behind."""

import os
import sqlite3
from pathlib import Path

import pytest

from chat_app.chat.conversations import list_conversations, open_conversation
from chat_app.chat.revise import rate
from chat_app.chat.scoring import pending_scores, score_message
from chat_app.chat.send import go_on, regenerate, send
from chat_app.chat.temporary import Temporary
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8})
SECRET = "My brother Xylophontes owes me money."
SHORT = Sampling(seed=3, max_tokens=24)


def everything(folder: Path) -> bytes:
    files = [
        Path(at) / name for at, _, names in os.walk(folder, followlinks=True) for name in names
    ]
    return b"".join(file.read_bytes() for file in files)


def test_nothing_of_it_is_on_the_disk(studio, home):
    *_, known = send(studio, "Is it wrong to be late?", KIND, sampling=SHORT)
    assert b"wrong to be late" in everything(home)  # so this looks in the right place
    chat = Temporary(studio)
    started, *_, ended = send(chat.studio, SECRET, KIND, sampling=SHORT)
    said = open_conversation(chat.database, started.conversation_id).messages[-1].text
    assert said
    assert chat.conversation_id == started.conversation_id
    (score,) = score_message(chat.studio, ended.message_id)
    assert score.value == "svt/benevolence"
    assert pending_scores(chat.studio, started.conversation_id) == []
    *_, other = regenerate(chat.studio, ended.message_id, KIND, sampling=SHORT)
    *_, longer = go_on(chat.studio, other.message_id, sampling=SHORT)
    assert longer.status == "finished"
    held = everything(home)
    for words in (b"Xylophontes", said[:60].encode()):
        assert words not in held
    assert [c.title for c in list_conversations(studio.database)] == ["Is it wrong to be late?"]
    chat.forget()
    assert b"Xylophontes" not in everything(home)
    assert known.status == "finished"


def test_what_is_kept_is_the_same_conversation(studio, home):
    chat = Temporary(studio)
    with pytest.raises(ValueflowError, match="nothing to keep"):
        chat.keep(studio.database)
    started, *_, ended = send(chat.studio, SECRET, KIND, sampling=SHORT)
    score_message(chat.studio, ended.message_id)
    regenerate_events = regenerate(chat.studio, ended.message_id, KIND, sampling=SHORT)
    next(regenerate_events)
    with pytest.raises(ValueflowError, match="still being written"):
        chat.keep(studio.database)
    list(regenerate_events)
    rate(chat.database, ended.message_id, 1)
    before = transcript(chat.database, started.conversation_id)
    view = open_conversation(chat.database, started.conversation_id)
    id = chat.keep(studio.database)
    chat.forget()
    assert open_conversation(studio.database, id) == view
    after = transcript(studio.database, id)
    assert after == before
    assert verify_transcript(after) == []
    assert b"Xylophontes" in everything(home)
    *_, on = send(studio, "Why?", KIND, conversation_id=id, sampling=SHORT)
    assert on.status == "finished"


def test_each_is_alone_and_gone_when_it_is_forgotten(studio):
    one, other = Temporary(studio), Temporary(studio)
    send_one = list(send(one.studio, "One?", KIND, sampling=SHORT))
    assert other.conversation_id == ""
    with pytest.raises(ValueflowError, match="no conversation"):
        open_conversation(other.database, send_one[0].conversation_id)
    running = send(other.studio, "Two?", KIND, sampling=Sampling(max_tokens=300, temperature=2.0))
    next(running)
    other.forget()  # in the middle of a reply
    list(running)
    assert other.database.closed
    assert one.conversation_id
    one.forget()
    one.forget()


def test_it_shares_what_is_loaded(studio):
    chat = Temporary(studio)
    assert chat.studio.engine is studio.engine
    assert chat.studio.past_vectors is studio.past_vectors
    assert chat.studio.database is not studio.database
    with chat.database.write() as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        assert raw.execute("PRAGMA database_list").fetchone()[2] == ""
        assert raw.execute("PRAGMA temp_store").fetchone()[0] == 2
    chat.forget()
