"""Targets that pull apart: what a profile's author should know before the first reply."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

# A cosine of two values from which on wishes are said to pull together or apart.
_FELT = 0.25


@dataclass(frozen=True)
class Conflict:
    """Targets of ``values`` whose signs go against the ``cosine`` between them; ``expected`` are
    the intensities that the composition is predicted to come to."""

    values: tuple[str, str]
    targets: tuple[float, float]
    cosine: float
    expected: tuple[float, float]


def conflicts(
    targets: Mapping[str, float],
    axes: Mapping[str, np.ndarray],
    expected: Mapping[str, float],
) -> list[Conflict]:
    """The pairs of ``targets`` that pull apart, the strongest first.

    ``axes``: unit float [d], the values' directions in the model, or their HIVES axes where no
    vector steers; t_u t_v a_u . a_v < 0 is a conflict where the cosine is not small. A value
    without an axis or an expectation is left out.
    """
    known = [v for v, t in targets.items() if t and v in axes and v in expected]
    found = []
    for u, v in combinations(known, 2):
        cosine = float(axes[u] @ axes[v])
        if abs(cosine) >= _FELT and cosine * targets[u] * targets[v] < 0:
            pair = (targets[u], targets[v]), cosine, (expected[u], expected[v])
            found.append(Conflict((u, v), *pair))
    return sorted(found, key=lambda conflict: -abs(conflict.cosine))
