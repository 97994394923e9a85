"""One turn: told as it comes, stored as it grows, and made again from what is stored."""

import dataclasses
import math
import re
import sqlite3
import threading

import pytest

from chat_app.chat import rows
from chat_app.chat.conversations import (
    list_conversations,
    show_branch,
)
from chat_app.chat.sampling import default_sampling, restored_sampling
from chat_app.chat.send import Delta, Finished, Started, edit, regenerate, send
from chat_app.chat.studio import Studio
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.chat.turns import past_vector, turns_of
from chat_app.db.conversations import branch, get_conversation, tree
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Engine, Sampling
from chat_app.settings import settings
from chat_app.values.profile import Profile
from tests.chat_turns import KIND, PLAIN, QUESTION, SHORT, shown, stored
from tests.conftest import forget


def turns_for_next(studio, conversation_id):
    with studio.database.read() as session:
        leaf = get_conversation(session, conversation_id).leaf_id
        return turns_of(studio, branch(tree(session, conversation_id), leaf), None)


def test_a_turn_is_started_told_piece_by_piece_and_finished(studio):
    started, *deltas, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    assert isinstance(started, Started)
    assert len(deltas) > 3
    assert all(isinstance(delta, Delta) for delta in deltas)
    assert isinstance(ended, Finished)
    assert ended.status == "finished"
    assert ended.message_id == started.message_id
    text = "".join(delta.text for delta in deltas)
    assert text == ended.reply.text

    view = shown(studio, started.conversation_id)
    assert [(m.role, m.text) for m in view.messages] == [("user", QUESTION), ("assistant", text)]
    assert view.title == QUESTION
    assert view.profile == KIND
    assert [m.id for m in view.messages] == [started.user_message_id, started.message_id]


def test_the_question_is_stored_before_the_first_token(studio):
    events = send(studio, QUESTION, KIND, sampling=SHORT)
    next(events)
    other = sqlite3.connect(studio.database.place)
    found = other.execute("SELECT role, text, status FROM messages ORDER BY role").fetchall()
    assert found == [("assistant", "", "writing"), ("user", QUESTION, "finished")]
    list(events)


def test_the_reply_is_stored_as_it_grows(studio, monkeypatch):
    monkeypatch.setattr(rows, "_SAVE_EVERY_S", 0.0)
    said = ""
    for event in send(studio, QUESTION, KIND, sampling=SHORT):
        if isinstance(event, Delta):
            said += event.text
            other = sqlite3.connect(studio.database.place)
            query = "SELECT text, status FROM messages WHERE role = 'assistant'"
            assert other.execute(query).fetchall() == [(said, "writing")]


def test_everything_a_reply_was_made_with_is_stored(studio):
    *_, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    row = stored(studio, ended.message_id)
    info = studio.model.info
    composition = studio.compose(KIND)
    assert Profile.from_json(row.profile) == KIND
    assert (row.model_name, row.model_sha256) == (info.name, info.sha256)
    assert row.vector_hash == composition.vector.hash
    assert row.steering["coefficients"] == composition.coefficients
    assert row.steering["layers"] == list(composition.vector.layers)
    assert restored_sampling(row.sampling, row.seed) == SHORT
    assert tuple(row.tokens) == ended.reply.tokens
    assert row.counts["reply_tokens"] == ended.reply.reply_tokens
    assert row.timings["ttft_s"] > 0
    assert row.finish == ended.reply.finish
    assert len(row.hash) == 64
    assert verify_transcript(transcript(studio.database, row.conversation_id)) == []


def test_a_reply_by_grammar_and_bias_is_drawn_again_from_what_is_stored(studio):
    words = r'root ::= ("yes" | "no" | "perhaps") ", " [a-z ]+ "."'
    biased = ((studio.model.tokenize("yes")[0], -math.inf), (studio.model.tokenize("no")[0], 2.5))
    wanted = Sampling(seed=9, temperature=1.5, max_tokens=24, grammar=words, logit_bias=biased)
    *_, ended = send(studio, QUESTION, PLAIN, sampling=wanted)
    row = stored(studio, ended.message_id)
    assert re.match(r"(yes|no|perhaps), ", row.text)
    again = restored_sampling(row.sampling, row.seed)
    assert again == wanted
    forget(studio.engine)
    *_, second = send(studio, QUESTION, PLAIN, sampling=again)
    assert tuple(row.tokens) == second.reply.tokens


def test_a_seed_is_drawn_and_stored_and_gives_the_reply_again(studio):
    *_, first = send(studio, QUESTION, KIND)
    *_, other = send(studio, QUESTION, KIND)
    seeds = [stored(studio, ended.message_id).seed for ended in (first, other)]
    assert seeds[0] != seeds[1]
    again = default_sampling(studio.settings, seed=seeds[0])
    forget(studio.engine)
    *_, second = send(studio, QUESTION, KIND, sampling=again)
    assert second.reply.text == first.reply.text


def test_a_conversation_goes_on_from_what_the_engine_remembers(studio):
    started, *_, first = send(studio, QUESTION, KIND, sampling=SHORT)
    *_, second = send(studio, "Why?", KIND, conversation_id=started.conversation_id, sampling=SHORT)
    assert second.reply.reused_tokens >= first.reply.prompt_tokens + len(first.reply.tokens) - 2
    assert [m.role for m in shown(studio, started.conversation_id).messages] == [
        "user",
        "assistant",
    ] * 2


def test_a_conversation_goes_on_after_a_restart_as_it_would_have(studio, home):
    """A fresh studio and engine read the very tokens and vectors that were there before."""
    many = Profile("many", dict.fromkeys(list(studio.directions)[:12], 9))
    for profile in (KIND, many):  # the second is capped, which is the harder sum to repeat
        started, *_ = send(studio, QUESTION, profile, sampling=SHORT)
        before = turns_for_next(studio, started.conversation_id)
        *_, went_on = send(
            studio, "Why?", profile, conversation_id=started.conversation_id, sampling=SHORT
        )

        later = Studio(settings(home=home))
        parts = {k: v for k, v in studio._parts.items() if k not in ("database", "engine")}
        later._parts |= {**parts, "engine": Engine(studio.model, n_ctx=1024)}
        question = stored(later, went_on.message_id).parent_id
        with later.database.read() as session:
            path = branch(tree(session, started.conversation_id), question)
        after = turns_of(later, path, None)
        assert [(t.role, t.text, t.tokens) for t in after[:2]] == [
            (t.role, t.text, t.tokens) for t in before
        ]
        assert after[1].vector.hash == before[1].vector.hash
        assert (after[1].vector.data == before[1].vector.data).all()
        *_, again = regenerate(later, question, profile, sampling=SHORT)
        assert again.reply.reused_tokens == 0
        assert again.reply.prompt_tokens == went_on.reply.prompt_tokens
        assert again.reply.text == went_on.reply.text
        later.engine.close()
        later.database.close()


def test_a_vector_that_other_rules_made_comes_back_from_its_coefficients(studio):
    *_, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    row = stored(studio, ended.message_id)
    row.profile = {**row.profile, "targets": {"svt/benevolence": 1.0}}  # no longer tells it
    studio.past_vectors.clear()
    assert past_vector(studio, row).hash == row.vector_hash


def test_another_models_replies_are_read_as_words(studio):
    started, *_, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    row = stored(studio, ended.message_id)
    row.model_sha256 = "0" * 64
    turn = turns_of(studio, [stored(studio, started.user_message_id), row], None)[1]
    assert (turn.text, turn.tokens, turn.vector) == (ended.reply.text, None, None)


def test_stopping_keeps_what_was_said(studio):
    cancel, said = threading.Event(), ""
    for event in send(studio, QUESTION, KIND, cancel=cancel):
        if isinstance(event, Delta):
            said += event.text
            if len(said) > 10:
                cancel.set()
    assert (event.status, event.finish) == ("stopped", "cancelled")
    row = stored(studio, event.message_id)
    assert (row.status, row.text) == ("stopped", said)
    assert verify_transcript(transcript(studio.database, row.conversation_id)) == []


def test_a_reader_who_leaves_stops_the_reply(studio):
    events = send(studio, QUESTION, KIND, sampling=Sampling(seed=3, max_tokens=200))
    started = next(events)
    said = "".join(next(events).text for _ in range(5))
    events.close()
    row = stored(studio, started.message_id)
    assert (row.status, row.finish) == ("stopped", "cancelled")
    assert row.text.startswith(said)
    assert len(row.text) < len(said) + 30
    assert row.tokens
    *_, ended = send(
        studio, "Go on.", KIND, conversation_id=started.conversation_id, sampling=SHORT
    )
    assert ended.status == "finished"


def test_leaving_before_the_first_word(studio):
    events = send(studio, QUESTION, KIND, sampling=SHORT)
    started = next(events)
    events.close()
    assert stored(studio, started.message_id).status == "stopped"
    *_, ended = send(
        studio, "And my sister?", PLAIN, conversation_id=started.conversation_id, sampling=SHORT
    )
    assert ended.status == "finished"
    # The template sees one question where the reply between two is empty.
    path = shown(studio, started.conversation_id).messages
    with studio.database.read() as session:
        messages = branch(tree(session, started.conversation_id), path[2].id)
    assert [t.text for t in turns_of(studio, messages, None)] == [f"{QUESTION}\n\nAnd my sister?"]


def test_another_reply_stands_beside_the_first(studio):
    started, *_, first = send(studio, QUESTION, KIND, sampling=SHORT)
    sampling = dataclasses.replace(SHORT, seed=4)
    begun, *_, second = regenerate(studio, first.message_id, PLAIN, sampling=sampling)
    assert begun.user_message_id == started.user_message_id
    view = shown(studio, started.conversation_id)
    assert [m.id for m in view.messages] == [started.user_message_id, second.message_id]
    assert view.messages[1].siblings == (first.message_id, second.message_id)
    assert view.profile == PLAIN
    assert show_branch(studio.database, first.message_id) == started.conversation_id
    assert shown(studio, started.conversation_id).messages[1].id == first.message_id
    assert verify_transcript(transcript(studio.database, started.conversation_id)) == []


def test_the_first_question_in_other_words(studio):
    started, *_ = send(studio, QUESTION, KIND, sampling=SHORT)
    begun, *_, ended = edit(
        studio, started.user_message_id, "Should I lend my sister money?", KIND, sampling=SHORT
    )
    assert begun.conversation_id == started.conversation_id
    view = shown(studio, started.conversation_id)
    assert [m.id for m in view.messages] == [begun.user_message_id, ended.message_id]
    assert view.messages[0].siblings == (started.user_message_id, begun.user_message_id)
    assert len(transcript(studio.database, view.id)["messages"]) == 4
    with pytest.raises(ValueflowError, match="said yourself"):
        next(edit(studio, ended.message_id, "Other words", KIND))


def test_a_branch_below_an_earlier_message(studio):
    started, *_, first = send(studio, QUESTION, PLAIN, sampling=SHORT)
    id = started.conversation_id
    list(send(studio, "Why?", PLAIN, conversation_id=id, sampling=SHORT))
    list(
        send(
            studio,
            "What if he says no?",
            PLAIN,
            conversation_id=id,
            parent_id=first.message_id,
            sampling=SHORT,
        )
    )
    assert [m.text for m in shown(studio, id).messages if m.role == "user"] == [
        QUESTION,
        "What if he says no?",
    ]


def test_the_prompt_method_speaks_for_its_own_reply_only(studio):
    asked = Profile("asked", {"svt/power": 9}, method="prompt")
    started, *_, ended = send(studio, QUESTION, asked, sampling=SHORT)
    row = stored(studio, ended.message_id)
    assert "strongly values control over people" in row.steering["system_prompt"]
    assert row.vector_hash is None
    *_, later = send(studio, "Why?", PLAIN, conversation_id=started.conversation_id, sampling=SHORT)
    assert stored(studio, later.message_id).steering is None
    assert [m.role for m in shown(studio, started.conversation_id).messages] == [
        "user",
        "assistant",
    ] * 2


def test_two_conversations_at_once(studio):
    ended = {}

    def talk(name):
        *_, ended[name] = send(studio, f"Should I visit {name}?", KIND, sampling=SHORT)

    threads = [threading.Thread(target=talk, args=(name,)) for name in ("Anna", "Ben", "Cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert {e.status for e in ended.values()} == {"finished"}
    assert len(list_conversations(studio.database)) == 3
