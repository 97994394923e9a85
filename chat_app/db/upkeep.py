"""Care for the database as a whole: copies of it while it is in use, and emptying it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from chat_app.db.database import Database
from chat_app.db.errors import DatabaseError, in_words
from chat_app.db.search import forget_words
from chat_app.db.tables import Base, CalibrationCell, CalibrationRow, Message
from chat_app.files import written_whole

# What was measured of models says nothing of a person, and is dear to measure again.
_KEPT = (CalibrationRow.__tablename__, CalibrationCell.__tablename__)


def copy_to(database: Database, path: Path) -> None:
    """A whole copy of the database at ``path``, made while others go on reading and writing.

    SQLite's online backup, checked before it takes its name. Raises DatabaseError for another
    database, or where the copy cannot be written.
    """
    source = _file(database)
    try:
        with (
            written_whole(path) as fresh,
            closing(sqlite3.connect(source)) as original,
            closing(sqlite3.connect(fresh)) as copy,
        ):
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without companions
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise DatabaseError(f"{source} is damaged, so that no copy was made.")
    except OSError as error:
        raise DatabaseError(f"{path} cannot be written: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        raise DatabaseError(in_words(error, str(path))) from error


def empty(database: Database) -> dict[str, int]:
    """Delete every row but calibrations; {table: how many rows it held}. The file gets smaller.

    Raises DatabaseError, after which everything is as it was.
    """
    tables = [t for t in reversed(Base.metadata.sorted_tables) if t.name not in _KEPT]
    with database.write() as session:
        held = {
            table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in tables
        }
        # Else the database would go from parent to child, and gives up at the thousandth.
        session.execute(sa.update(Message).values(parent_id=None))
        for table in tables:
            session.execute(sa.delete(table))
        forget_words(session)
    _shrink(database)
    return held


def _shrink(database: Database) -> None:
    """Give freed pages back, so that nothing deleted is left to be read in the file."""
    if database.url.get_backend_name() != "sqlite":
        return
    try:
        with closing(sqlite3.connect(_file(database), isolation_level=None)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DatabaseError(
            "Everything was deleted, but the file could not be made smaller: "
            + in_words(error, database.place)
        ) from error


def _file(database: Database) -> str:
    if database.url.get_backend_name() != "sqlite":
        raise DatabaseError(
            "The conversations lie on a database server: back it up by the server's own means, "
            "such as pg_dump."
        )
    return str(database.url.database)
