"""The tables. Messages form a tree by ``parent_id``, so another answer or another wording is a
branch and nothing is lost; a conversation points at the leaf of the branch that is shown.

Plain columns and JSON only, so that SQLite and PostgreSQL both serve.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from ulid import ULID

ID_LENGTH = 26


def new_id() -> str:
    """A ULID: 26 letters that sort by the time of their making."""
    return str(ULID())


def now() -> datetime:
    """The time in UTC, in whole milliseconds: what a database and a transcript both keep."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored as UTC without a zone (SQLite has none) and read back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What the migrations know the tables by."""


class Conversation(Base):
    """A titled tree of messages with the profile that its next reply is steered by.

    ``pinned``, ``archived`` and ``deleted`` say since when it is. A deleted one is shown nowhere;
    its rows stay for a while, so that deleting can be taken back.
    """

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    title: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
    # No foreign key: messages point at conversations already, and a circle of keys gains nothing.
    leaf_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    profile: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pinned: Mapped[datetime | None] = mapped_column(UtcDateTime)
    archived: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConversationTag(Base):
    """A word that a person has put on a conversation."""

    __tablename__ = "conversation_tags"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    tag: Mapped[str] = mapped_column(Text, primary_key=True, index=True)


class Message(Base):
    """One turn. What a reply was made with stands in it, so that it can be made again.

    status: "finished", or for replies also "writing", "stopped", "failed". ``steering`` holds
    what the profile came to for the model: coefficients, layers, norm, system prompt, notes.
    ``hash`` covers the row's content and the parent's hash (chat.chain); none while "writing".
    """

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation_id", "conversation_id"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    parent_id: Mapped[str | None] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), index=True)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    profile: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    steering: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    vector_hash: Mapped[str | None] = mapped_column(String(64))
    model_name: Mapped[str | None] = mapped_column(Text)
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    sampling: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    seed: Mapped[int | None] = mapped_column(BigInteger)
    finish: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    tokens: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    counts: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True))
    timings: Mapped[dict[str, float] | None] = mapped_column(JSON(none_as_null=True))
    hash: Mapped[str | None] = mapped_column(String(64))


class Score(Base):
    """A measured intensity of one message for one value, with all that it was measured by."""

    __tablename__ = "scores"
    __table_args__ = (
        UniqueConstraint("message_id", "value", "ranker", "vidb_version", name="uq_scores_measure"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    value: Mapped[str] = mapped_column(Text)
    target: Mapped[float | None]
    intensity: Mapped[float]
    stderr: Mapped[float]
    beta: Mapped[float | None]
    dispersion: Mapped[float | None]
    ranker: Mapped[str] = mapped_column(Text)
    vidb_version: Mapped[str] = mapped_column(Text)
    windows: Mapped[list[Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class ProfileRow(Base):
    """A saved profile, whole, under its name."""

    __tablename__ = "profiles"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text, unique=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class ProfileVersion(Base):
    """What a saved profile was before it was saved anew; ``created``: when it was saved so."""

    __tablename__ = "profile_versions"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    profile_id: Mapped[str] = mapped_column(
        ForeignKey("profiles.id", ondelete="CASCADE"), index=True
    )
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class CalibrationRow(Base):
    """How a model answers to a method's doses. ``key`` names all that its numbers follow from;
    ``finished`` is the calibration as ``valueflow.calibration/1``, once it has a whole curve."""

    __tablename__ = "calibrations"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    model_sha256: Mapped[str] = mapped_column(String(64), index=True)
    method: Mapped[str] = mapped_column(String(16))
    basis: Mapped[dict[str, Any]] = mapped_column(JSON)
    how: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class CalibrationCell(Base):
    """The replies to all prompts at one dose of one value ("" at 0, where none is steered).

    ``scores`` {value: every reply's intensity}; ``surprise``: mean -log p a token, in nats, of the
    replies under the unsteered model; ``steered_by``: the hash of the vector and the words.
    """

    __tablename__ = "calibration_cells"
    __table_args__ = (
        UniqueConstraint(
            "calibration_id", "value", "coefficient", name="uq_calibration_cells_dose"
        ),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    calibration_id: Mapped[str] = mapped_column(ForeignKey("calibrations.id", ondelete="CASCADE"))
    value: Mapped[str] = mapped_column(Text)
    coefficient: Mapped[float]
    steered_by: Mapped[str] = mapped_column(String(64))
    scores: Mapped[dict[str, list[float]]] = mapped_column(JSON)
    surprise: Mapped[float]
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
