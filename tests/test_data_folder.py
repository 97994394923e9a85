"""All that is stored at once: copied, exported, deleted; on the command line too."""

import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from chat_app.chat.conversations import list_conversations
from chat_app.chat.data_folder import (
    back_up,
    backups,
    delete_everything,
    erased_words,
    export_everything,
    parts,
    size_words,
)
from chat_app.chat.profiles import list_profiles, save_profile
from chat_app.chat.transcript import import_transcript, verify_transcript
from chat_app.db.database import Database, open_database
from chat_app.db.errors import DatabaseError
from chat_app.db.tables import Message, new_id
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from chat_app.values.profile import Profile
from tests.command_line import one_sentence, run
from tests.talks import KIND, measure, new_talk, say

SECRET = "The spare key lies under the blue pot."


@pytest.fixture
def told(database: Database) -> Database:
    """Two conversations, one of them scored, and two profiles."""
    talk = new_talk(database, "Keys")
    _, reply = say(database, talk, SECRET, "Noted.")
    measure(database, reply, "svt/power", -3.0)
    say(database, new_talk(database, "Other"), "Hello.", "Hello to you.")
    save_profile(database, KIND)
    save_profile(database, Profile("../=1+1 \u00fc", {"svt/face": 2}))
    return database


def test_a_backup_is_a_whole_database_of_its_own(told: Database):
    made = back_up(settings(), told)
    again = back_up(settings(), told)  # within the same second, too
    assert [each.path for each in backups(settings())] == sorted(
        [made.path, again.path], key=lambda path: path.name, reverse=True
    )
    assert made.path.parent.name == "backups"
    assert {path.suffix for path in made.path.parent.iterdir()} == {".db"}
    copy = open_database(f"sqlite:///{made.path}")
    assert {c.title for c in list_conversations(copy)} == {"Keys", "Other"}
    copy.close()
    assert {part.what for part in parts(settings())} >= {"Backups"}


def test_a_backup_that_cannot_be_written_is_one_sentence(told: Database, home: Path):
    (home / "backups").write_text("in the way")
    with pytest.raises(DatabaseError, match="backups"):
        back_up(settings(), told)


def test_everything_is_exported_and_comes_back(told: Database, tmp_path: Path):
    path, seen = tmp_path / "all.zip", []
    assert export_everything(told, path, lambda done, of: seen.append((done, of))) == 2
    assert seen == [(1, 2), (2, 2)]
    fresh = open_database(f"sqlite:///{tmp_path / 'fresh.db'}")
    with zipfile.ZipFile(path) as zip:
        assert zip.testzip() is None
        names = zip.namelist()
        assert all(not name.startswith(("/", "..")) and ".." not in name for name in names)
        for name in (n for n in names if n.startswith("conversations/")):
            data = json.loads(zip.read(name))
            assert verify_transcript(data) == []
            import_transcript(fresh, data)
        profiles = [json.loads(zip.read(n)) for n in names if n.startswith("profiles/")]
    assert {c.title for c in list_conversations(fresh)} == {"Keys", "Other"}
    assert {p["name"] for p in profiles} == {p.name for p in list_profiles(told)}
    fresh.close()


def test_deleting_everything_leaves_no_word_in_the_files(told: Database, home: Path):
    back_up(settings(), told)
    erased = delete_everything(settings(), told)
    assert (erased.conversations, erased.messages, erased.scores, erased.profiles) == (2, 4, 1, 2)
    assert erased_words(erased) == (
        "Deleted 2 conversations with 4 messages and 1 score, and 2 profiles."
    )
    assert list_conversations(told) == []
    for file in home.glob("valueflow.db*"):
        assert SECRET.encode() not in file.read_bytes()
    assert len(backups(settings())) == 1
    assert delete_everything(settings(), told, copies=True).files == 1
    assert backups(settings()) == []
    say(told, new_talk(told), "Hello again.", "Hello.")
    assert len(list_conversations(told)) == 1


def test_a_conversation_of_any_length_can_be_deleted(database: Database):
    talk, parent = new_talk(database), None
    with database.write() as session:
        for _ in range(1500):
            message = Message(
                id=new_id(), conversation_id=talk, parent_id=parent, role="user", text="x",
                status="finished",
            )  # fmt: skip
            session.add(message)
            session.flush()
            parent = message.id
    assert delete_everything(settings(), database).messages == 1500


def test_sizes_in_words():
    assert [size_words(n) for n in (0, 999, 1000, 999_499, 999_501, 2_500_000)] == [
        "0 bytes", "999 bytes", "1.0 kB", "999 kB", "1.0 MB", "2.5 MB",
    ]  # fmt: skip


def test_the_three_doors_on_the_command_line(told: Database, home: Path, tmp_path: Path):
    path = Path(run("backup").stdout.strip())
    with sqlite3.connect(path) as copy:
        assert copy.execute("SELECT count(*) FROM messages").fetchone() == (4,)
    out = tmp_path / "all.zip"
    assert run("export", "--all", "--out", str(out)).stdout.strip() == str(out)
    assert len(zipfile.ZipFile(out).namelist()) == 5
    assert "--yes" in one_sentence(run("delete-everything", code=1))
    assert len(list_conversations(told)) == 2
    assert "2 conversations" in run("delete-everything", "--yes").stdout
    assert list_conversations(told) == []
    run("export", code=2)


def test_a_database_on_a_server_is_backed_up_by_its_own_means(told: Database):
    class Elsewhere(Database):
        @property
        def url(self):
            return super().url.set(drivername="postgresql+psycopg")

    with pytest.raises(ValueflowError, match="pg_dump"):
        back_up(settings(), Elsewhere(told.engine))
