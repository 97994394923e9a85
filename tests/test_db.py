import os
import sqlite3
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from chat_app.chat.conversations import list_conversations
from chat_app.db.conversations import branch, newest_leaf, tree
from chat_app.db.database import DatabaseError, open_database
from chat_app.db.tables import Conversation, Message, now


def url(path):
    return f"sqlite:///{path}"


@pytest.fixture
def database(tmp_path):
    opened = open_database(url(tmp_path / "valueflow.db"))
    yield opened
    opened.close()


def add(database, **fields):
    with database.write() as session:
        conversation = Conversation(title="A talk", **fields)
        session.add(conversation)
        session.flush()
        return conversation.id


def test_the_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "valueflow.db"
    open_database(url(path)).close()
    assert path.is_file()


def test_the_journal_keys_and_waiting_are_as_they_should_be(database):
    with database.engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert pragma == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 1,
        "busy_timeout": 5000,
    }


def test_what_was_written_is_there_after_opening_again(database):
    made = now()
    id = add(database, created=made)
    database.close()
    again = open_database(url(database.place))
    with again.read() as session:
        found = session.get(Conversation, id)
    assert found.title == "A talk"
    assert found.created == made
    assert found.created.utcoffset().total_seconds() == 0


def test_an_up_to_date_database_opens_without_alembic(database):
    code = (
        "import sys; from chat_app.db.database import open_database;"
        f"open_database({url(database.place)!r}).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_error_in_a_write_leaves_everything_as_it_was(database):
    def fail():
        with database.write() as session:
            session.add(Conversation(title="never"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list_conversations(database) == []


def test_a_message_needs_its_conversation(database):
    with pytest.raises(DatabaseError, match="FOREIGN KEY"), database.write() as session:
        session.add(Message(conversation_id="none", role="user", text="", status="finished"))


def test_a_deleted_conversation_takes_its_messages_along(database):
    id = add(database)
    with database.write() as session:
        session.add(Message(conversation_id=id, role="user", text="hi", status="finished"))
    with database.write() as session:
        session.delete(session.get(Conversation, id))
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count(Message.id))) == 0


def test_branches_of_a_tree(database):
    id = add(database)
    with database.write() as session:
        for name, parent in (("q", None), ("a1", "q"), ("a2", "q"), ("b", "a1"), ("c", "a2")):
            session.add(
                Message(
                    id=name,
                    conversation_id=id,
                    parent_id=parent,
                    role="user",
                    text=name,
                    status="finished",
                )
            )
            session.flush()
    with database.read() as session:
        messages = tree(session, id)
    seen = set()
    for message in messages:
        assert message.parent_id is None or message.parent_id in seen
        seen.add(message.id)
    assert [m.id for m in branch(messages, "c")] == ["q", "a2", "c"]
    assert branch(messages, None) == []
    assert newest_leaf(messages, "a1") == "b"


def test_many_threads_write_and_nothing_is_lost(database):
    def write():
        for _ in range(10):
            add(database)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_conversations(database)) == 40


def test_what_is_read_in_a_write_is_still_so_when_it_is_written(database):
    id = add(database)
    with database.write() as session:
        session.get(Conversation, id).title = "0"

    def count():
        for _ in range(10):
            with database.write() as session:
                conversation = session.get(Conversation, id)
                conversation.title = str(int(conversation.title) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [c.title for c in list_conversations(database)] == ["40"]


def test_reading_goes_on_while_another_writes(database):
    add(database)
    with database.write() as session:
        session.add(Conversation(title="second"))
        session.flush()
        assert len(list_conversations(database)) == 1
    assert len(list_conversations(database)) == 2


# --- what can be wrong: one sentence each, and what was stored stays


def refused(path):
    with pytest.raises(DatabaseError) as caught:
        open_database(url(path))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_a_newer_version_is_refused_and_left_alone(database):
    id = add(database)
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    assert "newer version" in refused(database.place)
    rows = sqlite3.connect(database.place).execute("SELECT id FROM conversations").fetchall()
    assert rows == [(id,)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "valueflow.db"
    path.write_text("my shopping list, which is long enough to be a page " * 50)
    before = path.read_bytes()
    assert "is not a database" in refused(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "valueflow.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name)")
    other.close()
    assert "another program" in refused(path)
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("recipes",)]


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "here").write_text("")
    with pytest.raises(DatabaseError, match=r"data folder .*here cannot be made"):
        open_database(url(tmp_path / "here" / "valueflow.db"))


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "valueflow.db").mkdir()
    assert "cannot be opened" in refused(tmp_path / "valueflow.db")


@pytest.mark.parametrize("bad", ["not a url", "nosuch://x", "sqlite://", "sqlite:///:memory:"])
def test_a_bad_url_is_one_sentence(bad):
    with pytest.raises(DatabaseError) as caught:
        open_database(bad)
    assert "\n" not in str(caught.value)


def test_a_database_that_another_program_holds(database, monkeypatch):
    other = sqlite3.connect(database.place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    with pytest.raises(DatabaseError, match="in use by another program"):
        add(database)
    other.execute("ROLLBACK")
    add(database)


def test_a_full_disk_is_said_and_nothing_stored_is_lost(database):
    add(database)
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DatabaseError, match=r"disk with .*valueflow.db is full"):
        add(database, profile={"long": "x" * 100_000})
    assert [c.title for c in list_conversations(database)] == ["A talk"]


OPEN = """
import os, resource, sys
sys.path.insert(0, os.getcwd())
from chat_app.db.database import open_database
from chat_app.db.tables import Conversation
from chat_app.errors import ValueflowError
{before}
try:
    database = open_database(sys.argv[1])
    with database.write() as session:
        session.add(Conversation(title="x" * {size}))
    print("opened")
except ValueflowError as error:
    print(error)
"""


def in_a_process(path, *, before="", size=1):
    code = OPEN.format(before=before, size=size)
    command = [sys.executable, "-c", code, url(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


# Root may write everywhere, so the process becomes someone else once its imports are done.
NOBODY = "import alembic.command, alembic.config\nos.getuid() == 0 and os.setuid(65534)"


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
class TestReadOnly:
    def test_a_file(self, database, tmp_path):
        add(database)
        database.close()
        for path in tmp_path.iterdir():
            path.chmod(0o444)
        tmp_path.chmod(0o777)
        _open_to_all(tmp_path.parent)
        said = in_a_process(database.place, before=NOBODY)
        assert (said.count(".") and "cannot be written" in said) or "not written" in said
        assert len(list_conversations(database)) == 1

    def test_a_folder(self, database, tmp_path):
        database.close()
        tmp_path.chmod(0o555)
        _open_to_all(tmp_path.parent)
        said = in_a_process(database.place, before=NOBODY)
        assert "VALUEFLOW_HOME" in said
        assert "\n" not in said

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        tmp_path.chmod(0o555)
        _open_to_all(tmp_path.parent)
        said = in_a_process(tmp_path / "new" / "valueflow.db", before=NOBODY)
        assert "cannot be made (Permission denied): set VALUEFLOW_HOME" in said


def _open_to_all(folder):
    """pytest's folders are for their owner alone."""
    while folder.name.startswith("pytest-") or folder.name.startswith("test_"):
        folder.chmod(0o755)
        folder = folder.parent


@pytest.mark.skipif(os.name != "posix", reason="limits as POSIX has them")
def test_a_disk_that_takes_no_more(database):
    add(database)
    database.close()
    size = os.path.getsize(database.place)
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    said = in_a_process(database.place, before=limit, size=500_000)
    assert "is the disk full" in said
    assert "\n" not in said
    assert [c.title for c in list_conversations(open_database(url(database.place)))] == ["A talk"]
