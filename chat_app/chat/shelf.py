"""Keeping conversations in order: pinned, tagged, archived, deleted and taken back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from chat_app.chat.conversations import storable
from chat_app.db.conversations import get_conversation
from chat_app.db.database import Database, DatabaseError
from chat_app.db.listing import tags_in_use, tags_of
from chat_app.db.search import forget_words
from chat_app.db.tables import Conversation, ConversationTag, Message, now
from chat_app.errors import ValueflowError

# So long after it was deleted a conversation can still be taken back.
KEPT_DELETED = timedelta(days=7)
LONGEST_TAG = 40
MOST_TAGS = 20


def pin(database: Database, ids: Sequence[str], on: bool = True) -> None:
    """Keep conversations at the top of the list, or no more. Raises DatabaseError for one that
    is not there; then none is changed, here and below."""
    with database.write() as session:
        for id in ids:
            get_conversation(session, id).pinned = now() if on else None


def archive(database: Database, ids: Sequence[str], on: bool = True) -> None:
    """Take conversations out of the list without losing them, or put them back into it."""
    with database.write() as session:
        for id in ids:
            get_conversation(session, id).archived = now() if on else None


def delete(database: Database, ids: Sequence[str]) -> None:
    """Delete conversations; ``restore`` brings them back until ``purge`` has come by."""
    with database.write() as session:
        for id in ids:
            get_conversation(session, id).deleted = now()


def restore(database: Database, ids: Sequence[str]) -> None:
    """Take back that conversations were deleted. Raises DatabaseError where it is too late."""
    with database.write() as session:
        for id in ids:
            conversation = session.get(Conversation, id)
            if conversation is None:
                raise DatabaseError(f"Conversation {id!r} is gone: it cannot be brought back.")
            conversation.deleted = None


def purge(database: Database, before: datetime | None = None) -> int:
    """Forget, with all messages and scores, what was deleted ``before`` then (default: long
    enough ago); how many conversations that were."""
    before = now() - KEPT_DELETED if before is None else before
    old = sa.select(Conversation.id).where(Conversation.deleted < before)
    with database.read() as session:
        if session.scalar(sa.select(sa.exists(old))) is False:
            return 0
    with database.write() as session:
        messages = Message.conversation_id.in_(old)
        # Else the database would go from parent to child, and gives up at the thousandth.
        session.execute(sa.update(Message).where(messages).values(parent_id=None))
        session.execute(sa.delete(Message).where(messages))
        gone = session.execute(sa.delete(Conversation).where(Conversation.deleted < before))
        forget_words(session)
        return int(getattr(gone, "rowcount", 0))


def set_tags(database: Database, id: str, tags: Sequence[str]) -> tuple[str, ...]:
    """Put exactly ``tags`` on a conversation; those it has now, as they are written.

    One that differs from a tag in use by its case alone is taken for that one. Raises
    ValueflowError for one that is too long, or for too many.
    """
    with database.write() as session:
        get_conversation(session, id)
        known = {tag.casefold(): tag for tag in tags_in_use(session)}
        wanted: dict[str, str] = {}
        for tag in filter(None, map(_clean, tags)):
            wanted.setdefault(tag.casefold(), known.get(tag.casefold(), tag))
        if len(wanted) > MOST_TAGS:
            raise ValueflowError(f"{len(wanted)} tags are too many: {MOST_TAGS} are the most.")
        session.execute(sa.delete(ConversationTag).where(ConversationTag.conversation_id == id))
        session.add_all(ConversationTag(conversation_id=id, tag=tag) for tag in wanted.values())
        return tuple(sorted(wanted.values()))


def tag(
    database: Database, id: str, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> tuple[str, ...]:
    """Put tags on a conversation and take others off; those it has now."""
    with database.read() as session:
        get_conversation(session, id)
        present = tags_of(session, [id]).get(id, [])
    gone = {_clean(each).casefold() for each in remove}
    return set_tags(database, id, [t for t in [*present, *add] if _clean(t).casefold() not in gone])


def _clean(tag: str) -> str:
    word = " ".join(storable(tag).replace(",", " ").split()).lstrip("# ")
    if len(word) > LONGEST_TAG:
        raise ValueflowError(f"A tag of {len(word)} characters: {LONGEST_TAG} are the most.")
    return word
