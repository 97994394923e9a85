"""Which calibration a chat goes by: the person's own, else the one that comes with the program."""

import logging
from functools import reduce
from typing import TYPE_CHECKING

from chat_app.db.calibrations import Stamp, finished_calibrations, last_finished
from chat_app.db.database import DatabaseError
from chat_app.settings import data_path
from chat_app.steering.calibration import Basis, Calibration, CalibrationError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

logger = logging.getLogger(__name__)


def basis_of(studio: "Studio", method: str) -> Basis:
    """What a calibration made by ``studio`` now would hold for."""
    info, ranker = studio.model.info, studio.ranker("hives")
    return Basis(
        model_name=info.name,
        model_sha256=info.sha256,
        method=method,
        vidb=studio.vidb.version,
        encoder=studio.encoder.version,
        ranker=f"{ranker.name} {ranker.version}",
    )


def latest(studio: "Studio", method: str) -> Stamp | None:
    """What changes when the studio's model is calibrated in its database, or such a calibration
    is deleted; None where there is none."""
    if not _has_database(studio):
        return None
    try:
        with studio.database.read() as session:
            return last_finished(session, studio.model.info.sha256, method)
    except DatabaseError as error:
        # A reply need not fail for it: what comes with the program is used.
        logger.warning("Calibrations cannot be looked up: %s", error)
        return None


def find_calibration(studio: "Studio", method: str) -> Calibration | None:
    """All curves that hold for the studio's model and measure: of each value the latest in the
    database, else the one that comes with the program. None where there is none."""
    basis = basis_of(studio, method)
    found = [each for each in _stored(studio, method) if each.basis.fits(basis)]
    shipped = builtin_calibration(method)
    if shipped and shipped.basis.fits(basis):
        found.append(shipped)
    if not found:
        return None
    whole = reduce(Calibration.over, found)
    if "vector" in method and studio.model.info.steerable:
        whole = whole.fitting(studio.directions_of(whole.responses))
    return whole if whole.responses else None


def builtin_calibration(method: str) -> Calibration | None:
    """That of the built-in model, which comes with the program; None where none does."""
    path = data_path("models", f"calibration-{method.replace('+', '-')}.json")
    if not path.is_file():
        return None
    try:
        return Calibration.load(path)
    except CalibrationError as error:
        logger.warning("%s", error)
        return None


def _has_database(studio: "Studio") -> bool:
    """A look-up makes no database where there was none."""
    given = studio.settings
    return given.database_url is not None or (given.home / "valueflow.db").is_file()


def _stored(studio: "Studio", method: str) -> list[Calibration]:
    if not _has_database(studio):
        return []
    try:
        with studio.database.read() as session:
            rows = finished_calibrations(session, studio.model.info.sha256, method)
        return [Calibration.from_json(row.finished) for row in rows]
    except (DatabaseError, CalibrationError) as error:
        logger.warning("Stored calibrations cannot be used: %s", error)
        return []
