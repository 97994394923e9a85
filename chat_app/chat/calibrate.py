"""Measuring how a model answers to doses: the replies, their scores, the curves through them.

A *cell* is one dose of one value: all prompts answered and scored. Cells are stored as they come,
so that an interruption costs one of them at most, and a later run measures what is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from chat_app.chat.calibrations import basis_of
from chat_app.chat.chain import sha256
from chat_app.chat.trials import Course, answers, surprise
from chat_app.db.calibrations import cells_of, find_calibration
from chat_app.db.tables import CalibrationCell, CalibrationRow, now
from chat_app.errors import ValueflowError
from chat_app.steering.aim import DEFAULT_SCALE
from chat_app.steering.calibration import Calibration, sketch
from chat_app.steering.compose import Composition
from chat_app.steering.composition import Coupling, measured_coupling
from chat_app.steering.dose_response import DoseResponse, fit_dose_response
from chat_app.values.custom import is_custom
from chat_app.values.taxonomy import STEERED

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

# The doses, as the intensities that they are when nothing has been measured. Words have five
# strengths, vectors reach beyond 10 to where the text may break up.
_DOSES = {
    "vector": (-12, -8, -4, 0, 4, 8, 12),
    "prompt": (-8, -4, 0, 4, 8),
    "exemplar": (-8, -4, 0, 4, 8),
    "vector+prompt": (-8, -4, 0, 4, 8),
}
# That at which the other values are measured too, for the coupling.
_COUPLED = 8
METHODS = tuple(_DOSES)

Progress = Callable[[str, int, int], None]
Cells = dict[tuple[str, float], CalibrationCell]


def grid_of(method: str) -> tuple[float, ...]:
    """The coefficients of ``method``'s doses. Raises ValueflowError where it has none."""
    if method not in _DOSES:
        raise ValueflowError(
            f"The method {method!r} has no dose: calibrate one of {', '.join(METHODS)}."
        )
    return tuple(dose / 10 * DEFAULT_SCALE for dose in _DOSES[method])


def calibrate(
    studio: "Studio",
    method: str,
    values: Sequence[str],
    course: Course,
    progress: Progress | None = None,
) -> Calibration:
    """Measure ``values`` under ``method``; what was measured earlier in the same way is kept.

    The calibration has the curves of these values and of the earlier ones. It is stored, and the
    studio's chat goes by it from now on. ``progress(what, done, of)`` counts replies.
    """
    return _Run(studio, method, course, progress).go(values)


class _Run:
    """A calibration under way."""

    def __init__(
        self, studio: "Studio", method: str, course: Course, progress: Progress | None
    ) -> None:
        self.studio, self.method, self.course = studio, method, course
        self.grid = grid_of(method)
        self.coupled = _COUPLED / 10 * DEFAULT_SCALE
        if method in ("vector", "vector+prompt") and not studio.model.info.steerable:
            raise ValueflowError(
                f"{studio.model.info.name} takes no control vectors in llama.cpp: calibrate the "
                "method 'prompt'."
            )
        self.basis = basis_of(studio, method)
        self._progress = progress
        self._replies_done = 0
        self._replies = 0

    def go(self, values: Sequence[str]) -> Calibration:
        row = self._row(values)
        cells = self._kept(row)
        doses = [("", 0.0)] + [(value, c) for value in values for c in self.grid if c]
        # A value in a person's own words that was not scored the last time is scored now.
        if ("", 0.0) in cells and set(values) - set(cells["", 0.0].scores):
            del cells["", 0.0]
        missing = [dose for dose in doses if dose not in cells]
        self._replies, self._replies_done = len(missing) * self.course.n, 0
        try:
            for value, coefficient in missing:
                cells[value, coefficient] = self._measure(row, value, coefficient, values)
        except BaseException:
            # What is whole serves the chat, though the rest is missing.
            if self._whole(cells) and self._model_stayed:
                self._finish(row, cells)
            raise
        return self._finish(row, cells)

    def _finish(self, row: CalibrationRow, cells: Cells) -> Calibration:
        """Store the calibration as far as it has come."""
        finished = self._calibration(cells)
        with self.studio.database.write() as session:
            stored = session.get_one(CalibrationRow, row.id)
            stored.finished, stored.updated = finished.to_json(), now()
        return finished

    def _row(self, values: Sequence[str]) -> CalibrationRow:
        """The calibration of this model, measure and course, begun now or earlier. It notes what
        is wanted, so that it can be gone on with by itself."""
        how = self._how()
        # Names are for people, and do not make another measurement.
        key = sha256([asdict(self.basis) | {"model_name": ""}, how])
        with self.studio.database.write() as session:
            row = find_calibration(session, key)
            if row is None:
                row = CalibrationRow(
                    key=key,
                    model_sha256=self.basis.model_sha256,
                    method=self.method,
                    basis=asdict(self.basis),
                    how=how,
                )
                session.add(row)
            wanted = dict.fromkeys([*row.how.get("wanted", ()), *values])
            row.how = {**how, "wanted": list(wanted), "asked": list(self.course.prompts)}
            row.updated = now()
            return row

    def _how(self) -> dict[str, Any]:
        settings = self.studio.settings
        return {
            "prompts": len(self.course.prompts),
            "prompts_sha256": sha256(list(self.course.prompts)),
            "replies": self.course.replies,
            "max_tokens": self.course.max_tokens,
            "seed": self.course.seed,
            "coefficients": list(self.grid),
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "min_p": settings.min_p,
            "repeat_penalty": settings.repeat_penalty,
        }

    def _kept(self, row: CalibrationRow) -> Cells:
        """What was measured already, under the very vectors and words of today."""
        with self.studio.database.read() as session:
            cells = cells_of(session, row.id)
        return {
            (cell.value, cell.coefficient): cell
            for cell in cells
            if cell.steered_by == _hash(self._composition(cell.value, cell.coefficient))
        }

    def _composition(self, value: str, coefficient: float) -> Composition:
        if not value:
            return Composition()
        return self.studio.at_doses(self.method, {value: coefficient})

    def _measure(
        self, row: CalibrationRow, value: str, coefficient: float, values: Sequence[str]
    ) -> CalibrationCell:
        self._same_model()
        how = self._composition(value, coefficient)
        replies = answers(self.studio, self.course, how, self._told)
        said = [reply.said.reply for reply in replies]
        texts = [text if text.strip() else "." for text in said]
        scored = self._scored(value, coefficient, values)
        with self.studio.measuring:
            found = self.studio.evaluator.measure_many(texts, scored)
        cell = CalibrationCell(
            calibration_id=row.id,
            value=value,
            coefficient=coefficient,
            steered_by=_hash(how),
            scores={v: [round(each[v].intensity, 2) for each in found] for v in scored},
            surprise=surprise(self.studio, self.course, replies),
        )
        self._same_model()
        with self.studio.database.write() as session:
            for old in cells_of(session, row.id):
                if (old.value, old.coefficient) == (value, coefficient):
                    session.delete(old)
            session.flush()
            session.add(cell)
        return cell

    @property
    def _model_stayed(self) -> bool:
        return self.studio.model.info.sha256 == self.basis.model_sha256

    def _same_model(self) -> None:
        """Raises ValueflowError where the studio was given another model meanwhile."""
        if not self._model_stayed:
            raise ValueflowError(
                f"Another model was loaded, so the calibration of {self.basis.model_name} has "
                "stopped: load that model again and resume."
            )

    def _scored(self, value: str, coefficient: float, values: Sequence[str]) -> list[str]:
        """The values that a cell's replies are scored for."""
        if not value:
            return list(dict.fromkeys([*self._all_values(), *values]))
        others = self._all_values() if abs(coefficient) == self.coupled else []
        return list(dict.fromkeys([value, *(others if not is_custom(value) else [])]))

    def _all_values(self) -> list[str]:
        known = set(self.studio.vidb.values)
        return [value for value in STEERED if value in known]

    def _told(self) -> None:
        self._same_model()
        self._replies_done += 1
        if self._progress:
            self._progress("Asking at each dose", self._replies_done, self._replies)

    def _whole(self, cells: Cells) -> list[str]:
        """The values of which every dose was measured."""
        rest = cells.get(("", 0.0))
        steered = dict.fromkeys(value for value, _ in cells if value)
        return [
            value
            for value in steered
            if rest and value in rest.scores and all((value, c) in cells for c in self.grid if c)
        ]

    def _calibration(self, cells: Cells) -> Calibration:
        """The curves of all values of which every dose was measured."""
        whole = self._whole(cells)
        directions = self.studio.directions_of(whole) if "vector" in self.method else {}
        return Calibration(
            self.basis,
            {value: self._response(value, cells) for value in whole},
            self._coupling(whole, cells),
            {value: sketch(vector) for value, vector in directions.items()},
            {**self._how(), "made": f"{now():%Y-%m-%d}"},
        )

    def _response(self, value: str, cells: Cells) -> DoseResponse:
        rest = cells["", 0.0]
        column = [cells[value, c] if c else rest for c in self.grid]
        return fit_dose_response(
            value,
            self.grid,
            [cell.scores[value] for cell in column],
            [float(np.exp(cell.surprise - rest.surprise)) for cell in column],
            replies=self.course.replies,
        )

    def _coupling(self, values: Sequence[str], cells: Cells) -> Coupling:
        known = [value for value in values if not is_custom(value)]
        up = {value: cells[value, self.coupled].scores for value in known}
        down = {value: cells[value, -self.coupled].scores for value in known}
        return measured_coupling(known, up, down)


def _hash(how: Composition) -> str:
    return sha256([how.vector.hash if how.vector else None, how.system_prompt])
