"""Queries on measured intensities: summed up by the database, however many replies there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from chat_app.db.conversations import KEPT
from chat_app.db.tables import Conversation, Message, Score


@dataclass(frozen=True)
class Which:
    """Which scores are meant; None leaves a question open. ``targeted``: only those of values
    that the reply was asked for."""

    conversation: str | None = None
    profile: str | None = None
    model: str | None = None
    since: datetime | None = None
    targeted: bool = True


class Sums(NamedTuple):
    """The scores of one value in one cell of the scale, one point wide, counted from -10 up."""

    value: str
    cell: int
    scores: int
    total: float
    squares: float
    asked: int
    targets: float
    lowest_target: float | None
    highest_target: float | None
    missed: float


class Row(NamedTuple):
    """A single score with what it belongs to."""

    conversation: str
    message: str
    created: datetime
    profile: str | None
    model: str | None
    value: str
    target: float | None
    intensity: float
    stderr: float
    ranker: str


def sums(session: Session, which: Which) -> list[Sums]:
    """Counts and sums a value and a cell, of the last score of each reply for each value."""
    score = _latest(which)
    # Of a NUMERIC every database rounds a half up; of a float PostgreSQL rounds to even numbers.
    cell = sa.func.round(sa.cast(score.c.intensity + 9.5, sa.Numeric), type_=sa.Float)
    asked = score.c.target.is_not(None)
    query = sa.select(
        score.c.value,
        cell,
        sa.func.count(),
        sa.func.sum(score.c.intensity),
        sa.func.sum(score.c.intensity * score.c.intensity),
        sa.func.count(score.c.target),
        sa.func.coalesce(sa.func.sum(score.c.target), 0.0),
        sa.func.min(score.c.target),
        sa.func.max(score.c.target),
        sa.func.coalesce(
            sa.func.sum(sa.case((asked, sa.func.abs(score.c.intensity - score.c.target)))), 0.0
        ),
    ).group_by(score.c.value, cell)
    return [Sums(row[0], min(max(int(row[1]), 0), 19), *row[2:]) for row in session.execute(query)]


def rows(session: Session, which: Which, most: int) -> list[Row]:
    """At most ``most`` scores, the latest replies first."""
    score = _latest(which)
    query = sa.select(
        score.c.conversation_id,
        score.c.message_id,
        score.c.message_created,
        score.c.profile,
        score.c.model_name,
        score.c.value,
        score.c.target,
        score.c.intensity,
        score.c.stderr,
        score.c.ranker,
    ).order_by(score.c.message_created.desc(), score.c.message_id.desc(), score.c.value)
    return [Row._make(row) for row in session.execute(query.limit(most))]


def measured_conversations(session: Session, most: int) -> list[tuple[str, str]]:
    """(id, title) of the conversations with a score, the one that changed last first."""
    scored = sa.exists().where(
        Message.conversation_id == Conversation.id, Score.message_id == Message.id
    )
    query = sa.select(Conversation.id, Conversation.title).where(scored, KEPT)
    found = session.execute(query.order_by(Conversation.updated.desc()).limit(most))
    return [(id, title) for id, title in found]


def profile_names(session: Session) -> list[str]:
    """The names of the profiles that replies were written with."""
    return _distinct(session, Message.profile["name"].as_string())


def model_names(session: Session) -> list[str]:
    """The names of the models that wrote replies."""
    return _distinct(session, Message.model_name)


def _distinct(session: Session, column: Any) -> list[str]:
    replies = sa.select(column).select_from(Message).join(Conversation)
    query = replies.where(Message.role == "assistant", column.is_not(None), KEPT).distinct()
    return sorted(session.scalars(query), key=str.casefold)


def _latest(which: Which) -> sa.Subquery:
    """The scores that are meant, one a reply and value: the last that was measured."""
    # A look-up a score in the index of scores; numbering the rows would sort all of them.
    later = orm.aliased(Score)
    newer = sa.or_(
        later.created > Score.created,
        sa.and_(later.created == Score.created, later.id > Score.id),
    )
    measured_again = sa.exists().where(
        later.message_id == Score.message_id, later.value == Score.value, newer
    )
    profile = Message.profile["name"].as_string()
    return (
        sa.select(
            Score.message_id,
            Score.value,
            Score.target,
            Score.intensity,
            Score.stderr,
            Score.ranker,
            Message.conversation_id,
            Message.created.label("message_created"),
            profile.label("profile"),
            Message.model_name,
        )
        .join(Message, Message.id == Score.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(KEPT, *_conditions(which, profile), ~measured_again)
        .subquery()
    )


def _conditions(which: Which, profile: Any) -> Sequence[Any]:
    found = []
    if which.conversation is not None:
        found.append(Message.conversation_id == which.conversation)
    if which.profile is not None:
        found.append(profile == which.profile)
    if which.model is not None:
        found.append(Message.model_name == which.model)
    if which.since is not None:
        found.append(Message.created >= which.since)
    if which.targeted:
        found.append(Score.target.is_not(None))
    return found
