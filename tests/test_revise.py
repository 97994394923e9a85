"""Continuing, editing, taking back and rating: what is stored, what is shown, what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat import rows
from chat_app.chat.changes import changes_in, profile_change
from chat_app.chat.conversations import open_conversation, show_branch
from chat_app.chat.revise import edit_reply, rate, take_back
from chat_app.chat.rows import being_written, stop_reply
from chat_app.chat.scoring import pending_scores
from chat_app.chat.send import Delta, Started, edit, go_on, regenerate, send
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.chat.turns import turns_of
from chat_app.db.conversations import branch, get_conversation, get_message, tree
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.values.profile import Profile
from tests.conftest import forget
from tests.talks import new_talk, say

KIND = Profile("kind", {"svt/benevolence": 8, "svt/power": -4})
PLAIN = Profile("plain", {}, method="none")
QUESTION = "Should I lend my brother money?"


def stored(studio, message_id):
    with studio.database.read() as session:
        return get_message(session, message_id)


def shown(studio, id):
    return open_conversation(studio.database, id).messages


def greedy(n):
    return Sampling(temperature=0, max_tokens=n)


@pytest.mark.parametrize(
    "profile", [KIND, PLAIN, Profile("told", {"svt/power": 6}, method="prompt")]
)
def test_a_continued_reply_is_the_uncut_one(studio, profile):
    *_, whole = send(studio, QUESTION, profile, sampling=greedy(40))
    expected = stored(studio, whole.message_id)
    forget(studio.engine)
    started, *_, cut = send(studio, QUESTION, profile, sampling=greedy(9))
    first = stored(studio, cut.message_id)
    assert (first.status, first.finish) == ("finished", "length")
    assert shown(studio, started.conversation_id)[-1].can_go_on
    forget(studio.engine)
    begun, *events, ended = go_on(studio, cut.message_id, sampling=greedy(31))
    assert isinstance(begun, Started)
    rest = "".join(event.text for event in events if isinstance(event, Delta))
    on = stored(studio, ended.message_id)
    assert on.text == first.text + rest == expected.text
    assert on.tokens == expected.tokens
    assert on.vector_hash == expected.vector_hash
    assert Profile.from_json(on.profile) == profile
    assert on.steering["continued"] == {"hash": first.hash, "tokens": 9}
    assert on.counts["reply_tokens"] == len(on.tokens) - 9
    # The cut one is as it was, beside the longer one.
    assert stored(studio, cut.message_id).hash == first.hash
    last = shown(studio, started.conversation_id)[-1]
    assert last.siblings == (cut.message_id, ended.message_id)
    assert verify_transcript(transcript(studio.database, started.conversation_id)) == []


def test_a_reply_that_a_crash_cut_goes_on_from_its_stored_tokens(studio, monkeypatch):
    *_, whole = send(studio, QUESTION, KIND, sampling=greedy(30))
    expected = stored(studio, whole.message_id)
    monkeypatch.setattr(rows, "_SAVE_EVERY_S", 0.0)
    events = send(studio, QUESTION, KIND, sampling=greedy(30))
    started = next(events)
    for _ in range(8):
        next(events)
    # What is stored at this moment is all that a crash would leave.
    kept = stored(studio, started.message_id)
    assert kept.status == "writing"
    assert len(kept.tokens) >= 8
    events.close()
    with studio.database.write() as session:
        row = get_message(session, started.message_id)
        row.text, row.tokens, row.counts, row.timings = kept.text, kept.tokens, None, None
        row.status = "writing"
    assert rows.recover(studio.database) == 1
    assert stored(studio, started.message_id).finish == "interrupted"
    forget(studio.engine)
    *_, ended = go_on(studio, started.message_id, sampling=greedy(30 - len(kept.tokens)))
    assert stored(studio, ended.message_id).tokens == expected.tokens


def test_what_cannot_go_on_says_why(studio, random_model_path):
    *_, ended = send(studio, QUESTION, PLAIN, sampling=greedy(5))
    row = stored(studio, ended.message_id)
    with pytest.raises(ValueflowError, match="come to an end"):
        list(go_on(studio, row.parent_id))
    own = edit_reply(studio.database, ended.message_id, "My words.")
    *_, failed = go_on(studio, own)
    assert failed.status == "failed"
    assert "try again" in str(failed.error)
    with studio.database.write() as session:
        get_message(session, ended.message_id).model_sha256 = "0" * 64
    *_, failed = go_on(studio, ended.message_id)
    assert "load that model" in str(failed.error)


def test_an_edited_reply_is_the_persons_own(studio):
    started, *_, ended = send(studio, QUESTION, KIND, sampling=greedy(12))
    id = started.conversation_id
    own = edit_reply(studio.database, ended.message_id, "  Yes, do.  ")
    last = shown(studio, id)[-1]
    assert (last.id, last.text, last.edited) == (own, "Yes, do.", True)
    assert last.siblings == (ended.message_id, own)
    assert (last.n_tokens, last.seed, last.model) == (None, None, None)
    assert pending_scores(studio, id) == []
    assert verify_transcript(transcript(studio.database, id)) == []
    with studio.database.read() as session:
        leaf = get_conversation(session, id).leaf_id
        turn = turns_of(studio, branch(tree(session, id), leaf), None)[-1]
    assert (turn.text, turn.tokens, turn.vector) == ("Yes, do.", None, None)
    *_, after = send(studio, "Why?", KIND, conversation_id=id, sampling=greedy(5))
    assert after.status == "finished"
    assert [m.text for m in shown(studio, id)][:3] == [QUESTION, "Yes, do.", "Why?"]
    for empty in ("", " \n"):
        with pytest.raises(ValueflowError, match="empty"):
            edit_reply(studio.database, ended.message_id, empty)
    with pytest.raises(ValueflowError, match="Only a reply"):
        edit_reply(studio.database, started.user_message_id, "No.")


def test_a_turn_is_taken_back_and_shown_again(database):
    id = new_talk(database)
    first = say(database, id, "One?", "Yes.")
    second = say(database, id, "Two?", "No.")
    assert open_conversation(database, id).later is None
    assert take_back(database, id) == "Two?"
    view = open_conversation(database, id)
    assert [m.id for m in view.messages] == list(first)
    assert view.later == second[0]
    assert take_back(database, id) == "One?"
    view = open_conversation(database, id)
    assert view.messages == ()
    assert view.later == first[0]
    with pytest.raises(ValueflowError, match="nothing to take back"):
        take_back(database, id)
    show_branch(database, view.later)
    assert [m.id for m in open_conversation(database, id).messages] == [*first, *second]


def test_a_vote_is_kept_and_changes_no_messages_hash(database):
    id = new_talk(database)
    question, reply = say(database, id, "One?", "Yes.")
    before = transcript(database, id)
    for vote in (1, -1, 0, -1):
        rate(database, reply, vote)
        assert open_conversation(database, id).messages[-1].vote == vote
        after = transcript(database, id)
        assert [m["hash"] for m in after["messages"]] == [m["hash"] for m in before["messages"]]
        assert verify_transcript(after) == []
    with pytest.raises(ValueflowError, match="Only a reply"):
        rate(database, question, 1)


def test_a_reply_is_stopped_by_its_conversation(studio):
    events = send(studio, QUESTION, PLAIN, sampling=Sampling(max_tokens=400, temperature=2.0))
    started = next(events)
    assert being_written(started.conversation_id)
    stop_reply("another")
    next(events)
    stop_reply(started.conversation_id)
    *_, ended = events
    assert (ended.status, ended.finish) == ("stopped", "cancelled")
    assert not being_written(started.conversation_id)


def test_branches_of_questions_and_replies_are_siblings(studio):
    started, *_, ended = send(studio, QUESTION, PLAIN, sampling=greedy(4))
    *_, other = regenerate(studio, ended.message_id, KIND, sampling=greedy(4))
    reply = shown(studio, started.conversation_id)[-1]
    assert reply.siblings == (ended.message_id, other.message_id)
    again, *_ = edit(studio, started.user_message_id, "And my sister?", PLAIN, sampling=greedy(4))
    question = shown(studio, started.conversation_id)[0]
    assert question.siblings == (started.user_message_id, again.user_message_id)


def test_changes_stand_before_the_question_they_act_on(database):
    id = new_talk(database)
    a = Profile("Caring friend", {"svt/benevolence": 6})
    b = Profile("Blunt coach", {"svt/achievement": 7})
    one = say(database, id, "One?", "Yes.", profile=a)
    say(database, id, "Two?", "Yes.", profile=a)
    three = say(database, id, "Three?", "Yes.", profile=b)
    edit_reply(database, three[1], "No.")
    four = say(database, id, "Four?", "Yes.", profile=b)
    messages = open_conversation(database, id).messages
    change = "Profile: Caring friend → Blunt coach"
    assert changes_in(messages) == {four[0]: change}  # the edited reply has no profile
    show_branch(database, three[1])
    assert changes_in(open_conversation(database, id).messages) == {three[0]: change}
    assert one[0] not in changes_in(messages)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"svt/power": 4}, {"svt/power": -2}, "Power +4 → −2"),
        ({"svt/power": 4}, {}, "Power +4 → none"),
        ({}, {"svt/power": 0, "custom/thrift": 2}, "Power none → 0, thrift none → +2"),
        ({"svt/power": 4}, {"svt/power": 4}, ""),
    ],
)
def test_targets_that_moved_are_told(before, after, words):
    assert profile_change(Profile("Unnamed", before), Profile("Unnamed", after)) == words


def test_a_method_and_a_name_that_changed_are_told():
    kind = Profile("Kind", {"svt/power": 4})
    assert profile_change(kind, Profile("Kind", {"svt/power": 4}, method="prompt")) == (
        "steered by vector → prompt"
    )
    off = Profile("Kind", {"svt/power": 4}, method="none")
    assert profile_change(kind, off) == "Profile: Kind → unsteered"
    assert profile_change(off, Profile("Other", {})) == ""
    assert profile_change(kind, Profile("Renamed", {"svt/power": 4})) == ""


wishes = st.dictionaries(
    st.sampled_from(
        ["svt/power", "svt/benevolence", "svt/hedonism", "svt/stimulation", "svt/security"]
    ),
    st.integers(-10, 10),
)


@given(wishes, wishes)
def test_a_change_is_told_exactly_where_there_is_one(before, after):
    words = profile_change(Profile("Kind", before), Profile("Kind", after))
    assert bool(words) == (before != after)
