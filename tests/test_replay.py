"""Replies made again from a transcript: the same ones, cut ones, forged ones, and other models'."""

import copy
import json
import threading

import pytest

from chat_app.chat import chain
from chat_app.chat.compare import compare
from chat_app.chat.conversations import list_conversations, open_conversation
from chat_app.chat.replay import replay
from chat_app.chat.revise import edit_reply
from chat_app.chat.send import Delta, Finished, edit, go_on, regenerate, send
from chat_app.chat.transcript import TranscriptError, transcript
from chat_app.chat.verify import hashed_content, verify_transcript
from chat_app.db.database import open_database
from chat_app.llm.engine import Sampling
from chat_app.values.profile import Profile
from tests.chat_turns import KIND, PLAIN, QUESTION
from tests.command_line import one_sentence, run
from tests.talks import new_talk, say

BOTH = Profile("both", {"svt/benevolence": 5}, method="vector+prompt")


def drawn(seed, **given):
    return Sampling(**{"seed": seed, "max_tokens": 40, **given})


def forged(data, number, **changes):
    """``data`` with a message changed and every hash made anew, as a forger would."""
    data = copy.deepcopy(data)
    data["messages"][number - 1].update(changes)
    known: dict[str, str] = {}
    for message in data["messages"]:
        message["parent_hash"] = known.get(message["parent"])
        message["hash"] = chain.digest(hashed_content(message), message["parent_hash"])
        known[message["id"]] = message["hash"]
    del data["hash"]
    data["hash"] = chain.sha256(data)
    assert verify_transcript(data) == []
    return data


@pytest.fixture(scope="module")
def told(tmp_path_factory, shared_studio):
    """A studio and a conversation with all that a reply can be: steered by vector, prompt and
    neither, another version, a branch, cut short, continued, stopped, edited."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('told') / 'valueflow.db'}")
    for part in ("directions", "evaluator"):
        getattr(shared_studio, part)
    studio = shared_studio.at(database)
    ended = list(send(studio, QUESTION, KIND, sampling=drawn(1)))[-1]
    id = only_conversation(database)
    list(regenerate(studio, ended.message_id, BOTH, sampling=drawn(2, temperature=1.1)))
    list(send(studio, "Why?", PLAIN, conversation_id=id, sampling=drawn(3, repeat_penalty=1.2)))
    short = list(send(studio, "Go on.", KIND, conversation_id=id, sampling=drawn(4, max_tokens=6)))[
        -1
    ]
    assert short.finish == "length"
    list(go_on(studio, short.message_id, sampling=drawn(5)))
    stop = threading.Event()
    for event in send(
        studio, "And then?", KIND, conversation_id=id, sampling=drawn(6), cancel=stop
    ):
        if isinstance(event, Delta):
            stop.set()
    assert isinstance(event, Finished)
    assert event.status == "stopped"
    edit_reply(database, event.message_id, "In my own words.")
    first = open_conversation(database, id).messages[0]
    list(edit(studio, first.id, "Should I lend a friend my car?", KIND, sampling=drawn(7)))
    yield studio, transcript(database, id)
    database.close()


def only_conversation(database):
    (found,) = list_conversations(database)
    return found.id


def states(made):
    return [reply.state for reply in made.replies]


def test_every_reply_of_a_model_comes_out_the_same(told):
    studio, data = told
    made = replay(studio, data)
    assert made.complete, made
    assert made.first_difference is None
    assert sorted(states(made)) == ["passed over"] + ["same"] * 7
    (edited,) = made.of("passed over")
    assert "person" in edited.why
    assert [r.number for r in made.replies] == [
        n for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant"
    ]


def test_other_tokens_are_found_at_their_place(told):
    studio, data = told
    number, message = next(
        (n, m) for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant"
    )
    tokens = list(message["tokens"])
    tokens[5] = tokens[5] + 1
    model = studio.model
    text = b"".join(map(model.piece, tokens)).decode()
    made = replay(studio, forged(data, number, tokens=tokens, text=text))
    first = made.first_difference
    assert (first.number, first.difference.position) == (number, 5)
    assert message["text"].startswith(first.difference.before + first.difference.got[:3])
    assert text[len(first.difference.before) :].startswith(first.difference.expected[:3])
    assert not made.complete


def test_other_words_over_the_same_tokens_are_found(told):
    studio, data = told
    number, message = next(
        (n, m) for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant"
    )
    made = replay(studio, forged(data, number, text=message["text"][:-9] + "something."))
    assert made.first_difference.number == number
    assert made.first_difference.difference.expected == "something."


def test_a_longer_text_than_was_written_before_the_stop_is_found(told):
    studio, data = told
    number, message = next(
        (n, m) for n, m in enumerate(data["messages"], 1) if m["status"] == "stopped"
    )
    made = replay(studio, forged(data, number, text=message["text"] + " never said this"))
    assert made.first_difference.number == number


def test_another_seed_or_profile_is_found(told):
    studio, data = told
    number = next(n for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant")
    assert replay(studio, forged(data, number, seed=99)).first_difference.number == number


def test_an_altered_transcript_is_refused(told):
    studio, data = told
    data = copy.deepcopy(data)
    data["messages"][1]["text"] = "No."
    with pytest.raises(TranscriptError, match="was altered"):
        replay(studio, data)


def test_a_vector_that_cannot_be_made_again_is_said(told):
    studio, data = told
    number = next(n for n, m in enumerate(data["messages"], 1) if m.get("vector"))
    message = data["messages"][number - 1]
    steering = {**message["steering"], "vidb": "another one"}
    made = replay(studio, forged(data, number, vector="ab" * 8, steering=steering))
    lost = {reply.number: reply for reply in made.of("not possible")}
    assert "another one" in lost[number].why
    assert studio.vidb.version in lost[number].why
    assert not made.complete


def test_a_vector_that_comes_out_a_little_otherwise_is_tried_and_said(told):
    studio, data = told
    number = next(n for n, m in enumerate(data["messages"], 1) if m.get("vector"))
    made = replay(studio, forged(data, number, vector="ab" * 8))
    assert made.complete, made
    found = next(reply for reply in made.replies if reply.number == number)
    assert "last digits" in found.why


def test_a_model_that_is_not_here_is_said(told):
    studio, data = told
    number = next(n for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant")
    model = {"name": "far-away-4B", "sha256": "cd" * 32}
    made = replay(studio, forged(data, number, model=model))
    assert "far-away-4B" in made.replies[0].why
    assert "--model" in made.replies[0].why


def test_compared_replies_come_out_the_same(studio):
    list(compare(studio, QUESTION, [KIND, PLAIN, BOTH, KIND], seed=4))
    made = replay(studio, transcript(studio.database, only_conversation(studio.database)))
    assert states(made) == ["same"] * 4, made


def test_on_the_command_line(told, tmp_path, random_model_path):
    """The settings' model is another one: the reply's own is found among those that are known."""
    _, data = told
    number = next(n for n, m in enumerate(data["messages"], 1) if m["role"] == "assistant")
    lines = forged(data, number, seed=99)
    file = tmp_path / "talk.jsonl"
    head = {key: item for key, item in lines.items() if key != "messages"}
    file.write_text("".join(json.dumps(line) + "\n" for line in (head, *lines["messages"])))
    said = run("replay", str(file), "--model", str(random_model_path), code=1).stdout
    assert f"Message {number} " in said
    assert "from token" in said
    assert "of 7 replies came out the same" in said


def test_the_report_as_json(database, tmp_path):
    id = new_talk(database)
    _, reply = say(database, id, "a", "b")
    edit_reply(database, reply, "c")
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(transcript(database, id)))
    report = json.loads(run("replay", str(file), "--json", code=1).stdout)
    assert (report["same"], report["not_possible"], report["passed_over"]) == (0, 1, 1)
    assert report["first_difference"] is None
    assert "builtin-chat (checksum abababababab)" in report["replies"][0]["why"]


def test_a_file_that_is_no_transcript(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text("{}")
    assert str(file) in one_sentence(run("replay", str(file), code=1))
