"""A calibration: one model's dose-response curves under one method, and what couples them.

On paper it is JSON, ``valueflow.calibration/1``: what was measured (``basis``), how, a curve a
value with every reply's score, and the coupling. That of the built-in model comes with the
program, made by ``valueflow calibrate --out``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.files import written_whole
from chat_app.steering.composition import UNCOUPLED, Coupling
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.dose_response import DoseResponse

FORMAT = "valueflow.calibration/1"

_SKETCHED = 8  # numbers that a direction is known by
# How far they may lie apart, of their length: what another processor rounds otherwise moves them
# by less than a hundredth; the sketches of unlike directions lie 1.4 apart.
_TOLERANCE = 0.1


class CalibrationError(ValueflowError):
    """A calibration that cannot be made or read."""


@dataclass(frozen=True)
class Basis:
    """What a calibration holds for, and what its intensities were measured by."""

    model_name: str
    model_sha256: str
    method: str
    vidb: str
    encoder: str
    ranker: str

    def fits(self, other: "Basis") -> bool:
        """Whether both are of the same model, method and measure; names are for people."""
        return replace(self, model_name="") == replace(other, model_name="")


@dataclass(frozen=True, eq=False)
class Calibration:
    """``responses`` {value: its curve}; ``sketches`` {value: :func:`sketch` of the direction that
    was steered by}, none for methods without vectors; ``how`` tells how it was made."""

    basis: Basis
    responses: Mapping[str, DoseResponse]
    coupling: Coupling = UNCOUPLED
    sketches: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("responses", "sketches", "how"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def only(self, values: Iterable[str]) -> "Calibration":
        """The same with the curves of ``values`` alone."""
        kept = set(values)
        return replace(self, responses={v: r for v, r in self.responses.items() if v in kept})

    def over(self, other: "Calibration") -> "Calibration":
        """Both together: this one's curves where it has them, ``other``'s for the other values.

        The coupling is that of the one which measured more values against each other.
        """
        most = max(self.coupling, other.coupling, key=lambda each: len(each.values))
        return replace(
            self,
            responses={**other.responses, **self.responses},
            sketches={**other.sketches, **self.sketches},
            coupling=most,
        )

    def fitting(self, directions: Mapping[str, ControlVector]) -> "Calibration":
        """Without the curves of values that are steered by another direction now."""
        return self.only(
            value
            for value in self.responses
            if value not in directions
            or value not in self.sketches
            or _alike(self.sketches[value], sketch(directions[value]))
        )

    def to_json(self) -> dict[str, Any]:
        """As ``valueflow.calibration/1``, ready for ``json.dumps``."""
        return {
            "format": FORMAT,
            "basis": asdict(self.basis),
            "how": dict(self.how),
            "values": {
                value: _response_json(response)
                | ({"direction": list(self.sketches[value])} if value in self.sketches else {})
                for value, response in self.responses.items()
            },
            "coupling": {
                "values": list(self.coupling.values),
                "matrix": self.coupling.matrix.round(3).tolist(),
            },
        }

    @classmethod
    def from_json(cls, data: Any) -> "Calibration":
        """What ``to_json`` wrote. Raises :class:`CalibrationError` for anything else."""
        try:
            if data["format"] != FORMAT:
                raise CalibrationError(
                    f"The calibration's format is {data['format']!r}: this version reads {FORMAT}."
                )
            coupling = data["coupling"]
            return cls(
                Basis(**data["basis"]),
                {value: _response(value, row) for value, row in data["values"].items()},
                Coupling(tuple(coupling["values"]), np.array(coupling["matrix"], dtype=float)),
                {v: tuple(row["direction"]) for v, row in data["values"].items()
                 if "direction" in row},
                data["how"],
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CalibrationError(f"This is no calibration: {error!r}.") from None

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; a line a value. Raises CalibrationError."""
        data = self.to_json()
        values = ",\n".join(
            f"  {json.dumps(v)}: {json.dumps(row)}" for v, row in data.pop("values").items()
        )
        coupling = json.dumps(data.pop("coupling"))
        head = json.dumps(data, ensure_ascii=False)[:-1]
        text = f'{head},\n"coupling": {coupling},\n"values": {{\n{values}\n}}}}\n'
        try:
            with written_whole(path) as fresh:
                fresh.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CalibrationError(f"{path} cannot be written: {error.strerror}.") from error

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """The calibration in the file ``path``. Raises :class:`CalibrationError` naming it."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise CalibrationError(f"{path} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise CalibrationError(f"{path} is no calibration: {error}.") from None
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from None


def sketch(vector: ControlVector) -> tuple[float, ...]:
    """Eight numbers that tell one direction from another: s_k = Σ_i cos(k (i + 1)) d_i, k = 1..8,
    over the layers' numbers in a row. Another processor's rounding hardly changes them."""
    flat = np.concatenate([np.zeros(0), *vector.directions.values()]).astype(np.float64)
    waves = np.cos(np.outer(np.arange(1, _SKETCHED + 1), np.arange(1, len(flat) + 1)))
    return tuple(float(f"{number:.4g}") for number in waves @ flat)


def _alike(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    if len(a) != len(b):
        return False
    apart = float(np.linalg.norm(np.subtract(a, b)))
    return apart <= _TOLERANCE * float(max(np.linalg.norm(a), np.linalg.norm(b)))


def _response_json(response: DoseResponse) -> dict[str, Any]:
    def rounded(row: Iterable[float], digits: int) -> list[float]:
        return [round(x, digits) for x in row]

    return {
        "coefficients": list(response.coefficients),
        "fitted": rounded(response.fitted, 3),
        "low": rounded(response.low, 3),
        "high": rounded(response.high, 3),
        "perplexity": rounded(response.perplexity, 3),
        "replies": response.replies,
        "scores": [rounded(row, 1) for row in response.scores],
    }


def _response(value: str, row: Mapping[str, Any]) -> DoseResponse:
    names = ("coefficients", "perplexity", "fitted", "low", "high")
    curves = {name: tuple(float(x) for x in row[name]) for name in names}
    scores = tuple(tuple(float(x) for x in each) for each in row["scores"])
    lengths = {len(scores), *map(len, curves.values())}
    if len(lengths) != 1 or 0.0 not in curves["coefficients"]:
        raise CalibrationError(f"The curve of {value} is not whole.")
    return DoseResponse(value=value, scores=scores, replies=int(row["replies"]), **curves)
