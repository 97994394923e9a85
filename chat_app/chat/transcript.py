"""Conversations as ``valueflow.transcript/1``, out of the database and back into it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.chat import chain
from chat_app.chat.conversations import storable
from chat_app.chat.verify import (
    FORMAT,
    TranscriptError,
    hashed_content,
    read_transcript,
    verify_transcript,
)
from chat_app.db.conversations import get_conversation, scores_of, tree
from chat_app.db.database import Database
from chat_app.db.tables import Conversation, Message, Score, new_id
from chat_app.values.profile import Profile, ProfileError

__all__ = [
    "FORMAT",
    "TranscriptError",
    "import_transcript",
    "read_transcript",
    "transcript",
    "verify_transcript",
]


def transcript(database: Database, conversation_id: str) -> dict[str, Any]:
    """A conversation, all its branches and scores. Raises DatabaseError where there is none."""
    with database.read() as session:
        conversation = get_conversation(session, conversation_id)
        messages = tree(session, conversation_id)
        scores = scores_of(session, [m.id for m in messages])
    hashes = {m.id: m.hash for m in messages}
    data = {
        "format": FORMAT,
        "conversation": {
            "id": conversation.id,
            "title": conversation.title,
            "created": chain.timestamp(conversation.created),
            "updated": chain.timestamp(conversation.updated),
            "shown": conversation.leaf_id,
            "profile": conversation.profile,
        },
        "messages": [
            {
                "id": message.id,
                "parent": message.parent_id,
                **chain.content(message),
                "parent_hash": hashes.get(message.parent_id or ""),
                "hash": message.hash,
                **({"vote": vote} if (vote := (message.counts or {}).get("vote")) else {}),
                "scores": [_score(row) for row in reversed(scores[message.id])],
            }
            for message in messages
        ],
    }
    return {**data, "hash": chain.sha256(data)}


def _score(row: Score) -> dict[str, Any]:
    known = {"beta": row.beta, "dispersion": row.dispersion}
    return {
        "value": row.value,
        "target": row.target,
        "intensity": row.intensity,
        "stderr": row.stderr,
        **{key: item for key, item in known.items() if item is not None},
        "ranker": row.ranker,
        "vidb": row.vidb_version,
        "windows": row.windows,
        "created": chain.timestamp(row.created),
    }


def import_transcript(database: Database, source: Mapping[str, Any] | str) -> str:
    """Store a transcript, as text or parsed; the conversation's id.

    It keeps its ids; where one of them is taken, all are new. Raises TranscriptError for one that
    was altered or that this version cannot hold, and then nothing is stored.
    """
    data = read_transcript(source) if isinstance(source, str) else source
    if problems := verify_transcript(data):
        raise TranscriptError(f"The transcript is not stored. {problems[0]}")
    _check_holdable(data)
    with database.write() as session:
        ids = _ids(session, data)
        head = data["conversation"]
        conversation = Conversation(
            id=ids[head["id"]],
            title=head["title"],
            created=_moment(head["created"]),
            updated=_moment(head["updated"]),
            leaf_id=ids.get(head["shown"]),
            profile=head["profile"],
        )
        session.add(conversation)
        session.flush()
        for entry in data["messages"]:
            session.add(_message(entry, conversation.id, ids))
            session.flush()  # each after its parent
            session.add_all(_scores(entry["scores"], ids[entry["id"]]))
        return conversation.id


def _check_holdable(data: Mapping[str, Any]) -> None:
    """Refuse what would be stored and could then not be shown."""
    entries = [data["conversation"], *data["messages"]]
    if any(text != storable(text) for text in _texts(data)):
        raise TranscriptError("The transcript holds broken or NUL characters; it is not stored.")
    for entry in entries:
        try:
            if entry.get("profile"):
                Profile.from_json(entry["profile"])
            for score in entry.get("scores", ()):
                _moment(score["created"])
            _moment(entry["created"])
        except ProfileError as error:
            raise TranscriptError(f"The profile in {entry['id']}: {error}") from None
        except ValueError:
            raise TranscriptError(f"A date in {entry['id']} is none.") from None


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        yield from data
        for item in data.values():
            yield from _texts(item)
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item)


def _ids(session: Session, data: Mapping[str, Any]) -> dict[str, str]:
    """{id in the transcript: id in the database}, also for the conversation."""
    own, messages = data["conversation"]["id"], [m["id"] for m in data["messages"]]
    taken = session.get(Conversation, own) is not None or any(
        session.scalar(sa.select(Message.id).where(Message.id == id)) for id in messages
    )
    return {id: new_id() if taken else id for id in (own, *messages)}


def _message(entry: Mapping[str, Any], conversation_id: str, ids: Mapping[str, str]) -> Message:
    model = entry.get("model", {})
    plain = ("role", "text", "status", "profile", "steering", "sampling", "seed", "finish", "error")
    row = Message(
        id=ids[entry["id"]],
        conversation_id=conversation_id,
        parent_id=ids[entry["parent"]] if entry["parent"] else None,
        created=_moment(entry["created"]),
        vector_hash=entry.get("vector"),
        model_name=model.get("name"),
        model_sha256=model.get("sha256"),
        counts=_counts(entry),
        timings=entry.get("timings"),
        tokens=entry.get("tokens"),
        hash=entry["hash"],
        **{key: entry.get(key) for key in plain},
    )
    if row.status == "writing":  # it was copied while it grew; nobody writes on it here
        row.status, row.finish = "stopped", "interrupted"
        row.hash = chain.digest(chain.content(row), entry["parent_hash"])
    elif chain.content(row) != hashed_content(entry):
        raise TranscriptError(f"Message {entry['id']} holds what this version cannot store.")
    return row


def _counts(entry: Mapping[str, Any]) -> dict[str, int] | None:
    """The counts as a row has them, a person's vote among them."""
    vote = {"vote": entry["vote"]} if "vote" in entry else {}
    return {**entry.get("counts", {}), **vote} or None


def _scores(entries: Sequence[Mapping[str, Any]], message_id: str) -> list[Score]:
    return [
        Score(
            message_id=message_id,
            value=entry["value"],
            target=entry["target"],
            intensity=entry["intensity"],
            stderr=entry["stderr"],
            beta=entry.get("beta"),
            dispersion=entry.get("dispersion"),
            ranker=entry["ranker"],
            vidb_version=entry["vidb"],
            windows=entry["windows"],
            created=_moment(entry["created"]),
        )
        for entry in entries
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
