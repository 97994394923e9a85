"""Queries on calibrations and on what has been measured for them so far."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chat_app.db.errors import DatabaseError
from chat_app.db.tables import CalibrationCell, CalibrationRow


class Stamp(NamedTuple):
    """When the latest of some calibrations was finished, and how many there are: it changes when
    one is made and when one is deleted."""

    latest: datetime
    made: int


class Dose(NamedTuple):
    """A dose that was measured, and when."""

    value: str
    coefficient: float
    created: datetime


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


def last_finished(session: Session, model_sha256: str, method: str) -> Stamp | None:
    """The stamp of those; None where there are none."""
    latest, count = session.execute(
        sa.select(sa.func.max(CalibrationRow.updated), sa.func.count(CalibrationRow.id)).where(
            CalibrationRow.model_sha256 == model_sha256,
            CalibrationRow.method == method,
            CalibrationRow.finished.is_not(None),
        )
    ).one()
    return Stamp(latest, count) if count else None


def get_calibration(session: Session, id: str) -> CalibrationRow:
    """Raises DatabaseError where there is none."""
    found = session.get(CalibrationRow, id)
    if found is None:
        raise DatabaseError(f"There is no calibration {id!r}: it may have been deleted.")
    return found


def all_calibrations(session: Session) -> list[CalibrationRow]:
    """Finished or not, the one that changed last first."""
    order = (CalibrationRow.updated.desc(), CalibrationRow.id.desc())
    return list(session.scalars(sa.select(CalibrationRow).order_by(*order)))


def doses_of(session: Session, calibration_id: str) -> list[Dose]:
    """What has been measured, without its scores, in the order of measuring."""
    query = (
        sa.select(CalibrationCell.value, CalibrationCell.coefficient, CalibrationCell.created)
        .where(CalibrationCell.calibration_id == calibration_id)
        .order_by(CalibrationCell.created, CalibrationCell.id)
    )
    return [Dose(*row) for row in session.execute(query)]


def cells_for(session: Session, calibration_id: str, value: str) -> list[CalibrationCell]:
    """The cells that a value's curve is laid through: its own, and the unsteered one."""
    query = sa.select(CalibrationCell).where(
        CalibrationCell.calibration_id == calibration_id,
        CalibrationCell.value.in_(["", value]),
    )
    return list(session.scalars(query))
