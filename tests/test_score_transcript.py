"""Scores of every reply in a file of conversations: ours, and other programs'."""

import csv
import json

import pytest

from chat_app.chat.replies import replies_in
from chat_app.chat.revise import edit_reply
from chat_app.chat.transcript import TranscriptError, transcript
from chat_app.cli.score_transcript import score_transcript
from tests import other_programs as programs
from tests.command_line import one_sentence, run
from tests.talks import new_talk, say


def test_our_replies_come_with_model_and_targets_and_without_edited_ones(database):
    id = new_talk(database)
    _, reply = say(database, id, "a", "b")
    edit_reply(database, reply, "my own")
    data = transcript(database, id)
    (found,) = replies_in(json.dumps(data))
    assert (found.conversation, found.message, found.text) == (id, 2, "b")
    assert (found.program, found.model) == ("Valueflow Chat", "builtin-chat")
    assert found.targets == {"svt/benevolence": 8, "svt/power": -4}
    data["messages"][1]["text"] = "c"
    with pytest.raises(TranscriptError, match="altered"):
        replies_in(json.dumps(data))


def test_other_programs_replies_come_of_all_branches():
    found = replies_in(programs.chatgpt_zip())
    assert [(r.conversation, r.message, r.text) for r in found] == [
        ("conv-1", 2, "Let me look.\n\nA cat."),
        ("conv-1", 4, "Very kind."),
        ("conv-1", 5, "Not at all."),
        ("conv-1", 7, "Ask it."),
        ("conv-2", 2, "Hello."),
    ]
    assert found[2].model == "gpt-4"
    assert found[4].created is not None
    thinker = {"conversations": [{"from": "gpt", "value": "<think>No!</think>\n\nYes."}]}
    assert [reply.text for reply in replies_in(json.dumps(thinker))] == ["Yes."]
    (_, last) = replies_in(programs.lines(programs.sharegpt()))
    assert (last.conversation, last.created, last.targets) == ("2", None, {})


def test_a_table_of_all_scores(tmp_path):
    file, out = tmp_path / "chats.json", tmp_path / "scores.csv"
    replies = [f"I would help {name}." for name in ("her", "him", "them", "you")]
    turns = [
        {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": reply}]}
        for reply in replies
    ]
    file.write_text(programs.lines(turns))
    done = run("score", "--transcript", str(file), "--out", str(out), "--json")
    report = json.loads(done.stdout)
    assert (report["replies"], report["scores"]) == (4, 128)
    with out.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["text"] for row in rows[::32]] == replies
    assert len({row["value"] for row in rows}) == 32
    kind = next(row for row in rows if row["value"] == "svt/benevolence")
    assert float(kind["intensity"]) > 2
    assert float(kind["low"]) <= float(kind["intensity"]) <= float(kind["high"])


def test_the_values_that_are_named_as_table_and_json(tmp_path, capsys):
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(programs.open_webui()))
    who = {"ranker": "hives", "hives": None, "vidb": None}
    score_transcript(file, None, ["svt/benevolence"], who, {}, "", as_json=False)
    printed = capsys.readouterr().out
    assert "svt/benevolence" in printed
    assert "Yes, if you can." in printed
    assert "±" in printed
    score_transcript(file, None, ["svt/benevolence"], who, {}, "", as_json=True)
    replies = json.loads(capsys.readouterr().out)["replies"]
    assert [reply["text"] for reply in replies] == ["No.", "Yes, if you can.", "I see."]
    assert set(replies[0]["scores"]) == {"svt/benevolence"}


@pytest.mark.parametrize("text", ["{}", '{"messages": [{"role": "user", "content": "Hi"}]}'])
def test_a_file_without_replies_gets_one_sentence(tmp_path, text):
    file = tmp_path / "chats.json"
    file.write_text(text)
    assert str(file) in one_sentence(run("score", "--transcript", str(file), code=1))
