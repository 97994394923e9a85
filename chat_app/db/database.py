"""Opening the database and working in it: connections, transactions, errors as sentences."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.orm import Session

from chat_app.db.errors import DatabaseError, in_words
from chat_app.db.revisions import bring_to_head
from chat_app.db.tables import Conversation, Message

__all__ = ["Database", "DatabaseError", "memory_database", "open_database"]

_WAIT_S = 5  # how long a statement waits for another process that holds the database


class Database:
    """An open database. Threads may share it: each ``read`` and ``write`` has its own session."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.closed = False

    @property
    def url(self) -> URL:
        return self.engine.url

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return _place(self.url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read in: one consistent view for as long as it is open."""
        with self._session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are stored together at its end, or not at all.

        Raises DatabaseError, after which what was stored before is as it was.
        """
        with self._session(self.engine.execution_options(write=True)) as session:
            yield session
            session.commit()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            # Rows stay readable after their session, which is how views are made of them.
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except sa.exc.DBAPIError as error:
            raise DatabaseError(in_words(error.orig, self.place)) from error

    def describe(self) -> str:
        """One line for a person: where it is and how much it holds."""
        with self.read() as session:
            kept = Conversation.deleted.is_(None)
            conversations = session.scalar(sa.select(sa.func.count(Conversation.id)).where(kept))
            messages = session.scalar(
                sa.select(sa.func.count(Message.id)).join(Conversation).where(kept)
            )
        return f"{self.place}, {conversations} conversations, {messages} messages"

    def close(self) -> None:
        self.closed = True
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database at an SQLAlchemy ``url``, made where it is missing, its tables up to date.

    Raises DatabaseError, one sentence, where it cannot be reached, read or written, is none, or
    was made by a newer version of the program.
    """
    engine = _engine(url)
    place = _place(engine.url)
    try:
        with engine.execution_options(write=True).connect() as connection:
            bring_to_head(connection, place)
            connection.commit()
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise DatabaseError(in_words(error.orig, place)) from error
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def memory_database() -> Database:
    """A database like any other that is in no file, and gone once it is closed.

    It has one connection, which is what holds it; sessions take turns.
    """
    engine = sa.create_engine(
        "sqlite://",
        poolclass=sa.QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "connect", _never_on_disk)
    sa.event.listen(engine, "begin", _begin)
    with engine.connect() as connection:
        bring_to_head(connection, "memory")
        connection.commit()
    return Database(engine)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        return sa.create_engine(parsed, pool_pre_ping=True)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise DatabaseError(
            "VALUEFLOW_DATABASE_URL is no database URL; write it like "
            "sqlite:////home/me/valueflow.db or postgresql+psycopg://me@localhost/valueflow."
        ) from None
    except ImportError as error:
        raise DatabaseError(
            f"The driver for this database, {error.name}, is not installed: pip install it."
        ) from None


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise DatabaseError(
            "A database in memory would forget each conversation: give it a file, "
            "sqlite:////home/me/valueflow.db."
        )
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"The data folder {path.parent} cannot be made ({error.strerror}): set VALUEFLOW_HOME "
            "to a folder that you may write to."
        ) from error
    engine = sa.create_engine(url, connect_args={"timeout": _WAIT_S})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, record: Any) -> None:
    # Python's driver would open transactions by itself, and only before some statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Readers go on while one writes, and a crash loses at most what was not committed. A file
    # that may only be read stays in its mode; what is wrong shows at the first transaction.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _never_on_disk(connection: sqlite3.Connection, record: Any) -> None:
    # SQLite would sort what is much in a temporary file.
    connection.execute("PRAGMA temp_store = MEMORY").close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later could fail at once when another process
    # has written in between; one that means to write takes the lock at its start, and waits.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)
