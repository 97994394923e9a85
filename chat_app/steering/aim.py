"""From target intensities to doses, and back from doses to what they are expected to come to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chat_app.steering.calibration import Calibration
from chat_app.steering.composition import UNCOUPLED, Coupling
from chat_app.steering.dose_response import Predicted
from chat_app.values.custom import value_label

# The coefficient of intensity 10 where nothing was measured, in typical hidden-state norms.
DEFAULT_SCALE = 0.5
# The longest sum of a profile's directions, in lengths of one value's direction at intensity 10.
# At 1.5 the built-in model still writes whole sentences, at 2 it slips, at 2.5 its text breaks up
# (training/check_strength.py); other models are not measured yet.
LONGEST = 1.5

_OUT_OF_REACH = 0.5  # a target that is missed by less is not worth a word


@dataclass(frozen=True)
class Aim:
    """``coefficients`` {value: c}; ``notes`` say which targets are out of reach."""

    coefficients: Mapping[str, float]
    notes: tuple[str, ...] = ()


def aim(
    targets: Mapping[str, float],
    calibration: Calibration | None = None,
    coupling: Coupling = UNCOUPLED,
    model: str = "the model",
) -> Aim:
    """The doses of all ``targets`` together (``composition``), from those that each would take.

    Alone a value takes its look-up in the calibration, and where there is none
    c = t / 10 x DEFAULT_SCALE. No dose goes beyond its value's coherence limit.
    """
    alone, notes = {}, []
    for value, target in targets.items():
        response = calibration.responses.get(value) if calibration else None
        if response is None:
            alone[value] = target / 10 * DEFAULT_SCALE
            continue
        found = response.coefficient(target)
        alone[value] = found.coefficient
        if abs(found.reached - target) > _OUT_OF_REACH:
            low, high = response.reachable
            notes.append(
                f"{value_label(value)} {target:+g} is out of reach for {model}, which was measured "
                f"from {low:+.1f} to {high:+.1f}: {found.reached:+.1f} is aimed at."
            )
    together = coupling.solve(alone)
    return Aim({v: _within(v, c, calibration) for v, c in together.items()}, tuple(notes))


def _within(value: str, coefficient: float, calibration: Calibration | None) -> float:
    response = calibration.responses.get(value) if calibration else None
    lowest, highest = response.limits if response else (-LONGEST * DEFAULT_SCALE,
                                                        LONGEST * DEFAULT_SCALE)  # fmt: skip
    return float(np.clip(coefficient, lowest, highest))


def expected(
    coefficients: Mapping[str, float],
    calibration: Calibration | None = None,
    coupling: Coupling = UNCOUPLED,
) -> dict[str, Predicted]:
    """{value: the intensity that these doses together are expected to come to}.

    f_v((B c)_v) with v's own curve; without one the straight line that :func:`aim` takes, of whose
    band nothing is known.
    """
    found = {}
    for value, dose in coupling.felt(coefficients).items():
        response = calibration.responses.get(value) if calibration else None
        if response is not None:
            found[value] = response.predict(dose)
        else:
            straight = float(np.clip(dose / DEFAULT_SCALE * 10, -10, 10))
            found[value] = Predicted(straight, -10.0, 10.0)
    return found
