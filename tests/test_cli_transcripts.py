"""Conversations as files, and what happens to a data folder that is not as it should be."""

import json
import socket
import sqlite3

import pytest

from chat_app.chat.scoring import score_message
from chat_app.chat.send import Finished, Started, send
from chat_app.chat.studio import Studio
from chat_app.llm.sampling import Sampling
from chat_app.settings import settings
from chat_app.values.profile import Profile
from tests.command_line import one_sentence, run


@pytest.fixture(scope="module")
def told(tmp_path_factory, shared_studio):
    """A data folder with one conversation of two turns, the first one scored; and its id."""
    home = tmp_path_factory.mktemp("told")
    studio = Studio(settings(home=home))
    for part in ("directions", "evaluator"):
        getattr(shared_studio, part)
    studio._parts |= shared_studio._parts
    kind = Profile("kind", {"svt/benevolence": 6})
    sampling = Sampling(seed=1, max_tokens=24)
    started, *_, ended = send(studio, "Should I lend my brother money?", kind, sampling=sampling)
    assert isinstance(started, Started)
    assert isinstance(ended, Finished)
    assert ended.status == "finished"
    score_message(studio, ended.message_id)
    id = started.conversation_id
    list(send(studio, "Why?", kind, conversation_id=id, sampling=sampling))
    studio.database.close()
    return home, id


def test_conversations_are_listed(told):
    home, id = told
    (listed,) = json.loads(run("conversations", "--json", home=home).stdout)
    assert listed["id"] == id
    assert listed["messages"] == 4
    assert id in run("conversations", home=home).stdout


def test_conversations_are_found_and_put_in_order(told, tmp_path):
    _, id = told
    (found,) = json.loads(
        run("conversations", "search", "lend", "bro", "--json", home=told[0]).stdout
    )
    assert found["id"] == id
    # The question or the reply, whichever speaks of it more.
    assert "lend" in found["text"].lower()
    assert "brother" in found["text"]
    home = tmp_path / "own"
    file = tmp_path / "talk.jsonl"
    run("export", id, "--format", "jsonl", "--out", str(file), home=told[0])
    id = run("conversations", "import", str(file), home=home).stdout.strip()

    def listed(*args):
        return json.loads(run("conversations", "list", *args, "--json", home=home).stdout)

    run("conversations", "rename", id, "On lending", home=home)
    run("conversations", "pin", id, home=home)
    tags = run("conversations", "tag", id, "--add", "money", "--add", "family", home=home).stdout
    assert "family, money" in tags
    run("conversations", "tag", id, "--remove", "family", home=home)
    run("conversations", "archive", id, home=home)
    (one,) = listed("--archived", "--tag", "money")
    assert (one["title"], one["pinned"], one["tags"]) == ("On lending", True, ["money"])
    assert listed("--tag", "family") == []
    assert "#money" in run("conversations", home=home).stdout
    said = run("conversations", "delete", id, home=home).stderr
    assert f"restore {id}" in said
    assert listed() == []
    assert id in one_sentence(run("export", id, code=1, home=home))
    run("conversations", "restore", id, home=home)
    assert [c["id"] for c in listed()] == [id]


def test_export_verify_import_is_a_round_trip(told, tmp_path):
    home, id = told
    file = tmp_path / "talk.json"
    run("export", id, "--out", str(file), home=home)
    assert "as it was written" in run("verify", str(file), home=home).stdout
    transcript = json.loads(file.read_text())
    assert transcript["format"] == "valueflow.transcript/1"

    elsewhere = tmp_path / "elsewhere"
    imported = run("import", str(file), home=elsewhere).stdout.strip()
    again = json.loads(run("export", imported, home=elsewhere).stdout)
    assert again["messages"] == transcript["messages"]


@pytest.mark.parametrize("format", ["json", "jsonl", "md", "csv", "html"])
def test_every_format_holds_what_was_said(told, format):
    home, id = told
    assert "lend my brother money" in run("export", id, "--format", format, home=home).stdout


def test_an_altered_transcript_is_found_and_refused(told, tmp_path):
    home, id = told
    text = run("export", id, home=home).stdout
    file = tmp_path / "altered.json"
    file.write_text(text.replace("lend my brother money", "give my brother money"))
    said = run("verify", str(file), code=1, home=home).stderr
    assert "altered.json" in said
    report = json.loads(run("verify", str(file), "--json", code=1, home=home).stdout)
    assert report["problems"]
    one_sentence(run("import", str(file), code=1, home=tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["export", "01NOBODY"], "01NOBODY"),
        (["verify", "missing.json"], "missing.json"),
        (["verify", "README.md"], "README.md"),
        (["import", "README.md"], "README.md"),
    ],
)
def test_bad_transcripts_get_one_sentence(args, said):
    assert said in one_sentence(run(*args, code=1))


# Data folders that are not as they should be


def test_doctor_finds_nothing_wrong():
    report = json.loads(run("doctor", "--json").stdout)
    assert report["problems"] == []
    topics = {finding["topic"] for finding in report["findings"]}
    assert {"llama.cpp", "torch device", "data folder", "database", "chat model"} <= topics


def test_doctor_names_what_is_wrong(tmp_path):
    home = tmp_path / "a-file"
    home.write_text("in the way")
    done = run("doctor", "--model", "missing.gguf", code=1, home=home)
    assert "missing.gguf" in done.stdout
    assert str(home) in done.stdout
    assert "Traceback" not in done.stderr


def test_a_database_of_a_newer_version_is_left_alone(home):
    run("profile", "save", "kind", "--set", "benevolence=8")
    file = home / "valueflow.db"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in one_sentence(run("profile", "list", code=1))
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM profiles").fetchone() == (1,)


def test_a_data_folder_that_is_a_file(tmp_path):
    home = tmp_path / "a-file"
    home.write_text("in the way")
    assert str(home) in one_sentence(run("profile", "list", code=1, home=home))


def test_a_port_in_use():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = one_sentence(run("--port", str(port), "--no-browser", code=1))
    assert str(port) in said


@pytest.mark.parametrize("variable", ["VALUEFLOW_PORT", "VALUEFLOW_N_CTX"])
def test_a_bad_setting_is_named(monkeypatch, variable):
    monkeypatch.setenv(variable, "many")
    assert variable in one_sentence(run("score", "hello", code=1))
