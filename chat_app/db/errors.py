"""What a database says when something is wrong, as a sentence for the person."""

import sqlite3

from chat_app.errors import ValueflowError

_OTHER_FOLDER = "set VALUEFLOW_HOME to a folder that you may write to"
# By the beginning of SQLite's error names: SQLITE_READONLY_DIRECTORY and the like have ends.
_SENTENCES = {
    "SQLITE_FULL": "The disk with {place} is full: make room there. What was stored is safe.",
    "SQLITE_READONLY": "{place} can be read but not written: allow it, or " + _OTHER_FOLDER + ".",
    "SQLITE_CANTOPEN": "{place} cannot be opened or made: allow it, or " + _OTHER_FOLDER + ".",
    "SQLITE_PERM": "{place} may not be opened: allow it, or " + _OTHER_FOLDER + ".",
    "SQLITE_NOTADB": "{place} is not a database: move that file away, or set VALUEFLOW_HOME.",
    "SQLITE_CORRUPT": (
        "{place} is damaged: move it away and put a copy in its place, or run `sqlite3 FILE "
        ".recover` on it."
    ),
    "SQLITE_BUSY": (
        "{place} is in use by another program that does not let go: close that one and try again."
    ),
    "SQLITE_LOCKED": (
        "{place} is in use by another program that does not let go: close that one and try again."
    ),
    "SQLITE_IOERR": (
        "{place} cannot be written or read ({error}): is the disk full or away? "
        "What was stored is safe."
    ),
    "SQLITE_TOOBIG": "That is too long to be stored in {place}.",
}


class DatabaseError(ValueflowError):
    """The database cannot be used, or refused a change; nothing stored is lost."""


def in_words(error: BaseException | None, place: str) -> str:
    """The sentence for a driver's ``error`` at the database ``place``."""
    name = getattr(error, "sqlite_errorname", "")
    for start, sentence in _SENTENCES.items():
        if name.startswith(start):
            return sentence.format(place=place, error=error)
    kind = "SQLite" if isinstance(error, sqlite3.Error) else "The database server"
    said = str(error).strip().splitlines()
    return f"{place} cannot be used. {kind} says: {said[0].rstrip('.') if said else 'nothing'}."
