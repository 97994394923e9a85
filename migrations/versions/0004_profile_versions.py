"""Earlier versions of saved profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.String(26)


def upgrade() -> None:
    op.create_table(
        "profile_versions",
        sa.Column("id", _ID, primary_key=True),
        sa.Column(
            "profile_id", _ID, sa.ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("profile", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
    )
    op.create_index("ix_profile_versions_profile_id", "profile_versions", ["profile_id"])


def downgrade() -> None:
    op.drop_table("profile_versions")
