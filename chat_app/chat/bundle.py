"""Several transcripts in one file: JSONL in which each line is a whole one."""

import json
from collections.abc import Sequence
from typing import Any

from chat_app.chat.transcript import import_transcript, transcript
from chat_app.chat.verify import TranscriptError, read_transcript, verify_transcript
from chat_app.db.database import Database, DatabaseError


def export_bundle(database: Database, ids: Sequence[str]) -> str:
    """The transcripts of conversations, one a line. Raises DatabaseError for one that is not
    there."""
    lines = (json.dumps(transcript(database, id), ensure_ascii=False) for id in ids)
    return "".join(line + "\n" for line in lines)


def read_bundle(text: str) -> list[dict[str, Any]]:
    """The transcripts in a file: one as JSON or JSONL, or several, one a line.

    Raises TranscriptError where it is none of these.
    """
    lines = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip()]
    if len(lines) > 1 and all(_is_whole(line) for line in lines[:2]):
        return [_numbered(number, line) for number, line in enumerate(lines, start=1)]
    return [read_transcript(text)]


def import_bundle(database: Database, *texts: str) -> tuple[list[str], list[str]]:
    """Store the transcripts in files; the ids of the conversations that came, and of those that
    were here already, just as they are in the file.

    Raises TranscriptError for a file of another kind, and where one was altered since it was
    written or cannot be held; of an altered one nothing is stored, nor of its neighbours.
    """
    found = [data for text in texts for data in read_bundle(text)]
    for data in found:
        if problems := verify_transcript(data):
            raise TranscriptError(f"{_name(data)} is not stored. {problems[0]}")
    here = [data["conversation"]["id"] for data in found if _is_here(database, data)]
    return [
        import_transcript(database, data)
        for data in found
        if data["conversation"]["id"] not in here
    ], here


def _is_here(database: Database, data: dict[str, Any]) -> bool:
    try:
        stored = transcript(database, data["conversation"]["id"])
    except DatabaseError:  # there is none
        return False
    return bool(stored["hash"] == data["hash"])


def _is_whole(line: str) -> bool:
    """Whether a line is a transcript by itself, not the first line of one."""
    try:
        data = json.loads(line)
    except ValueError:
        return False
    return isinstance(data, dict) and "format" in data and "messages" in data


def _numbered(number: int, line: str) -> dict[str, Any]:
    try:
        return read_transcript(line)
    except TranscriptError as error:
        raise TranscriptError(f"Line {number}: {error}") from None


def _name(data: dict[str, Any]) -> str:
    head = data.get("conversation")
    title = head.get("title") if isinstance(head, dict) else None
    return f"The transcript “{title[:80]}”" if isinstance(title, str) else "The transcript"
