"""Other programs' conversations as rows of the database.

Ids follow from the content, so that a file that is imported again, or a later export of the same
chats, adds what is new and doubles nothing.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from ulid import ULID

from chat_app.chat import chain
from chat_app.chat.conversations import LONGEST_TITLE, title_from
from chat_app.chat.foreign.chats import ForeignChat, ForeignMessage
from chat_app.db.database import Database
from chat_app.db.tables import Conversation, Message, now

_STEP = timedelta(milliseconds=1)  # between messages of which no times are known


@dataclass(frozen=True)
class Stored:
    """The conversations of a file, in its order: ``new`` and ``grown`` ones, and those that were
    ``here`` already."""

    new: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()
    here: tuple[str, ...] = ()


def store_chats(database: Database, chats: Sequence[ForeignChat]) -> Stored:
    """Store all of them, or none where one cannot be. Raises DatabaseError."""
    new, grown, here = [], [], []
    with database.write() as session:
        for chat in chats:
            id = _conversation_id(chat)
            known = session.get(Conversation, id)
            added = _add(session, chat, id, known)
            if known is None:
                new.append(id)
            elif added or known.deleted:
                known.deleted = None
                grown.append(id)
            elif id not in new:
                here.append(id)
    return Stored(tuple(new), tuple(dict.fromkeys(grown)), tuple(dict.fromkeys(here)))


def _add(session: Session, chat: ForeignChat, id: str, known: Conversation | None) -> bool:
    """Add what is not there yet; whether that was anything."""
    ids = _message_ids(chat, id)
    conversation = known or _conversation(chat, id)
    if known is None:
        session.add(conversation)
        session.flush()
    query = sa.select(Message.id, Message.hash).where(Message.conversation_id == id)
    hashes: dict[str, str | None] = {row.id: row.hash for row in session.execute(query)}
    when = conversation.created
    fresh: list[dict[str, Any]] = []
    for message in chat.messages:
        when = message.created or when + _STEP
        if (own := ids[message.key]) in hashes:
            continue
        parent = ids[message.parent] if message.parent else None
        row = _row(chat, message, own, id, parent, when)
        hashes[own] = row["hash"] = chain.digest(
            chain.content(Message(**row)), hashes[parent] if parent else None
        )
        fresh.append(row)
    if fresh:
        session.execute(sa.insert(Message), fresh)
        conversation.leaf_id = ids.get(chat.shown or "", fresh[-1]["id"])
        conversation.updated = chat.updated or max(row["created"] for row in fresh)
    return bool(fresh)


def _conversation(chat: ForeignChat, id: str) -> Conversation:
    times = [message.created for message in chat.messages if message.created]
    created = chat.created or (min(times) if times else now())
    first = next((m.text for m in chat.messages if m.role == "user"), chat.messages[0].text)
    title = " ".join(chat.title.split())[:LONGEST_TITLE] or title_from(first)
    return Conversation(
        id=id,
        title=title,
        created=created,
        updated=chat.updated or created,
        archived=(chat.updated or created) if chat.archived else None,
    )


def _row(
    chat: ForeignChat,
    message: ForeignMessage,
    id: str,
    conversation_id: str,
    parent: str | None,
    created: datetime,
) -> dict[str, Any]:
    origin = {"program": chat.program, **({"model": message.model} if message.model else {})}
    return {
        "id": id,
        "conversation_id": conversation_id,
        "parent_id": parent,
        "role": message.role,
        "text": message.text,
        "status": "finished",
        "created": created,
        "steering": {"imported": origin} if message.role == "assistant" else None,
    }


def _conversation_id(chat: ForeignChat) -> str:
    """By its name in the program that it comes from, else by all that was said in it."""
    said = None if chat.key else [(m.role, m.text) for m in chat.messages]
    return _id([chat.program, chat.key, said], chat.created)


def _message_ids(chat: ForeignChat, conversation_id: str) -> dict[str, str]:
    """{key: id}. A message's id follows from its words and those before it: where a program
    gives other words to the same message, they are another version of it."""
    ids: dict[str, str] = {}
    for message in chat.messages:
        before = ids[message.parent] if message.parent else conversation_id
        ids[message.key] = _id([before, message.key, message.role, message.text], message.created)
    return ids


def _id(content: Any, created: datetime | None) -> str:
    """A ULID whose second half is a hash of ``content``."""
    digest = hashlib.sha256(json.dumps(content).encode()).digest()
    ms = max(0, int(created.timestamp() * 1000)) if created else 0
    return str(ULID.from_bytes(ms.to_bytes(6, "big") + digest[:10]))
