"""Several values at once: which coefficients bring all of them where they are wanted.

Steering by one value moves others too. With A[u, v] the change of value u per unit of coefficient
on v (intensity per unit), measured in the calibration, the *coupling*

    B[u, v] = A[u, v] / A[u, u],    B[u, u] = 1

says how much of u's own dose a unit of v's dose is worth. With x_u the dose that would bring u to
its target if it were alone (a look-up in u's dose-response curve, which is not straight, while
these few numbers are), the doses c of all values together solve the ridge problem

    minimise over c   |B c - x|^2 + λ |c - x|^2,    c = (B'B + λ I)^-1 (B' + λ I) x

so a profile of one value is its look-up, whatever λ; the larger λ, the less the values of a
profile correct each other. Before anything is measured B is the cosine of the values' directions
in the model. (Not of their HIVES axes: with the built-in encoder those of one theory lie at 0.85
to each other, where 0.2 is measured.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chat_app.steering.control_vector import ControlVector

# λ. At 0 two values that pull apart are answered by ever longer vectors, which break the text.
RIDGE = 1.0


@dataclass(frozen=True, eq=False)
class Coupling:
    """B, float [n, n], for ``values`` in their order; its diagonal is 1.

    Values that are not among them are coupled with nothing.
    """

    values: tuple[str, ...]
    matrix: np.ndarray

    def among(self, values: Sequence[str]) -> np.ndarray:
        """B, float [n, n], of other ``values`` in another order."""
        place = {value: i for i, value in enumerate(self.values)}
        found = np.eye(len(values))
        for i, u in enumerate(values):
            for j, v in enumerate(values):
                if i != j and u in place and v in place:
                    found[i, j] = self.matrix[place[u], place[v]]
        return found

    def solve(self, alone: Mapping[str, float], ridge: float = RIDGE) -> dict[str, float]:
        """{value: c} for {value: x}: the doses together, from those that each would take alone."""
        values = list(alone)
        b, x = self.among(values), np.array([alone[v] for v in values], dtype=np.float64)
        penalty = ridge * np.eye(len(values))
        c = np.linalg.solve(b.T @ b + penalty, (b.T + penalty) @ x)
        return {value: float(each) for value, each in zip(values, c, strict=True)}

    def felt(self, doses: Mapping[str, float]) -> dict[str, float]:
        """{value: (B c)_v}: the dose of its own that each value feels under all of ``doses``."""
        values = list(doses)
        felt = self.among(values) @ np.array([doses[v] for v in values], dtype=np.float64)
        return {value: float(each) for value, each in zip(values, felt, strict=True)}


UNCOUPLED = Coupling((), np.zeros((0, 0)))


def direction_coupling(directions: Mapping[str, ControlVector]) -> Coupling:
    """The coupling before anything is measured: the cosines of the directions, all layers."""
    if not directions:
        return UNCOUPLED
    rows = unit_rows(directions)
    return Coupling(tuple(directions), rows @ rows.T)


def unit_rows(directions: Mapping[str, ControlVector]) -> np.ndarray:
    """float [n, n_layer x n_embd]: the directions, their layers in a row, each of length 1."""
    rows = np.array([d.buffer().data.ravel() for d in directions.values()], dtype=np.float64)
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def measured_coupling(
    values: Sequence[str],
    up: Mapping[str, Mapping[str, Sequence[float]]],
    down: Mapping[str, Mapping[str, Sequence[float]]],
) -> Coupling:
    """B from replies at one dose up and the same dose down.

    ``up[v][u]``, ``down[v][u]``: the scores [n] for value u of the replies steered by v, the same
    n prompts both times. A[u, v] is the mean difference; one that is within two standard errors
    of nothing counts as nothing, and so does all that is relative to a value that does not move
    by its own dose.
    """
    n = len(values)
    change, clear = np.zeros((n, n)), np.zeros((n, n), dtype=bool)
    for j, v in enumerate(values):
        if v not in up or v not in down:
            continue
        for i, u in enumerate(values):
            if u not in up[v] or u not in down[v]:
                continue
            difference = np.subtract(up[v][u], down[v][u])
            error = difference.std(ddof=1) / np.sqrt(len(difference))
            change[i, j] = difference.mean()
            clear[i, j] = abs(change[i, j]) > 2 * error
    own = np.diag(change).copy()
    moved = (own > 0) & np.diag(clear)
    matrix = np.eye(n)
    for i in range(n):
        if moved[i]:
            row = np.where(clear[i], change[i] / own[i], 0.0)
            matrix[i] = np.clip(row, -1.0, 1.0)
        matrix[i, i] = 1.0
    return Coupling(tuple(values), matrix)
