"""The rows of a turn while it happens: the question before the first token, the reply as it grows.

A reply's row is there from the start with the status "writing". Whatever happens then, it ends
as "finished", "stopped" or "failed", and what was written is kept; after a crash, the next start
ends it (:func:`recover`).
"""

import logging
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.chat import chain
from chat_app.chat.conversations import storable
from chat_app.db.conversations import KEPT, get_message
from chat_app.db.database import Database, DatabaseError
from chat_app.db.tables import Conversation, Message, new_id, now
from chat_app.errors import ValueflowError
from chat_app.llm.thinking import told_apart
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.llm.engine import Reply

logger = logging.getLogger(__name__)

Status = Literal["finished", "stopped", "failed"]

# A crash loses at most this much of a reply's end.
_SAVE_EVERY_S = 0.5
# The replies that this process is writing now: {message: (its conversation, what stops it)}.
_under_way: dict[str, tuple[str, threading.Event]] = {}


def add_question(
    session: Session, conversation: Conversation, parent_id: str | None, text: str, profile: Profile
) -> Message:
    """Store what the person said, below ``parent_id``."""
    return _add(
        session,
        conversation,
        parent_id,
        role="user",
        text=text,
        status="finished",
        profile=profile.to_json(),
    )


def add_words(session: Session, conversation: Conversation, old: Message, text: str) -> Message:
    """Store a person's own words beside the reply ``old``. Nothing of a model is in them."""
    return _add(
        session,
        conversation,
        old.parent_id,
        role="assistant",
        text=text,
        status="finished",
        steering={"edited": old.hash},
    )


def open_reply(
    database: Database,
    session: Session,
    conversation: Conversation,
    question: Message,
    profile: Profile,
    cancel: threading.Event | None = None,
    *,
    after: Message | None = None,
) -> "ReplyRow":
    """Store an empty reply to ``question``, or one that begins as ``after`` does, which was cut.

    The conversation shows it from now on, and ``cancel`` stops it (:func:`stop_reply`).
    """
    if after is None:
        conversation.profile = profile.to_json()
    row = _add(
        session,
        conversation,
        question.id,
        role="assistant",
        text=after.text if after else "",
        status="writing",
        profile=profile.to_json(),
    )
    # before it is committed, and so before others can see it
    _under_way[row.id] = conversation.id, cancel or threading.Event()
    thought_s = (after.timings or {}).get("thought_s") if after else None
    return ReplyRow(database, row.id, conversation.id, question.id, row.text, thought_s)


def being_written(conversation_id: str) -> bool:
    """Whether this process is writing a reply of the conversation."""
    return any(where == conversation_id for where, _ in list(_under_way.values()))


def stop_reply(conversation_id: str) -> None:
    """Ask each reply that this process is writing in the conversation to end, and be kept."""
    for where, cancel in list(_under_way.values()):
        if where == conversation_id:
            cancel.set()


def _add(
    session: Session, conversation: Conversation, parent_id: str | None, **fields: Any
) -> Message:
    parent_hash = _settled_hash(session, conversation, parent_id) if parent_id else None
    row = Message(
        id=new_id(),
        conversation_id=conversation.id,
        parent_id=parent_id,
        created=now(),
        **fields,
    )
    if row.status != "writing":
        row.hash = chain.digest(chain.content(row), parent_hash)
    conversation.leaf_id, conversation.updated = row.id, row.created
    session.add(row)
    session.flush()
    return row


def _settled_hash(session: Session, conversation: Conversation, parent_id: str) -> str | None:
    parent = get_message(session, parent_id)
    if parent.conversation_id != conversation.id:
        raise ValueflowError(f"Message {parent_id!r} belongs to another conversation.")
    if parent.status == "writing":
        if parent.id in _under_way:
            raise ValueflowError(
                "A reply is still being written in this conversation: stop it or let it finish."
            )
        _end(session, parent, "stopped", finish="interrupted")
    return parent.hash


class ReplyRow:
    """The row of a reply while it is being written; a context that sees to its end.

    Leaving the context ends the row, if nobody did before: stopped when the reader has gone
    away, failed after an error.
    """

    def __init__(
        self,
        database: Database,
        message_id: str,
        conversation_id: str,
        question_id: str,
        text: str = "",
        thought_s: float | None = None,
    ) -> None:
        self.database = database
        self.message_id = message_id
        self.conversation_id = conversation_id
        self.question_id = question_id
        self.text = text
        self.tokens: list[int] = []
        self.thought_s = thought_s
        self._thinking = told_apart(text).thinking
        self._thought_before_s, self._begun = thought_s or 0.0, 0.0
        self._saved = time.monotonic()
        self._ended = False

    def __enter__(self) -> "ReplyRow":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._ended:
                return
            if kind is None or not issubclass(kind, Exception):
                self.end("stopped", finish="cancelled")
            else:
                self.end("failed", error="Something unexpected went wrong.")
        except DatabaseError as unsaved:
            logger.error("The end of reply %s could not be stored: %s", self.message_id, unsaved)
        finally:
            _under_way.pop(self.message_id, None)

    def describe(self, **columns: Any) -> None:
        """Store what the reply is made with: model, sampling, steering."""
        self._update(columns)

    def grow(self, text: str, token: int | None = None) -> bool:
        """Add ``text``, seen because of ``token``; about twice a second they are stored. False
        where it was deleted."""
        self.text += text
        if token is not None:
            self.tokens.append(token)
        self._begun = self._begun or time.monotonic()
        thought, self._thinking = self._thinking, told_apart(self.text, growing=True).thinking
        if thought or self._thinking:
            self.thought_s = self._thought_before_s + time.monotonic() - self._begun
        if time.monotonic() - self._saved < _SAVE_EVERY_S:
            return True
        try:
            there = self._update(
                {"text": storable(self.text), "tokens": self.tokens, "status": "writing"}
            )
        except DatabaseError as error:
            # The end is stored again, and reported; until then the reply need not break off.
            logger.warning("The reply so far could not be stored: %s", error)
            there = True
        self._saved = time.monotonic()
        return there

    def end(
        self,
        status: Status,
        *,
        reply: "Reply | None" = None,
        finish: str | None = None,
        error: str | None = None,
    ) -> None:
        """Store the whole reply, and its hash. A conversation that was deleted stays deleted.

        Raises DatabaseError where it cannot be stored.
        """
        self._ended = True
        with self.database.write() as session:
            row = session.get(Message, self.message_id)
            if row is None:
                return
            row.text = storable(reply.text if reply else self.text)
            row.tokens = self.tokens or None
            if reply:
                row.tokens = list(reply.tokens)
                row.counts = {
                    **(row.counts or {}),
                    "prompt_tokens": reply.prompt_tokens,
                    "reused_tokens": reply.reused_tokens,
                    "reply_tokens": reply.reply_tokens,
                    "dropped_turns": reply.dropped_turns,
                }
                row.timings = {
                    "ttft_s": round(reply.ttft_s, 4),
                    "seconds": round(reply.seconds, 4),
                }
                if self.thought_s is not None:
                    row.timings["thought_s"] = round(self.thought_s, 4)
            _end(session, row, status, finish=reply.finish if reply else finish, error=error)
            # Also where it was deleted: that may be taken back.
            conversation = session.get_one(Conversation, row.conversation_id)
            conversation.updated = now()

    def _update(self, columns: dict[str, Any]) -> bool:
        with self.database.write() as session:
            kept = sa.select(Conversation.id).where(Conversation.id == self.conversation_id, KEPT)
            row = sa.update(Message).where(
                Message.id == self.message_id, Message.conversation_id.in_(kept)
            )
            result = session.execute(
                row.values(columns).execution_options(synchronize_session=False)
            )
            return bool(getattr(result, "rowcount", 1))


def recover(database: Database) -> int:
    """End the replies that a crash left unfinished, as stopped; how many there were."""
    with database.read() as session:
        found = set(session.scalars(sa.select(Message.id).where(Message.status == "writing")))
    lost = found.difference(_under_way)
    if lost:
        with database.write() as session:
            for row in session.scalars(sa.select(Message).where(Message.id.in_(lost))):
                if row.status == "writing":
                    _end(session, row, "stopped", finish="interrupted")
    return len(lost)


def _end(
    session: Session,
    row: Message,
    status: Status,
    *,
    finish: str | None = None,
    error: str | None = None,
) -> None:
    row.status, row.finish, row.error = status, finish, error
    parent = session.get(Message, row.parent_id) if row.parent_id else None
    row.hash = chain.digest(chain.content(row), parent.hash if parent else None)
