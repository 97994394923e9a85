"""Pinned, archived and deleted conversations, tags, and on SQLite an index of all words.

The index is FTS5 over the titles and the texts of messages. It keeps no copy of them: each row of
``search_rows`` stands for a title (no message) or a message, under a number that stays the same
when the file is compacted, and ``search_texts`` says where its words are. Triggers keep all of it
in step, whoever writes. A reply is found once it has ended.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.String(26)
_TIMES = ("pinned", "archived", "deleted")

_TABLES = (
    """CREATE TABLE search_rows (
        id INTEGER PRIMARY KEY,
        conversation_id VARCHAR(26) NOT NULL,
        message_id VARCHAR(26) UNIQUE
    )""",
    """CREATE UNIQUE INDEX ix_search_rows_title ON search_rows (conversation_id)
        WHERE message_id IS NULL""",
    """CREATE VIEW search_texts AS
        SELECT r.id AS id, coalesce(m.text, c.title) AS text FROM search_rows r
        JOIN conversations c ON c.id = r.conversation_id
        LEFT JOIN messages m ON m.id = r.message_id""",
    """CREATE VIRTUAL TABLE search USING fts5(
        text, content = 'search_texts', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    )""",
)

_OLD_TITLE = """
    INSERT INTO search (search, rowid, text) SELECT 'delete', id, OLD.title FROM search_rows
        WHERE conversation_id = OLD.id AND message_id IS NULL;
    DELETE FROM search_rows WHERE conversation_id = OLD.id AND message_id IS NULL;"""
_NEW_TITLE = """
    INSERT INTO search_rows (conversation_id) VALUES (NEW.id);
    INSERT INTO search (rowid, text) SELECT id, NEW.title FROM search_rows
        WHERE conversation_id = NEW.id AND message_id IS NULL;"""
_OLD_TEXT = """
    INSERT INTO search (search, rowid, text) SELECT 'delete', id, OLD.text FROM search_rows
        WHERE message_id = OLD.id;
    DELETE FROM search_rows WHERE message_id = OLD.id;"""
_NEW_TEXT = """
    INSERT INTO search_rows (conversation_id, message_id)
        SELECT NEW.conversation_id, NEW.id WHERE NEW.status <> 'writing';
    INSERT INTO search (rowid, text) SELECT id, NEW.text FROM search_rows
        WHERE message_id = NEW.id;"""

_TRIGGERS = {
    "search_title_made": ("INSERT ON conversations", _NEW_TITLE),
    "search_title_changed": ("UPDATE OF title ON conversations", _OLD_TITLE + _NEW_TITLE),
    "search_title_gone": ("DELETE ON conversations", _OLD_TITLE),
    "search_text_made": ("INSERT ON messages", _NEW_TEXT),
    "search_text_changed": ("UPDATE OF text, status ON messages", _OLD_TEXT + _NEW_TEXT),
    "search_text_gone": ("DELETE ON messages", _OLD_TEXT),
}

_FILL = (
    "INSERT INTO search_rows (conversation_id) SELECT id FROM conversations",
    """INSERT INTO search_rows (conversation_id, message_id)
        SELECT conversation_id, id FROM messages WHERE status <> 'writing'""",
    "INSERT INTO search (search) VALUES ('rebuild')",
)


def upgrade() -> None:
    for name in _TIMES:
        op.add_column("conversations", sa.Column(name, sa.DateTime))
    op.create_table(
        "conversation_tags",
        sa.Column(
            "conversation_id",
            _ID,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("tag", sa.Text, primary_key=True),
    )
    op.create_index("ix_conversation_tags_tag", "conversation_tags", ["tag"])
    if op.get_bind().dialect.name == "sqlite":
        triggers = (
            f"CREATE TRIGGER {name} AFTER {event} BEGIN {what} END"
            for name, (event, what) in _TRIGGERS.items()
        )
        _run(*_TABLES, *triggers, *_FILL)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _run(*(f"DROP TRIGGER {name}" for name in _TRIGGERS))
        _run("DROP TABLE search", "DROP VIEW search_texts", "DROP TABLE search_rows")
    op.drop_table("conversation_tags")
    for name in _TIMES:
        op.drop_column("conversations", name)


def _run(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
