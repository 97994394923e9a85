"""Each revision is reached from every earlier one with rows in it, and nothing of them is lost."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from chat_app.chat.browse import Browsing, browse
from chat_app.db.database import open_database
from chat_app.db.revisions import known_revisions
from chat_app.db.tables import Base
from chat_app.settings import data_path

# Rows as the program of each revision wrote them. A new revision adds its own.
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "0001": {
        "conversations": {
            "id": "01JD0000000000000000000001",
            "title": "Money — für wen?",
            "created": "2026-01-02 03:04:05.678000",
            "updated": "2026-01-02 03:04:05.678000",
            "leaf_id": "01JD0000000000000000000002",
            "profile": '{"format": "valueflow.profile/1", "name": "kind", '
            '"targets": {"svt/benevolence": 8.0}}',
        },
        "messages": {
            "id": "01JD0000000000000000000002",
            "conversation_id": "01JD0000000000000000000001",
            "role": "user",
            "text": "Should I lend my brother money?",
            "status": "finished",
            "created": "2026-01-02 03:04:05.678000",
            "hash": "0" * 64,
        },
        "scores": {
            "id": "01JD0000000000000000000003",
            "message_id": "01JD0000000000000000000002",
            "value": "svt/benevolence",
            "target": 8.0,
            "intensity": 5.25,
            "stderr": 0.5,
            "ranker": "hives 0123",
            "vidb_version": "0123456789ab",
            "windows": "[]",
            "created": "2026-01-02 03:04:05.678000",
        },
        "profiles": {
            "id": "01JD0000000000000000000004",
            "name": "kind",
            "profile": '{"format": "valueflow.profile/1", "name": "kind", "targets": {}}',
            "created": "2026-01-02 03:04:05.678000",
            "updated": "2026-01-02 03:04:05.678000",
        },
    }
}
ROWS["0002"] = ROWS["0001"] | {
    "calibrations": {
        "id": "01JD0000000000000000000005",
        "key": "0" * 64,
        "model_sha256": "ab" * 32,
        "method": "vector",
        "basis": '{"model_name": "builtin-chat", "method": "vector"}',
        "how": '{"replies": 1}',
        "finished": None,
        "created": "2026-01-02 03:04:05.678000",
        "updated": "2026-01-02 03:04:05.678000",
    },
    "calibration_cells": {
        "id": "01JD0000000000000000000006",
        "calibration_id": "01JD0000000000000000000005",
        "value": "svt/benevolence",
        "coefficient": -0.25,
        "steered_by": "0123456789abcdef",
        "scores": '{"svt/benevolence": [-4.5, -6.0]}',
        "surprise": 1.25,
        "created": "2026-01-02 03:04:05.678000",
    },
}
ROWS["0003"] = ROWS["0002"] | {
    "conversations": ROWS["0002"]["conversations"]
    | {"pinned": "2026-01-03 03:04:05.678000", "archived": None, "deleted": None},
    "conversation_tags": {"conversation_id": "01JD0000000000000000000001", "tag": "família"},
}

ROWS["0004"] = ROWS["0003"] | {
    "profile_versions": {
        "id": "01JD0000000000000000000009",
        "profile_id": "01JD0000000000000000000004",
        "profile": '{"format": "valueflow.profile/1", "name": "kind", "targets": {}}',
        "created": "2026-01-01 03:04:05.678000",
    },
}


def config(connection):
    made = Config()
    made.set_main_option("script_location", str(data_path("migrations")))
    made.attributes["connection"] = connection
    return made


def test_the_file_names_tell_the_revisions_that_alembic_finds(tmp_path):
    script = ScriptDirectory(str(data_path("migrations")))
    found = [revision.revision for revision in script.walk_revisions()][::-1]
    assert found == known_revisions()
    assert script.get_heads() == known_revisions()[-1:]


def test_every_revision_has_rows_to_start_from():
    assert list(ROWS) == known_revisions()


@pytest.mark.parametrize("revision", ROWS)
def test_rows_of_an_earlier_revision_come_through(tmp_path, revision):
    url = f"sqlite:///{tmp_path / 'valueflow.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        command.upgrade(config(connection), revision)
        for table, row in ROWS[revision].items():
            names = ", ".join(f":{name}" for name in row)
            insert = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({names})"
            connection.execute(sa.text(insert), row)
    engine.dispose()

    opened = open_database(url)
    with opened.read() as session:
        for table, row in ROWS[revision].items():
            found = session.execute(sa.text(f"SELECT * FROM {table}")).mappings().one()
            assert {name: found[name] for name in row} == row
    (listed,) = browse(opened, Browsing(words="brother mon")).found
    assert listed.hit is not None
    assert listed.hit.text == (
        ("Should I lend my ", False),
        ("brother", True),
        (" ", False),
        ("mon", True),
        ("ey?", False),
    )
    assert browse(opened, Browsing(words="fur wen")).found != []
    opened.close()


def _declared(name, kind, parents):
    """All but the index of words, which is made of SQLite's own kinds of tables."""
    return kind != "table" or not re.fullmatch(r"search(_\w+)?", name)


def test_the_migrations_make_the_tables_that_the_code_declares(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'valueflow.db'}")
    with opened.engine.connect() as connection:
        options = {"compare_type": True, "include_name": _declared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_down_and_up_again(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'valueflow.db'}")
    with engine.begin() as connection:
        command.upgrade(config(connection), "head")
        command.downgrade(config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        command.upgrade(config(connection), "head")
        assert "messages" in sa.inspect(connection).get_table_names()


def test_a_migration_that_fails_leaves_no_half_made_tables(tmp_path, monkeypatch):
    path = tmp_path / "valueflow.db"
    # A view of that name is no table that anyone looks for, but it is in the way of one.
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW profiles AS SELECT 1")
    with pytest.raises(Exception, match="profiles"):
        open_database(f"sqlite:///{path}")
    assert sa.inspect(engine).get_table_names() == []


def test_opening_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_database(f"sqlite:///{tmp_path / 'valueflow.db'}").close()
