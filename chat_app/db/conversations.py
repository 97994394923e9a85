"""Queries on conversations and their trees of messages."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.errors import DatabaseError
from chat_app.db.tables import Conversation, Message, Score


class Counted(NamedTuple):
    """A conversation and how many messages it has on all its branches."""

    conversation: Conversation
    messages: int


# Those that a person sees; every query over conversations or their messages goes by this.
KEPT = Conversation.deleted.is_(None)


def get_conversation(session: Session, id: str) -> Conversation:
    """Raises DatabaseError where there is none, or where it was deleted."""
    found = session.get(Conversation, id)
    if found is None or found.deleted:
        raise DatabaseError(f"There is no conversation {id!r}: it may have been deleted.")
    return found


def get_message(session: Session, id: str) -> Message:
    """Raises DatabaseError where there is none, or where its conversation was deleted."""
    found = session.scalar(sa.select(Message).join(Conversation).where(Message.id == id, KEPT))
    if found is None:
        raise DatabaseError(f"There is no message {id!r}: it may have been deleted.")
    return found


def all_conversations(session: Session) -> list[Counted]:
    """Every conversation that is kept, archived ones too, the one that changed last first."""
    messages = (
        sa.select(sa.func.count())
        .where(Message.conversation_id == Conversation.id)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(Conversation, messages)
        .where(KEPT)
        .order_by(Conversation.updated.desc(), Conversation.id.desc())
    )
    return [Counted(conversation, count) for conversation, count in rows]


def tree(session: Session, conversation_id: str) -> list[Message]:
    """All messages of a conversation, each after its parent, branches in the order of making."""
    found = session.scalars(sa.select(Message).where(Message.conversation_id == conversation_id))
    children: dict[str | None, list[Message]] = {}
    for message in sorted(found, key=lambda m: (m.created, m.id)):
        children.setdefault(message.parent_id, []).append(message)
    ordered: list[Message] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        ordered.append(message := waiting.pop())
        waiting += children.get(message.id, [])[::-1]
    return ordered


def branch(messages: Iterable[Message], leaf_id: str | None) -> list[Message]:
    """The messages from the root to ``leaf_id``."""
    by_id = {m.id: m for m in messages}
    path: list[Message] = []
    at = by_id.get(leaf_id or "")
    while at is not None:
        path.append(at)
        at = by_id.get(at.parent_id or "")
    return path[::-1]


def newest_leaf(messages: Sequence[Message], below: str) -> str:
    """The leaf that one reaches from ``below`` by taking the youngest child each time."""
    newest = {m.parent_id: m.id for m in sorted(messages, key=lambda m: (m.created, m.id))}
    while below in newest:
        below = newest[below]
    return below


def scores_of(session: Session, message_ids: Sequence[str]) -> dict[str, list[Score]]:
    """{message: its scores}, the last measured first where a value was measured twice."""
    found: dict[str, list[Score]] = {id: [] for id in message_ids}
    query = sa.select(Score).where(Score.message_id.in_(message_ids))
    for score in session.scalars(query.order_by(Score.created.desc(), Score.id.desc())):
        found[score.message_id].append(score)
    return found
