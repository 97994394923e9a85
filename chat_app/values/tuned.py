"""Coefficients that were found for a profile by measuring replies (``valueflow profile tune``).

They hold for one model, and only as long as the profile asks for what it asked for then; in a
profile's JSON they stand as ``"tuned": [{"model": SHA-256, "method": "vector", "targets": {...},
"coefficients": {...}}]``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

_KEYS = {"model", "method", "targets", "coefficients"}
_SHA256 = re.compile("[0-9a-f]{64}")
_MOST = 100.0  # a coefficient of 1 adds a vector as long as a hidden state


@dataclass(frozen=True)
class Tuned:
    """``coefficients`` (value, c) under which the model came to ``targets`` (value, t)."""

    model_sha256: str
    method: str
    targets: tuple[tuple[str, float], ...]
    coefficients: tuple[tuple[str, float], ...]

    def holds(self, model_sha256: str, method: str, targets: Mapping[str, float]) -> bool:
        """Whether it is of this model, and just this is asked for."""
        asked = (self.model_sha256, self.method, dict(self.targets))
        return asked == (model_sha256, method, dict(targets))

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model_sha256,
            "method": self.method,
            "targets": dict(self.targets),
            "coefficients": dict(self.coefficients),
        }

    @classmethod
    def from_json(cls, data: Any) -> "Tuned":
        """Raises ValueError with what is wrong."""
        if not isinstance(data, Mapping) or set(data) != _KEYS:
            raise ValueError(f"an entry has the keys {', '.join(sorted(_KEYS))}")
        if not isinstance(data["model"], str) or not _SHA256.fullmatch(data["model"]):
            raise ValueError("model is the SHA-256 of a model file")
        targets, coefficients = (_numbers(key, data[key]) for key in ("targets", "coefficients"))
        if set(dict(targets)) != set(dict(coefficients)):
            raise ValueError("targets and coefficients are of the same values")
        return cls(data["model"], str(data["method"]), targets, coefficients)


def _numbers(key: str, data: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{key} is an object {{value: number}}")
    for number in data.values():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"{key} are numbers")
        if not isfinite(number) or abs(number) > _MOST:
            raise ValueError(f"{key} are numbers up to {_MOST:g}")
    return tuple((str(value), float(number)) for value, number in data.items())
