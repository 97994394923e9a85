"""From target intensities to doses, and back from doses to what they are expected to come to.

Several values share a reply. In the built-in model they do not add up: two equal doses of unlike
values bring each to about half of what it would reach alone, since each sentence speaks for one
of them (docs/log.md). What is expected of doses c is therefore a mean of single effects, weighted
by how much of the vector is each value's, at the length of the whole:

    L = sqrt(Σ_v c_v²),  w_v = c_v² / L²,  E_u = Σ_v w_v f_u(B[u, v] sign(c_v) L)

with f_u the dose-response curve of u and B the coupling (``composition``). For one value it is
f_u(c_u). The doses of a profile are those of which the targets are expected.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chat_app.steering.calibration import Calibration
from chat_app.steering.composition import UNCOUPLED, Coupling
from chat_app.steering.dose_response import DoseResponse, Predicted
from chat_app.values.custom import value_label
from chat_app.values.numerals import fixed, signed

# The coefficient of intensity 10 where nothing was measured, in typical hidden-state norms.
DEFAULT_SCALE = 0.5
# The longest sum of a profile's directions, in lengths of one value's direction at intensity 10.
# At 1.5 the built-in model still writes whole sentences, at 2 it slips, at 2.5 its text breaks up
# (training/check_strength.py); other models are not measured yet.
LONGEST = 1.5

_OUT_OF_REACH = 0.5  # a target that is missed by less is not worth a word
_SHORT = 1.0  # nor one that is missed by less because others share the reply
_STEPS, _GAIN = 60, 0.5  # of the correction, which goes slowly and so does not swing


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
    """The doses of all ``targets`` together, from those that each would take alone.

    Alone a value takes its look-up in the calibration, and where there is none
    c = t / 10 x DEFAULT_SCALE. Without any calibration the coupling's ridge solution joins them;
    with one, they are corrected until the targets are expected. No dose goes beyond its value's
    coherence limit, nor the whole beyond the largest of these.
    """
    alone, reached, notes = {}, {}, []
    for value, target in targets.items():
        response = _response(value, calibration)
        if response is None:
            alone[value], reached[value] = target / 10 * DEFAULT_SCALE, target
            continue
        found = response.coefficient(target)
        alone[value], reached[value] = found.coefficient, found.reached
        if abs(found.reached - target) > _OUT_OF_REACH:
            low, high = response.reachable
            notes.append(
                f"{value_label(value)} {signed(target)} is out of reach for {model}, which was "
                f"measured from {fixed(low)} to {fixed(high)}: {fixed(found.reached)} is aimed at."
            )
    if not any(_response(value, calibration) for value in targets):
        doses = coupling.solve(alone)
        return Aim({v: _within(v, c, calibration) for v, c in doses.items()}, tuple(notes))
    doses = _corrected(alone, reached, calibration, coupling) if len(alone) > 1 else alone
    return Aim(doses, (*notes, *_shortfall(reached, expected(doses, calibration, coupling))))


def _corrected(
    alone: Mapping[str, float],
    wanted: Mapping[str, float],
    calibration: Calibration | None,
    coupling: Coupling,
) -> dict[str, float]:
    """The doses of which ``wanted`` is expected, or what comes near within the limits."""
    doses = dict(alone)
    slopes = {v: _slope(v, calibration) for v in doses}
    ends = [abs(end) for v in doses for end in _limits(v, calibration)]
    for _ in range(_STEPS):
        hoped = expected(doses, calibration, coupling)
        lacking = {v: (wanted[v] - hoped[v].intensity) / slopes[v] for v in doses}
        step = coupling.solve(lacking)
        doses = {v: _within(v, c + _GAIN * step[v], calibration) for v, c in doses.items()}
        length = float(np.sqrt(sum(c**2 for c in doses.values())))
        if length > max(ends):
            doses = {v: c * max(ends) / length for v, c in doses.items()}
    return doses


def _shortfall(wanted: Mapping[str, float], hoped: Mapping[str, Predicted]) -> tuple[str, ...]:
    """One sentence where values that share the reply cannot all be brought to their targets."""
    if all(abs(wanted[v] - hoped[v].intensity) <= _SHORT for v in wanted):
        return ()
    listed = ", ".join(f"{value_label(v)} {fixed(hoped[v].intensity)}" for v in wanted)
    return (f"These values share the reply, so that not all of them are reached: expect {listed}.",)


def _response(value: str, calibration: Calibration | None) -> DoseResponse | None:
    return calibration.responses.get(value) if calibration else None


def _limits(value: str, calibration: Calibration | None) -> tuple[float, float]:
    response = _response(value, calibration)
    longest = LONGEST * DEFAULT_SCALE
    return response.limits if response else (-longest, longest)


def _slope(value: str, calibration: Calibration | None) -> float:
    """Intensity per unit of coefficient, over all of what is reachable."""
    response, (lowest, highest) = _response(value, calibration), _limits(value, calibration)
    if response is None or highest <= lowest:
        return 10 / DEFAULT_SCALE
    low, high = response.reachable
    return max((high - low) / (highest - lowest), 1.0)


def _within(value: str, coefficient: float, calibration: Calibration | None) -> float:
    return float(np.clip(coefficient, *_limits(value, calibration)))


def expected(
    doses: Mapping[str, float],
    calibration: Calibration | None = None,
    coupling: Coupling = UNCOUPLED,
) -> dict[str, Predicted]:
    """{value: the intensity E that these doses together are expected to come to}.

    Where nothing was measured: the straight line t = c / DEFAULT_SCALE x 10 of the dose that each
    value feels, of whose band nothing is known.
    """
    if not any(_response(value, calibration) for value in doses):
        return {v: _straight(c) for v, c in coupling.felt(doses).items()}
    values, c = list(doses), np.array(list(doses.values()))
    length = float(np.sqrt((c**2).sum()))
    shares = c**2 / length**2 if length else np.full(len(c), 1 / len(c))
    felt = coupling.among(values) * np.sign(c) * length  # [u, v]
    found = {}
    for u, row in zip(values, felt, strict=True):
        response = _response(u, calibration)
        parts = response.at(row) if response else _straight_at(row)
        found[u] = Predicted(*(parts @ shares).tolist())
    return found


def _straight(dose: float) -> Predicted:
    return Predicted(*_straight_at(np.array([dose]))[:, 0].tolist())


def _straight_at(doses: np.ndarray) -> np.ndarray:
    line = np.clip(doses / DEFAULT_SCALE * 10, -10, 10)
    return np.stack([line, np.full(len(line), -10.0), np.full(len(line), 10.0)])
