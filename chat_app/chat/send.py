"""One turn: the question stored, the profile composed, the reply streamed and stored.

    send -> rows (database) -> studio.compose (steering) -> turns -> engine.stream -> rows

Scores come afterwards (``chat.scoring``); they never hold the stream up.
"""

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chat_app.chat.conversations import storable, title_from
from chat_app.chat.rows import ReplyRow, Status, add_question, open_reply
from chat_app.chat.sampling import default_sampling, stored_sampling
from chat_app.chat.turns import turns_of
from chat_app.db.conversations import branch, get_conversation, get_message, tree
from chat_app.db.tables import Conversation, new_id
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Piece, Reply, Sampling, rest
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.compose import Composition


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
    words = _checked(text)
    with studio.database.write() as session:
        if conversation_id is None:
            conversation = Conversation(id=new_id(), title=title_from(words))
            session.add(conversation)
        else:
            conversation = get_conversation(session, conversation_id)
        question = add_question(
            session, conversation, parent_id or conversation.leaf_id, words, profile
        )
        row = open_reply(studio.database, session, conversation, question, profile)
    yield from _answer(studio, row, profile, sampling, cancel)


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
    words = _checked(text)
    with studio.database.write() as session:
        old = get_message(session, message_id)
        if old.role != "user":
            raise ValueflowError("Only what you said yourself can be said in other words.")
        conversation = get_conversation(session, old.conversation_id)
        question = add_question(session, conversation, old.parent_id, words, profile)
        row = open_reply(studio.database, session, conversation, question, profile)
    yield from _answer(studio, row, profile, sampling, cancel)


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
    with studio.database.write() as session:
        message = get_message(session, message_id)
        question_id = message.id if message.role == "user" else message.parent_id
        if question_id is None:
            raise ValueflowError("This reply answers no question, so there is no other to it.")
        question = get_message(session, question_id)
        conversation = get_conversation(session, message.conversation_id)
        row = open_reply(studio.database, session, conversation, question, profile)
    yield from _answer(studio, row, profile, sampling, cancel)


def _checked(text: str) -> str:
    words = storable(text).strip()
    if not words:
        raise ValueflowError("The message is empty: say something first.")
    return words


def _answer(
    studio: "Studio",
    row: ReplyRow,
    profile: Profile,
    sampling: Sampling | None,
    cancel: threading.Event | None,
) -> Generator[Event, None, None]:
    started, cancel = False, cancel or threading.Event()
    reply: Reply | None = None
    with row:
        try:
            sampling = sampling or default_sampling(studio.settings)
            composition = studio.compose(profile)
            row.describe(**_made_with(studio, composition, sampling))
            started = True
            yield _started(row, composition.notes)
            pieces = _stream(studio, row, composition, sampling, cancel)
            reply = yield from _tell(pieces, row, cancel)
            status: Status = "stopped" if reply.finish == "cancelled" else "finished"
            row.end(status, reply=reply)
            yield Finished(row.message_id, status, reply.finish, reply, None)
        except ValueflowError as error:
            if not started:
                yield _started(row, ())
            yield _failed(row, reply, str(error))


def _stream(
    studio: "Studio",
    row: ReplyRow,
    composition: "Composition",
    sampling: Sampling,
    cancel: threading.Event,
) -> Generator[Piece, None, Reply]:
    with studio.database.read() as session:
        messages = branch(tree(session, row.conversation_id), row.question_id)
    turns = turns_of(studio, messages, composition.system_prompt)
    vector = composition.vector.buffer() if composition.vector else None
    if vector:
        studio.past_vectors[vector.hash] = vector
    return studio.engine.stream(turns, sampling, vector=vector, cancel=cancel)


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
            if not row.grow(piece.text):
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


def _made_with(studio: "Studio", composition: "Composition", sampling: Sampling) -> dict[str, Any]:
    """The columns that say what a reply is made with, enough to make it again."""
    vector, info = composition.vector, studio.model.info
    steering: dict[str, Any] = {}
    if vector is not None:
        steering = {
            "coefficients": dict(composition.coefficients),
            "layers": list(vector.layers),
            "norm": vector.norm,
            "vidb": studio.vidb.version,
            "encoder": studio.encoder.version,
        }
    if composition.system_prompt:
        steering["system_prompt"] = composition.system_prompt
    if composition.notes:
        steering["notes"] = list(composition.notes)
    return {
        "steering": steering or None,
        "vector_hash": vector.hash if vector else None,
        "model_name": info.name,
        "model_sha256": info.sha256,
        "sampling": stored_sampling(sampling),
        "seed": sampling.seed,
    }
