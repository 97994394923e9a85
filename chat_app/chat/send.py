"""One turn: the question stored, the profile composed, the reply streamed and stored.

    send -> rows (database) -> plans (steering) -> turns -> engine.stream -> rows

Scores come afterwards (``chat.scoring``); they never hold the stream up.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.chat.conversations import storable, stored_profile, title_from
from chat_app.chat.plans import Plan, plan_again, plan_reply
from chat_app.chat.rows import ReplyRow, Status, add_question, open_reply
from chat_app.chat.turns import turns_of
from chat_app.db.conversations import branch, get_conversation, get_message, tree
from chat_app.db.tables import Conversation, new_id
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Piece, Reply, Sampling, rest
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


@dataclass(frozen=True)
class Started:
    """The question is stored and the reply begins. ``notes`` are remarks for the person."""

    conversation_id: str
    user_message_id: str
    message_id: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Delta:
    """More of the reply's text."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The reply is stored. ``error``: one sentence where it failed.

    ``finish`` is the engine's "stop", "length" or "cancelled", "" where it never began.
    """

    message_id: str
    status: Status
    finish: str
    reply: Reply | None
    error: str | None


Event = Started | Delta | Finished


def send(
    studio: "Studio",
    text: str,
    profile: Profile,
    *,
    conversation_id: str | None = None,
    parent_id: str | None = None,
    sampling: Sampling | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Event, None, None]:
    """Say ``text`` and stream the reply, as Started, Delta ..., Finished.

    In a new conversation without ``conversation_id``; else below ``parent_id``, or at the end of
    the branch that is shown. Raises ValueflowError where the question cannot be stored. What goes
    wrong later ends in ``Finished(status="failed")`` and is stored with the reply. Closing the
    iterator stops the reply and keeps it so far.
    """
    words, cancel = _checked(text), cancel or threading.Event()
    with studio.database.write() as session:
        if conversation_id is None:
            conversation = Conversation(id=new_id(), title=title_from(words))
            session.add(conversation)
        else:
            conversation = get_conversation(session, conversation_id)
        question = add_question(
            session, conversation, parent_id or conversation.leaf_id, words, profile
        )
        row = open_reply(studio.database, session, conversation, question, profile, cancel)
    yield from _answer(studio, row, lambda: plan_reply(studio, profile, sampling), cancel)


def edit(
    studio: "Studio",
    message_id: str,
    text: str,
    profile: Profile,
    *,
    sampling: Sampling | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Event, None, None]:
    """Say the question ``message_id`` in other words: a branch beside it, with its own reply."""
    words, cancel = _checked(text), cancel or threading.Event()
    with studio.database.write() as session:
        old = get_message(session, message_id)
        if old.role != "user":
            raise ValueflowError("Only what you said yourself can be said in other words.")
        conversation = get_conversation(session, old.conversation_id)
        question = add_question(session, conversation, old.parent_id, words, profile)
        row = open_reply(studio.database, session, conversation, question, profile, cancel)
    yield from _answer(studio, row, lambda: plan_reply(studio, profile, sampling), cancel)


def regenerate(
    studio: "Studio",
    message_id: str,
    profile: Profile,
    *,
    sampling: Sampling | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Event, None, None]:
    """Another reply to the same question, beside those that are there.

    ``message_id`` is a reply's, or the question's.
    """
    cancel = cancel or threading.Event()
    with studio.database.write() as session:
        message = get_message(session, message_id)
        question_id = message.id if message.role == "user" else message.parent_id
        question = get_message(session, question_id) if question_id else None
        if question is None or question.role != "user":
            raise ValueflowError("This reply answers no question, so there is no other to it.")
        conversation = get_conversation(session, message.conversation_id)
        row = open_reply(studio.database, session, conversation, question, profile, cancel)
    yield from _answer(studio, row, lambda: plan_reply(studio, profile, sampling), cancel)


def go_on(
    studio: "Studio",
    message_id: str,
    *,
    sampling: Sampling | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Event, None, None]:
    """Write on at a reply that was stopped, cut or failed, under the vector that it had.

    What is stored never changes: the longer reply stands beside the cut one, and its text begins
    with all of that. The events' deltas are what is new.
    """
    cancel = cancel or threading.Event()
    with studio.database.write() as session:
        old = get_message(session, message_id)
        if old.role != "assistant" or old.status == "writing" or old.parent_id is None:
            raise ValueflowError("Only a reply that has come to an end can be continued.")
        question = get_message(session, old.parent_id)
        conversation = get_conversation(session, old.conversation_id)
        row = open_reply(
            studio.database,
            session,
            conversation,
            question,
            stored_profile(old),
            cancel,
            after=old,
        )
    yield from _answer(studio, row, lambda: plan_again(studio, old, sampling), cancel)


def _checked(text: str) -> str:
    words = storable(text).strip()
    if not words:
        raise ValueflowError("The message is empty: say something first.")
    return words


def _answer(
    studio: "Studio", row: ReplyRow, planned: Callable[[], Plan], cancel: threading.Event
) -> Generator[Event, None, None]:
    started = False
    reply: Reply | None = None
    with row:
        try:
            plan = planned()
            row.tokens = list(plan.written)
            row.describe(**plan.columns)
            started = True
            yield _started(row, plan.notes)
            reply = yield from _tell(_stream(studio, row, plan, cancel), row, cancel)
            status: Status = "stopped" if reply.finish == "cancelled" else "finished"
            row.end(status, reply=reply)
            yield Finished(row.message_id, status, reply.finish, reply, None)
        except ValueflowError as error:
            if not started:
                yield _started(row, ())
            yield _failed(row, reply, str(error))


def _stream(
    studio: "Studio", row: ReplyRow, plan: Plan, cancel: threading.Event
) -> Generator[Piece, None, Reply]:
    with studio.database.read() as session:
        messages = branch(tree(session, row.conversation_id), row.question_id)
    turns = turns_of(studio, messages, plan.system_prompt)
    return studio.engine.stream(
        turns, plan.sampling, vector=plan.vector, written=plan.written, cancel=cancel
    )


def _tell(
    pieces: Generator[Piece, None, Reply], row: ReplyRow, cancel: threading.Event
) -> Generator[Delta, None, Reply]:
    """The pieces as events, stored as they come; the generator returns the Reply."""
    try:
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                reply: Reply = end.value
                return reply
            if not row.grow(piece.text, piece.token):
                cancel.set()  # the conversation was deleted meanwhile
            if piece.text:
                yield Delta(piece.text)
    except GeneratorExit:
        # The reader has gone. The engine is asked to end, which gives the reply with its tokens.
        cancel.set()
        row.end("stopped", reply=rest(pieces))
        raise


def _started(row: ReplyRow, notes: tuple[str, ...]) -> Started:
    return Started(row.conversation_id, row.question_id, row.message_id, notes)


def _failed(row: ReplyRow, reply: Reply | None, error: str) -> Finished:
    try:
        row.end("failed", reply=reply, error=error)
    except ValueflowError as unsaved:
        error = str(unsaved)
    return Finished(row.message_id, "failed", reply.finish if reply else "", reply, error)
