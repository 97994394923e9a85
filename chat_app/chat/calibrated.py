"""The calibrations that are kept: the list, one value's curve, and forgetting one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from chat_app.chat.calibrate import METHODS, grid_of
from chat_app.chat.calibrations import builtin_calibration
from chat_app.chat.trials import Course
from chat_app.db.calibrations import (
    Dose,
    all_calibrations,
    cells_for,
    doses_of,
    get_calibration,
)
from chat_app.db.database import Database
from chat_app.db.tables import CalibrationRow
from chat_app.errors import ValueflowError
from chat_app.steering.calibration import Calibration
from chat_app.steering.dose_response import DoseResponse, fit_dose_response

_BUILTIN = "builtin "  # before the method, the id of one that comes with the program


@dataclass(frozen=True)
class Kept:
    """A calibration in the list. ``values``: those with a whole curve; ``wanted``: those that were
    asked for; ``done`` of ``of`` doses are measured, each with ``course.n`` replies."""

    id: str
    model: str
    model_sha256: str
    method: str
    updated: datetime | None
    course: Course | None
    values: tuple[str, ...]
    wanted: tuple[str, ...]
    begun: tuple[str, ...]
    done: int
    of: int

    @property
    def builtin(self) -> bool:
        """Whether it comes with the program: it cannot be deleted or gone on with."""
        return self.id.startswith(_BUILTIN)

    @property
    def whole(self) -> bool:
        return self.done >= self.of


def list_calibrations(database: Database) -> list[Kept]:
    """Every calibration, the one that changed last first; then those that come with us."""
    with database.read() as session:
        found = [_kept(row, doses_of(session, row.id)) for row in all_calibrations(session)]
    return [*found, *_shipped()]


def find_kept(database: Database, id: str) -> Kept:
    """One of the list. Raises ValueflowError where there is none."""
    if id.startswith(_BUILTIN):
        for each in _shipped():
            if each.id == id:
                return each
        raise ValueflowError(f"No calibration {id!r} comes with the program.")
    with database.read() as session:
        return _kept(get_calibration(session, id), doses_of(session, id))


def curve(database: Database, id: str, value: str) -> DoseResponse | None:
    """The curve of ``value``, of the doses measured so far where not all are; None below two."""
    if id.startswith(_BUILTIN):
        return _builtin(id).responses.get(value)
    with database.read() as session:
        row = get_calibration(session, id)
        cells = {cell.coefficient: cell for cell in cells_for(session, id, value)}
    rest = cells.get(0.0)
    if rest is None or value not in rest.scores or len(cells) < 2:
        return None
    column = [cells[c] for c in sorted(cells)]
    return fit_dose_response(
        value,
        sorted(cells),
        [cell.scores[value] for cell in column],
        [float(np.exp(cell.surprise - rest.surprise)) for cell in column],
        replies=int(row.how.get("replies", 1)),
    )


def ranges(database: Database, id: str) -> dict[str, tuple[float, float, float]]:
    """{value: (lowest in reach, unsteered, highest in reach)} of the values that are whole."""
    if id.startswith(_BUILTIN):
        found = _builtin(id)
    else:
        with database.read() as session:
            row = get_calibration(session, id)
        if not row.finished:
            return {}
        found = Calibration.from_json(row.finished)
    return {
        value: (response.reachable[0], response.predict(0.0).intensity, response.reachable[1])
        for value, response in found.responses.items()
    }


def delete_calibration(database: Database, id: str) -> None:
    """Forget a calibration with all that was measured for it; the chat goes by another one, if
    there is one. Raises ValueflowError for one that comes with the program."""
    if id.startswith(_BUILTIN):
        raise ValueflowError("This calibration comes with the program, so it stays.")
    with database.write() as session:
        session.delete(get_calibration(session, id))


def seconds_a_reply(database: Database, model_sha256: str, method: str) -> float | None:
    """How long a reply took, scoring and all, when ``method`` was last measured with a model; None
    where that cannot be told."""
    with database.read() as session:
        for row in all_calibrations(session):
            if (row.model_sha256, row.method) != (model_sha256, method):
                continue
            times = [dose.created.timestamp() for dose in doses_of(session, row.id)]
            gaps = [b - a for a, b in pairwise(times)]
            replies = row.how["prompts"] * row.how["replies"]
            if len(gaps) >= 2:  # a pause between two runs is one gap among many
                return median(gaps) / replies
    return None


def doses(method: str, values: Sequence[str]) -> int:
    """How many doses are measured for ``values``, the unsteered one among them."""
    return 1 + len(values) * (len(grid_of(method)) - 1) if values else 0


def _kept(row: CalibrationRow, measured: Sequence[Dose]) -> Kept:
    begun = tuple(dict.fromkeys(dose.value for dose in measured if dose.value))
    wanted = tuple(row.how.get("wanted") or begun)
    there = [dose for dose in measured if not dose.value or dose.value in wanted]
    return Kept(
        id=row.id,
        model=str(row.basis.get("model_name", "")),
        model_sha256=row.model_sha256,
        method=row.method,
        updated=row.updated,
        course=_course(row.how),
        values=tuple((row.finished or {}).get("values", ())),
        wanted=wanted,
        begun=begun,
        done=len(there),
        of=doses(row.method, wanted),
    )


def _course(how: dict[str, Any]) -> Course | None:
    """What was asked, where that was noted."""
    asked = how.get("asked")
    if not asked:
        return None
    return Course(tuple(asked), how["replies"], how["max_tokens"], how["seed"])


def _shipped() -> Iterator[Kept]:
    for method in METHODS:
        if found := builtin_calibration(method):
            values = tuple(found.responses)
            n = doses(method, values)
            yield Kept(
                id=f"{_BUILTIN}{method}",
                model=found.basis.model_name,
                model_sha256=found.basis.model_sha256,
                method=method,
                updated=None,
                course=None,
                values=values,
                wanted=values,
                begun=values,
                done=n,
                of=n,
            )


def _builtin(id: str) -> Calibration:
    found = builtin_calibration(id.removeprefix(_BUILTIN))
    if found is None:
        raise ValueflowError(f"No calibration {id!r} comes with the program.")
    return found
