"""What a model's directions are worth before any reply is written.

Held-out separation a layer, how alike the directions of two values are, and their lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chat_app.hives.space import Space
from chat_app.steering.bank import Bank, Read
from chat_app.steering.contrasts import Method
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.directions import chosen_ridge, directions, others_share
from chat_app.steering.separation import separations


@dataclass(frozen=True)
class DirectionReport:
    """``separation`` {layer: {value: AUC}} of texts that the directions never saw, for every
    layer that can be steered; ``layers`` those that are; ``norms`` {value: length of the whole
    vector at coefficient 1}; ``cosines`` float64 [n, n] between the vectors of ``values``."""

    model: str
    method: Method
    read: Read
    layers: tuple[int, ...]
    separation: Mapping[int, Mapping[str, float]]
    values: tuple[str, ...]
    norms: Mapping[str, float]
    cosines: np.ndarray

    def pairs(self, n: int) -> tuple[list[tuple[str, str, float]], list[tuple[str, str, float]]]:
        """The ``n`` most alike pairs of values and the ``n`` most opposed, with their cosines."""
        first, second = np.triu_indices(len(self.values), k=1)
        order = np.argsort(self.cosines[first, second], kind="stable")
        ranked = [
            (self.values[a], self.values[b], float(self.cosines[a, b]))
            for a, b in zip(first[order], second[order], strict=True)
        ]
        return ranked[::-1][:n], ranked[:n]

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "method": self.method,
            "read": self.read,
            "layers": list(self.layers),
            "separation": {
                str(layer): {value: round(auc, 4) for value, auc in found.items()}
                for layer, found in self.separation.items()
            },
            "values": list(self.values),
            "norms": {value: round(norm, 4) for value, norm in self.norms.items()},
            "cosines": [[round(float(c), 4) for c in row] for row in self.cosines],
        }


def direction_report(
    model: str, bank: Bank, space: Space, values: Sequence[str], method: Method = "hives"
) -> DirectionReport:
    """Report on the directions that ``method`` finds for ``values`` in the model of ``bank``."""
    found = directions(bank, space, values, method=method)
    layers = next(iter(found.values())).layers
    others, ridge = 0.0, None
    if method == "hives":
        others = others_share(bank, space, layers)
        ridge = chosen_ridge(bank, space, layers, others)
    n_layer = bank.states.shape[1]
    return DirectionReport(
        model,
        method,
        bank.read,
        layers,
        {
            n: separations(bank, space, n, method, whiten=ridge, others=others)
            for n in range(1, n_layer)
        },
        tuple(found),
        {value: vector.norm for value, vector in found.items()},
        cosines([*found.values()]),
    )


def cosines(vectors: Sequence[ControlVector]) -> np.ndarray:
    """float64 [n, n]: a . b / (|a| |b|), over all layers together."""
    rows = np.stack([v.buffer().data.ravel().astype(np.float64) for v in vectors])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T
