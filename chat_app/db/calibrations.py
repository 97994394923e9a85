"""Queries on calibrations and on what has been measured for them so far."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.tables import CalibrationCell, CalibrationRow


def find_calibration(session: Session, key: str) -> CalibrationRow | None:
    return session.scalar(sa.select(CalibrationRow).where(CalibrationRow.key == key))


def cells_of(session: Session, calibration_id: str) -> list[CalibrationCell]:
    """What has been measured, in no order."""
    query = sa.select(CalibrationCell).where(CalibrationCell.calibration_id == calibration_id)
    return list(session.scalars(query))


def finished_calibrations(session: Session, model_sha256: str, method: str) -> list[CalibrationRow]:
    """Those of a model under a method that can be used, the latest first."""
    query = sa.select(CalibrationRow).where(
        CalibrationRow.model_sha256 == model_sha256,
        CalibrationRow.method == method,
        CalibrationRow.finished.is_not(None),
    )
    return list(session.scalars(query.order_by(CalibrationRow.updated.desc())))


def last_finished(session: Session, model_sha256: str, method: str) -> datetime | None:
    """When the latest of those was finished."""
    return session.scalar(
        sa.select(sa.func.max(CalibrationRow.updated)).where(
            CalibrationRow.model_sha256 == model_sha256,
            CalibrationRow.method == method,
            CalibrationRow.finished.is_not(None),
        )
    )
