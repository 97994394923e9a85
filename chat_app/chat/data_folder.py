"""What lies in the data folder, and what a person can do with all of it at once."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from chat_app.chat.conversations import list_conversations
from chat_app.chat.export import export_conversation
from chat_app.chat.models import models_dir
from chat_app.chat.profiles import list_profiles
from chat_app.db.database import Database
from chat_app.db.tables import CalibrationRow
from chat_app.db.upkeep import copy_to, empty
from chat_app.errors import ValueflowError
from chat_app.files import written_whole
from chat_app.settings import Settings, settings_file

Progress = Callable[[int, int], None]

_ABOUT = """What Valueflow Chat had stored, written on {when}.

conversations/  a transcript each, all branches and scores (valueflow.transcript/1); `valueflow
                import FILE` brings one back, or all of them from this zip; `valueflow verify FILE`
                checks that one was not altered
profiles/       the saved profiles; `valueflow profile import FILE` brings one back
calibrations/   how models answer to being steered (valueflow.calibration/1)
"""


@dataclass(frozen=True)
class Part:
    """A file or folder of the data folder: what it holds, and its bytes."""

    what: str
    path: Path
    size: int


@dataclass(frozen=True)
class Backup:
    """A copy of the database that was made earlier."""

    path: Path
    made: datetime
    size: int


@dataclass(frozen=True)
class Erased:
    """How much was deleted."""

    conversations: int
    messages: int
    scores: int
    profiles: int
    files: int


def parts(settings: Settings) -> list[Part]:
    """What the data folder holds, the database with its companions first."""
    home = settings.home
    named = [
        ("Conversations, scores and profiles", [*home.glob("valueflow.db*")], home),
        ("Backups", [backups_dir(settings)], backups_dir(settings)),
        ("Exports", [exports_dir(settings)], exports_dir(settings)),
        ("What is kept to start faster", [settings.cache_dir], settings.cache_dir),
        ("Models", [models_dir(settings)], models_dir(settings)),
        ("Control vectors", [settings.vectors_dir], settings.vectors_dir),
        ("Settings", [settings_file(home)], settings_file(home)),
    ]
    return [
        Part(what, place, size)
        for what, paths, place in named
        if (size := sum(_size(path) for path in paths))
    ]


def backups_dir(settings: Settings) -> Path:
    return settings.home / "backups"


def exports_dir(settings: Settings) -> Path:
    return settings.home / "exports"


def back_up(settings: Settings, database: Database) -> Backup:
    """Copy the database into a dated file in the data folder. Raises DatabaseError."""
    made = datetime.now()
    path = _free(backups_dir(settings) / f"valueflow-{made:%Y-%m-%d-%H%M%S}.db")
    copy_to(database, path)
    return Backup(path, made, path.stat().st_size)


def backups(settings: Settings) -> list[Backup]:
    """The copies that were made, the latest first."""
    found = [
        Backup(path, datetime.fromtimestamp(path.stat().st_mtime), path.stat().st_size)
        for path in backups_dir(settings).glob("valueflow-*.db")
    ]
    return sorted(found, key=lambda each: each.path.name, reverse=True)


def export_everything(database: Database, path: Path, progress: Progress | None = None) -> int:
    """Write a zip of all transcripts, profiles and calibrations to ``path``, whole or not at all;
    how many conversations are in it. ``progress(done, of)`` counts these.

    Raises ValueflowError where it cannot be written.
    """
    try:
        with written_whole(path) as fresh, zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as zip:
            return _write(database, zip, progress)
    except OSError as error:
        raise ValueflowError(f"{path} cannot be written: {error.strerror or error}.") from error


def export_file(settings: Settings) -> Path:
    """Where an export of now goes, when nobody says where."""
    return _free(exports_dir(settings) / f"valueflow-export-{datetime.now():%Y-%m-%d-%H%M%S}.zip")


def delete_everything(settings: Settings, database: Database, *, copies: bool = False) -> Erased:
    """Delete all conversations, scores and profiles, with ``copies`` the backups and exports in
    the data folder too. Models, calibrations and settings stay.

    Raises DatabaseError, after which nothing is deleted.
    """
    held = empty(database)
    files = 0
    if copies:
        for folder in (backups_dir(settings), exports_dir(settings)):
            files += sum(path.is_file() for path in folder.glob("*"))
            shutil.rmtree(folder, ignore_errors=True)
    return Erased(held["conversations"], held["messages"], held["scores"], held["profiles"], files)


def erased_words(erased: Erased) -> str:
    """'Deleted 3 conversations with 14 messages and 20 scores, and 2 profiles.'"""
    words = (
        f"Deleted {_count(erased.conversations, 'conversation')} with "
        f"{_count(erased.messages, 'message')} and {_count(erased.scores, 'score')}, and "
        f"{_count(erased.profiles, 'profile')}"
    )
    return words + (f"; {_count(erased.files, 'copy', 'copies')}." if erased.files else ".")


def size_words(size: int) -> str:
    """Bytes as a person reads them.

    >>> size_words(512), size_words(73_400), size_words(1_260_000_000)
    ('512 bytes', '73 kB', '1.3 GB')
    """
    if size < 1000:
        return f"{size} bytes"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if size < 999.5 * scale:
            shown = size / scale
            return f"{shown:.1f} {unit}" if shown < 10 else f"{shown:.0f} {unit}"
    return f"{size / 1e9:.1f} GB"


def _write(database: Database, zip: zipfile.ZipFile, progress: Progress | None) -> int:
    zip.writestr("README.txt", _ABOUT.format(when=f"{datetime.now():%Y-%m-%d %H:%M}"))
    stored = list_conversations(database)
    for done, conversation in enumerate(stored):
        text = export_conversation(database, conversation.id, "json")
        zip.writestr(f"conversations/{conversation.id}.json", text)
        if progress:
            progress(done + 1, len(stored))
    for number, profile in enumerate(list_profiles(database), 1):
        text = json.dumps(profile.to_json(), ensure_ascii=False, indent=2) + "\n"
        zip.writestr(f"profiles/{number:03}-{_plain(profile.name)}.json", text)
    with database.read() as session:
        query = sa.select(CalibrationRow).where(CalibrationRow.finished.is_not(None))
        for row in session.scalars(query):
            text = json.dumps(row.finished, ensure_ascii=False) + "\n"
            zip.writestr(f"calibrations/{row.method}-{row.id}.json", text)
    return len(stored)


def _plain(name: str) -> str:
    """A name as a file may be called anywhere."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:60] or "profile"


def _free(path: Path) -> Path:
    """``path``, or with a number behind it where that is taken."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
