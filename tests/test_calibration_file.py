"""A calibration on paper, and which directions and models it holds for."""

import json
from dataclasses import replace

import numpy as np
import pytest

from chat_app.steering.calibration import Basis, Calibration, CalibrationError, sketch
from chat_app.steering.composition import Coupling
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.dose_response import fit_dose_response

KIND, POWER = "svt/benevolence", "svt/power"
BASIS = Basis("tiny", "ab" * 32, "vector", "v1", "e1", "hives 1")
ROWS = np.random.default_rng(0).normal(size=(2, 32))


def vector(row) -> ControlVector:
    return ControlVector("llama", 4, 32, {1: row, 2: 0.5 * row})


def made(values=(KIND, POWER), slope=16.0) -> Calibration:
    grid = (-0.5, -0.25, 0.0, 0.25, 0.5)
    scores = [[slope * c + d for d in (-0.4, 0.1, 0.2, 0.3, -0.2)] for c in grid]
    return Calibration(
        BASIS,
        {v: fit_dose_response(v, grid, scores, (1.4, 1.2, 1.0, 1.1, 1.6)) for v in values},
        Coupling(tuple(values), np.eye(len(values))),
        {v: sketch(vector(row)) for v, row in zip(values, ROWS, strict=False)},
        {"prompts": 5, "made": "2026-01-02"},
    )


def test_it_comes_back_from_its_file(tmp_path):
    made().save(tmp_path / "c.json")
    found = Calibration.load(tmp_path / "c.json")
    assert found.basis == BASIS
    assert dict(found.how) == {"prompts": 5, "made": "2026-01-02"}
    assert found.sketches == made().sketches
    for value, known in made().responses.items():
        again = found.responses[value]
        assert again.coefficients == known.coefficients
        assert again.fitted == pytest.approx(known.fitted, abs=1e-3)
        assert again.limits == pytest.approx(known.limits, abs=1e-3)
        np.testing.assert_allclose(again.scores, known.scores, atol=0.051)
    np.testing.assert_allclose(found.coupling.matrix, np.eye(2))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("values"),
        lambda d: d.update(format="valueflow.calibration/9"),
        lambda d: d["values"][KIND].update(fitted=[1.0]),
        lambda d: d["values"][KIND].update(coefficients=[1.0, 2.0, 3.0, 4.0, 5.0]),
        lambda d: d["basis"].update(colour="blue"),
        lambda d: d.update(coupling=None),
    ],
)
def test_a_broken_file_is_named(tmp_path, change):
    data = made().to_json()
    change(data)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(data))
    with pytest.raises(CalibrationError, match=r"broken\.json"):
        Calibration.load(path)
    path.write_text("{")
    with pytest.raises(CalibrationError, match=r"broken\.json is no calibration"):
        Calibration.load(path)


def test_it_holds_for_its_own_directions_only():
    same = {KIND: vector(ROWS[0]), POWER: vector(ROWS[1])}
    assert set(made().fitting(same).responses) == {KIND, POWER}
    rounded = {KIND: vector(ROWS[0].astype(np.float16)), POWER: vector(ROWS[1] * 1.001)}
    assert set(made().fitting(rounded).responses) == {KIND, POWER}
    turned = ROWS[0] + 0.9 * np.linalg.norm(ROWS[0]) * ROWS[1] / np.linalg.norm(ROWS[1])
    other = {KIND: vector(turned), POWER: vector(-ROWS[1])}
    assert made().fitting(other).responses == {}


def test_it_holds_for_its_own_model_and_measure_only():
    assert BASIS.fits(replace(BASIS, model_name="renamed"))
    for name in ("model_sha256", "method", "vidb", "encoder", "ranker"):
        assert not BASIS.fits(replace(BASIS, **{name: "other"}))


def test_ones_own_curve_goes_before_that_of_the_program():
    own, shipped = made([KIND], slope=8.0), made()
    both = own.over(shipped)
    assert set(both.responses) == {KIND, POWER}
    assert both.responses[KIND] == own.responses[KIND]
    assert both.coupling is shipped.coupling
