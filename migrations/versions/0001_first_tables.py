"""Conversations, messages, scores and profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.String(26)


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("updated", sa.DateTime, nullable=False),
        sa.Column("leaf_id", _ID),
        sa.Column("profile", sa.JSON),
    )
    op.create_index("ix_conversations_updated", "conversations", ["updated"])
    op.create_table(
        "messages",
        sa.Column("id", _ID, primary_key=True),
        sa.Column(
            "conversation_id",
            _ID,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("parent_id", _ID, sa.ForeignKey("messages.id", ondelete="CASCADE")),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("profile", sa.JSON),
        sa.Column("steering", sa.JSON),
        sa.Column("vector_hash", sa.String(64)),
        sa.Column("model_name", sa.Text),
        sa.Column("model_sha256", sa.String(64)),
        sa.Column("sampling", sa.JSON),
        sa.Column("seed", sa.BigInteger),
        sa.Column("finish", sa.String(16)),
        sa.Column("error", sa.Text),
        sa.Column("tokens", sa.JSON),
        sa.Column("counts", sa.JSON),
        sa.Column("timings", sa.JSON),
        sa.Column("hash", sa.String(64)),
    )
    op.create_index("ix_messages_conversation_id", "messages", ["conversation_id"])
    op.create_index("ix_messages_parent_id", "messages", ["parent_id"])
    op.create_index("ix_messages_status", "messages", ["status"])
    op.create_table(
        "scores",
        sa.Column("id", _ID, primary_key=True),
        sa.Column(
            "message_id", _ID, sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("target", sa.Double),
        sa.Column("intensity", sa.Double, nullable=False),
        sa.Column("stderr", sa.Double, nullable=False),
        sa.Column("beta", sa.Double),
        sa.Column("dispersion", sa.Double),
        sa.Column("ranker", sa.Text, nullable=False),
        sa.Column("vidb_version", sa.Text, nullable=False),
        sa.Column("windows", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.UniqueConstraint(
            "message_id", "value", "ranker", "vidb_version", name="uq_scores_measure"
        ),
    )
    op.create_table(
        "profiles",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("profile", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("updated", sa.DateTime, nullable=False),
    )


def downgrade() -> None:
    for table in ("profiles", "scores", "messages", "conversations"):
        op.drop_table(table)
