"""Calibrations: what each dose came to, and the curves through them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.String(26)


def upgrade() -> None:
    op.create_table(
        "calibrations",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("basis", sa.JSON, nullable=False),
        sa.Column("how", sa.JSON, nullable=False),
        sa.Column("finished", sa.JSON),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("updated", sa.DateTime, nullable=False),
    )
    op.create_index("ix_calibrations_model_sha256", "calibrations", ["model_sha256"])
    op.create_table(
        "calibration_cells",
        sa.Column("id", _ID, primary_key=True),
        sa.Column(
            "calibration_id",
            _ID,
            sa.ForeignKey("calibrations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("coefficient", sa.Double, nullable=False),
        sa.Column("steered_by", sa.String(64), nullable=False),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("surprise", sa.Double, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.UniqueConstraint(
            "calibration_id", "value", "coefficient", name="uq_calibration_cells_dose"
        ),
    )


def downgrade() -> None:
    for table in ("calibration_cells", "calibrations"):
        op.drop_table(table)
