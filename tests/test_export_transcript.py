import copy
import json

import jsonschema
import pytest

from chat_app.chat import chain
from chat_app.chat.conversations import open_conversation
from chat_app.chat.export import export_conversation
from chat_app.chat.revise import rate
from chat_app.chat.transcript import (
    TranscriptError,
    import_transcript,
    read_transcript,
    transcript,
    verify_transcript,
)
from chat_app.db.database import open_database
from chat_app.settings import data_path
from tests.talks import measure, new_talk, say


@pytest.fixture
def other(tmp_path):
    """The database of someone else."""
    opened = open_database(f"sqlite:///{tmp_path / 'other' / 'valueflow.db'}")
    yield opened
    opened.close()


@pytest.fixture
def talk(database):
    """Two branches: a question with two follow-ups."""
    id = new_talk(database, "Geld — für wen?")
    _, first = say(database, id, "Should I lend my brother money?", "Yes, if he needs it.")
    measure(database, first, "svt/benevolence", 5.25)
    say(database, id, "Why?", "He is family.\u2028Really.")
    say(database, id, "What if he says no?", 'Then "let it be".', parent=first)
    return id


@pytest.fixture
def data(database, talk):
    return json.loads(export_conversation(database, talk, "json"))


def sealed(data):
    """``data`` with its own hash made anew, as a forger would."""
    rest = {key: item for key, item in data.items() if key != "hash"}
    return {**rest, "hash": chain.sha256(rest)}


def schema():
    path = data_path("chat_app", "chat", "transcript.schema.json")
    return json.loads(path.read_text())


def test_a_transcript_is_as_its_schema_says(data):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(data, schema())


def test_it_holds_every_branch_and_what_each_reply_was_made_with(data):
    messages = data["messages"]
    assert [m["text"] for m in messages if m["role"] == "user"] == [
        "Should I lend my brother money?",
        "Why?",
        "What if he says no?",
    ]
    assert messages[2]["parent"] == messages[4]["parent"] == messages[1]["id"]
    assert messages[4]["parent_hash"] == messages[1]["hash"]
    assert data["conversation"]["shown"] == messages[5]["id"]
    reply = messages[1]
    assert reply["profile"]["targets"] == {"svt/benevolence": 8, "svt/power": -4}
    assert reply["steering"]["coefficients"] == {"svt/benevolence": 0.8}
    assert (reply["vector"], reply["seed"], reply["tokens"]) == ("0123456789abcdef", 7, [1, 2, 3])
    assert reply["model"] == {"name": "builtin-chat", "sha256": "ab" * 32}
    assert reply["timings"] == {"ttft_s": 0.25, "seconds": 1.0}
    (score,) = reply["scores"]
    assert (score["target"], score["intensity"], score["stderr"]) == (8, 5.25, 0.75)
    assert score["windows"] == [{"anchors": ["a", "b"], "place": 1, "order": [0, 2, 1]}]


def test_what_was_not_altered_has_no_problems(data):
    assert verify_transcript(data) == []


def test_a_program_that_writes_numbers_in_its_own_way_alters_nothing(data):
    text = json.dumps(data).replace(": 8.0", ": 8").replace(": 1.0", ": 1")
    assert text != json.dumps(data)
    assert verify_transcript(json.loads(text)) == []


ALTERATIONS = {
    "text": "No.",
    "role": "system",
    "status": "stopped",
    "created": "2020-01-01T00:00:00.000Z",
    "seed": 8,
    "tokens": [1, 2, 4],
    "vector": "0" * 16,
    "finish": "length",
    "timings": {"ttft_s": 0.25},
}


@pytest.mark.parametrize("key", ALTERATIONS)
@pytest.mark.parametrize("sealing", [False, True])
def test_the_message_that_was_altered_is_the_first_that_is_named(data, key, sealing):
    data["messages"][3][key] = ALTERATIONS[key]
    found = verify_transcript(sealed(data) if sealing else data)
    assert len(found) == 1
    assert found[0].startswith(f"Message 4 ({data['messages'][3]['role']}, ")
    assert "was altered" in found[0]


def test_a_message_that_was_altered_with_its_hash_breaks_the_chain(data):
    message = data["messages"][1]
    message["text"] = "No."
    outside = ("id", "parent", "parent_hash", "hash", "scores", "vote")
    content = {k: v for k, v in message.items() if k not in outside}
    message["hash"] = chain.digest(content, message["parent_hash"])
    first, second = verify_transcript(data)
    assert first.startswith("Message 3 ")
    assert "does not continue" in first
    assert second.startswith("Message 5 ")


def test_a_message_that_was_taken_out_is_missed(data):
    del data["messages"][1]
    assert "does not stand before it" in verify_transcript(data)[0]
    del data["messages"][1:]
    assert "beside the messages" in verify_transcript(data)[0]


@pytest.mark.parametrize("part", ["score", "title", "shown"])
def test_what_no_message_hash_covers_is_covered_by_the_whole(data, part):
    if part == "score":
        data["messages"][1]["scores"][0]["intensity"] = 9.5
    else:
        data["conversation"][part] = data["messages"][3]["id"]
    assert "beside the messages" in verify_transcript(data)[0]


def test_a_place_that_is_not_as_the_schema_says_is_named(data):
    data["messages"][2]["status"] = "happy"
    (found,) = verify_transcript(data)
    assert found.startswith("messages.2.status is not as valueflow.transcript/1 has it")


@pytest.mark.parametrize("thing", [None, 3, "messages", [], [None], {"a": [{}]}, float("nan")])
@pytest.mark.parametrize("key", ["format", "conversation", "messages", "hash"])
def test_whatever_is_given_is_judged_in_a_sentence(data, key, thing):
    (found,) = verify_transcript({**data, key: thing})
    assert found.endswith(".")
    assert "\n" not in found


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_what_was_exported_is_read_back_the_same(database, other, talk, form):
    text = export_conversation(database, talk, form)
    assert import_transcript(other, text) == talk
    assert transcript(other, talk) == transcript(database, talk)
    assert open_conversation(other, talk) == open_conversation(database, talk)


@pytest.mark.parametrize("vote", [1, -1])
def test_a_vote_comes_along_outside_the_hashes_of_messages(database, other, talk, vote):
    before = transcript(database, talk)
    reply = before["messages"][1]["id"]
    rate(database, reply, vote)
    data = transcript(database, talk)
    assert data["messages"][1]["vote"] == vote
    assert [m["hash"] for m in data["messages"]] == [m["hash"] for m in before["messages"]]
    assert verify_transcript(data) == verify_transcript(before) == []
    import_transcript(other, data)
    assert open_conversation(other, talk).messages[1].vote == vote
    assert transcript(other, talk) == data
    data["messages"][1]["vote"] = -vote
    assert "a vote" in verify_transcript(data)[0]
    rate(database, reply, 0)
    assert transcript(database, talk) == before


def test_where_ids_are_taken_all_are_new_and_the_hashes_stay(database, talk):
    copied = import_transcript(database, transcript(database, talk))
    assert copied != talk
    one, two = transcript(database, talk), transcript(database, copied)
    assert [m["hash"] for m in one["messages"]] == [m["hash"] for m in two["messages"]]
    assert not {m["id"] for m in one["messages"]} & {m["id"] for m in two["messages"]}
    assert verify_transcript(two) == []
    texts = [[m.text for m in open_conversation(database, id).messages] for id in (talk, copied)]
    assert texts[0] == texts[1]


def test_a_conversation_without_messages_comes_back(database, other):
    id = new_talk(database)
    for form in ("json", "jsonl"):
        text = export_conversation(database, id, form)
        copied = import_transcript(other, text)
        assert open_conversation(other, copied).title == "A talk"


def test_an_altered_transcript_is_not_stored(other, data):
    data["messages"][0]["text"] = "Should I rob my brother?"
    with pytest.raises(TranscriptError, match=r"not stored. Message 1 .* was altered"):
        import_transcript(other, data)
    assert other.describe().endswith("0 conversations, 0 messages")


def test_a_profile_of_another_time_is_not_stored(other, data):
    data["conversation"]["profile"]["targets"]["svt/kindliness"] = 3
    with pytest.raises(TranscriptError, match="svt/kindliness"):
        import_transcript(other, sealed(data))
    assert other.describe().endswith("0 conversations, 0 messages")


def test_a_date_that_is_none_is_not_stored(other, data):
    data["conversation"]["created"] = "2026-13-45T00:00:00.000Z"
    with pytest.raises(TranscriptError, match="date"):
        import_transcript(other, sealed(data))


@pytest.mark.parametrize("bad", ["\0", "\ud800"])
def test_characters_that_cannot_be_stored_are_refused(other, data, bad):
    data["conversation"]["title"] = f"A {bad} talk"
    with pytest.raises(TranscriptError, match="characters"):
        import_transcript(other, sealed(copy.deepcopy(data)))


def test_the_letters_of_an_escape_are_letters(database, other):
    id = new_talk(database)
    say(database, id, "What is \\u0000 and \\ud800?", "A way to write characters.")
    assert import_transcript(other, export_conversation(database, id, "json")) == id


def test_a_reply_that_was_being_written_comes_back_as_stopped(database, other):
    id = new_talk(database)
    say(database, id, "a", "b")
    say(database, id, "c", "half a", finished=False)
    data = transcript(database, id)
    assert data["messages"][3]["hash"] is None
    assert verify_transcript(data) == []
    import_transcript(other, data)
    assert open_conversation(other, id).messages[3].status == "stopped"
    assert verify_transcript(transcript(other, id)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither JSON nor JSONL|empty"),
        ("hello", "neither JSON nor JSONL"),
        ("[1]", "not a JSON object"),
        ('{"format": "valueflow.profile/1"}', "format is 'valueflow.profile/1'"),
        ('{"format": "valueflow.transcript/1"}\n{"id": ', "line 2"),
        ('{"format": NaN}', "not one we write"),
        ("[" * 100_000, "not one we write"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(text, said):
    with pytest.raises(TranscriptError, match=said) as caught:
        read_transcript(text)
    assert "\n" not in str(caught.value)


def test_a_number_too_large_for_json_is_refused(data):
    text = json.dumps(data).replace("5.25", "1e999")
    assert verify_transcript(read_transcript(text))
