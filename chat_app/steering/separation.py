"""How well a layer's directions tell support from opposition in texts that they never saw."""

from collections.abc import Mapping

import numpy as np

from chat_app.hives.space import Space
from chat_app.steering.bank import Bank
from chat_app.steering.contrasts import Method, raw_directions, sides


def separation(
    bank: Bank,
    space: Space,
    layer: int,
    method: Method = "hives",
    *,
    whiten: float | None = None,
    others: float = 0.0,
) -> float:
    """The mean over values of :func:`separations`, 0.5 where there is none."""
    found = separations(bank, space, layer, method, whiten=whiten, others=others)
    return float(np.mean([*found.values()])) if found else 0.5


def separations(
    bank: Bank,
    space: Space,
    layer: int,
    method: Method = "hives",
    *,
    whiten: float | None = None,
    others: float = 0.0,
) -> Mapping[str, float]:
    """{value: AUC} of the value's own texts along its direction, for the values of the VIDB.

    The area under the ROC curve: 0.5 chance, 1 perfect; the mean over the two halves of the
    texts, each judged by directions made from the other half.
    """
    states = bank.states[:, layer].astype(np.float64)
    values = sorted({a.value.partition(":")[0] for a in space.vidb.anchors})
    half = np.arange(len(states)) % 2 == 0
    areas: dict[str, list[float]] = {}
    for seen in (half, ~half):
        raw = raw_directions(states, space, values, method, whiten=whiten, others=others, seen=seen)
        for i, value in enumerate(values):
            intensity = sides(space, value) * ~seen
            along = states @ raw[:, i]
            area = auc(along[intensity > 0], along[intensity < 0])
            if area is not None:
                areas.setdefault(value, []).append(area)
    return {value: float(np.mean(found)) for value, found in areas.items()}


def auc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """P(positive > negative), ties counted half; None where one side is empty.

    >>> auc(np.array([2.0, 1.0]), np.array([1.0, 0.0]))
    0.875
    """
    if not len(positive) or not len(negative):
        return None
    difference = positive[:, None] - negative[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))
