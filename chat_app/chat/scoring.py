"""Scores of stored replies: measured after the reply, stored once, the same when done again."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.chat.conversations import (
    ScoreView,
    imported_from,
    said_in,
    score_view,
    stored_profile,
)
from chat_app.db.conversations import branch, get_conversation, get_message, scores_of, tree
from chat_app.db.tables import Message, Score
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.evaluation.evaluator import Evaluator
    from chat_app.evaluation.evaluator import Score as Measured


def score_message(
    studio: "Studio",
    message_id: str,
    values: Sequence[str] | None = None,
    evaluator: "Evaluator | None" = None,
) -> list[ScoreView]:
    """The intensities of a stored message for ``values`` (default: those its profile targets), by
    ``evaluator`` (default: that of the settings' ranker, as it fits who wrote the message).

    What the model thought before its reply is no part of it. A value that was measured by the same
    ranker and VIDB already is not measured again. Raises ValueflowError for a message that is not
    there, not written to its end, or empty.
    """
    with studio.database.read() as session:
        message = get_message(session, message_id)
    check_measurable(message)
    targets = stored_profile(message).targets
    wanted = list(dict.fromkeys(targets if values is None else values))
    if not wanted:
        return []
    with studio.measuring:
        evaluator = evaluator or _fitting(studio, message)
        ranker = evaluator.ranker
        by = (f"{ranker.name} {ranker.version}", studio.vidb.version)
        with studio.database.read() as session:
            stored = _measured(session, message_id, by)
        missing = [value for value in wanted if value not in stored]
        if missing:
            found = evaluator.measure(said_in(message).reply, missing)
            with studio.database.write() as session:
                get_message(session, message_id)  # it may have been deleted meanwhile
                stored |= _measured(session, message_id, by)
                for value in missing:
                    if value not in stored:
                        row = Score(
                            message_id=message_id,
                            target=targets.get(value),
                            **_columns(found[value]),
                        )
                        session.add(row)
                        stored[value] = row
    return [score_view(stored[value]) for value in wanted]


def quick_evaluator(studio: "Studio", message: Message) -> "Evaluator":
    """The evaluator by HIVES for what this model wrote, or for what was imported."""
    return studio.texts_evaluator if imported_from(message) else studio.evaluator


def _fitting(studio: "Studio", message: Message) -> "Evaluator":
    by_hives = studio.settings.ranker == "hives"
    return quick_evaluator(studio, message) if by_hives else studio.reply_evaluator


def pending_scores(studio: "Studio", conversation_id: str) -> list[str]:
    """The replies on the shown branch with a target that was never measured, first to last."""
    with studio.database.read() as session:
        conversation = get_conversation(session, conversation_id)
        shown = branch(tree(session, conversation_id), conversation.leaf_id)
        scores = scores_of(session, [m.id for m in shown])
    return [
        message.id
        for message in shown
        if message.role == "assistant" and message.status != "writing"
        if said_in(message).reply.strip()
        if set(stored_profile(message).targets) - {row.value for row in scores[message.id]}
    ]


def _measured(session: Session, message_id: str, by: tuple[str, str]) -> dict[str, Score]:
    ranker, vidb = by
    rows = session.scalars(
        sa.select(Score).where(
            Score.message_id == message_id, Score.ranker == ranker, Score.vidb_version == vidb
        )
    )
    return {row.value: row for row in rows}


def _columns(score: "Measured") -> dict[str, Any]:
    """A score as its row has it; the interval follows from the windows, and is not kept."""
    columns = {**asdict(score), "windows": list(score.windows)}
    del columns["low"], columns["high"]
    return columns


def check_measurable(message: Message) -> None:
    """Raises ValueflowError for a message in which nothing is said, or not yet."""
    if message.status == "writing":
        raise ValueflowError("This reply is still being written: it can be measured afterwards.")
    said = said_in(message)
    if said.reply.strip():
        return
    if said.thought:
        raise ValueflowError(
            "The model was still thinking when this reply broke off, so there is nothing to "
            "measure: continue it, or ask again."
        )
    raise ValueflowError("This message is empty, so there is nothing to measure.")
