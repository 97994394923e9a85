"""What a text's label is to HIVES: the path of its value, and a direction.

The path runs from the theory down to the value, ("right", "first_generation", "civil_rights");
the direction is support (+1), neutral (0) or oppose (-1).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chat_app.values.taxonomy import get_value

# Between these, 95% of the seed's texts that were written as neutral; beyond, 95% of the others.
NEUTRAL_BELOW = 2.5


def direction(intensity: float) -> int:
    """+1 (support), 0 (neutral) or -1 (oppose) for an intensity in [-10, 10]."""
    return int(intensity >= NEUTRAL_BELOW) - int(intensity <= -NEUTRAL_BELOW)


def label_path(value: str) -> tuple[str, ...]:
    """Theory and names down to ``value``; a value outside the theories is its own theory."""
    if value.startswith("custom/"):
        return (value,)
    node = get_value(value)
    return (node.theory, *node.path)


def path_table(paths: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """Paths as integers, int64 [n, L]: two rows agree in column l iff they share l + 1 levels.

    L is the longest path's length. A shorter path repeats its leaf, so that every text has a
    label at every level.
    """
    depth = max((len(path) for path in paths), default=0)
    ids: dict[tuple[str, ...], int] = {}
    rows = [
        [ids.setdefault(path[: level + 1], len(ids)) for level in range(depth)] for path in paths
    ]
    return np.array(rows, dtype=np.int64).reshape(len(paths), depth)
