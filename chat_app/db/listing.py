"""The list of conversations a page at a time, as it is browsed: by shelf, tag and words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.conversations import KEPT
from chat_app.db.search import Hit, hits, shown
from chat_app.db.tables import Conversation, ConversationTag


@dataclass(frozen=True)
class Listed:
    """A conversation without its messages. ``hit``: where it has the words that were asked for."""

    id: str
    title: str
    updated: datetime
    pinned: bool
    archived: bool
    tags: tuple[str, ...]
    hit: Hit | None = None


def listed(
    session: Session,
    *,
    archived: bool | None = False,
    tag: str = "",
    words: str = "",
    limit: int = 60,
) -> list[Listed]:
    """The first ``limit`` conversations: pinned ones, then others, each the last changed first.

    ``archived``: whether those on that shelf, or those that are not, or (None) both, archived
    ones last. ``tag``: only with it. ``words``: only with them in the title or in a message.
    """
    c = Conversation
    query = sa.select(c.id, c.title, c.updated, c.pinned, c.archived).where(KEPT)
    if searched := bool(words.strip()):
        found = hits(session, words)
        query = query.add_columns(found.c.message_id, found.c.in_title)
        query = query.join(found, found.c.conversation_id == c.id)
    if archived is not None:
        query = query.where(c.archived.is_not(None) if archived else c.archived.is_(None))
    if tag:
        tagged = sa.select(ConversationTag.conversation_id).where(ConversationTag.tag == tag)
        query = query.where(c.id.in_(tagged))
    order = (c.archived.is_not(None), c.pinned.is_(None), c.updated.desc(), c.id.desc())
    rows = session.execute(query.order_by(*order).limit(limit)).all()
    tags = tags_of(session, [row.id for row in rows])
    marked: Sequence[Hit | None] = [None] * len(rows)
    if searched:
        marked = shown(session, words, [(r.title, r.message_id, r.in_title) for r in rows])
    return [
        Listed(
            id=row.id,
            title=row.title,
            updated=row.updated,
            pinned=row.pinned is not None,
            archived=row.archived is not None,
            tags=tuple(tags.get(row.id, ())),
            hit=hit,
        )
        for row, hit in zip(rows, marked, strict=True)
    ]


def tags_of(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """{conversation: its tags in the order of the alphabet}, those without any left out."""
    query = sa.select(ConversationTag).where(ConversationTag.conversation_id.in_(ids))
    return _by_conversation(session, query)


def all_tags(session: Session) -> dict[str, list[str]]:
    """As ``tags_of``, of every conversation."""
    return _by_conversation(session, sa.select(ConversationTag))


def _by_conversation(session: Session, query: sa.Select[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in session.scalars(query.order_by(ConversationTag.tag)):
        found.setdefault(row.conversation_id, []).append(row.tag)
    return found


def tags_in_use(session: Session) -> dict[str, int]:
    """{tag: how many kept conversations have it}, in the order of the alphabet."""
    query = (
        sa.select(ConversationTag.tag, sa.func.count().label("conversations"))
        .join(Conversation)
        .where(KEPT)
        .group_by(ConversationTag.tag)
        .order_by(ConversationTag.tag)
    )
    return {row.tag: row.conversations for row in session.execute(query)}


def count_archived(session: Session) -> int:
    query = sa.select(sa.func.count()).where(KEPT, Conversation.archived.is_not(None))
    return session.scalar(query) or 0
