"""The axis of a value that has no texts of its own, and how wrong such axes are.

    a = normalised  sum over known values v of  r_v (m_v+ - m_v-)

    r_v  = side x (n_v / max n)^2: how near the phrase is to v
    side = the sign of the mean of 2 P(for v) - 1 over values, weighed by (n_v / max n)^2
    m_v+-  weighted means of the embeddings of v's supporting and opposing texts; a text weighs
           exp(s / 2), s its cosine with the phrase in standard deviations

n_v and P(for v) come from the space's yardstick. All values that the phrase is at all near to take
part: the texts nearest by topic alone point nowhere, since what tells support from opposition is
small beside what texts are about. The side is one for all values: heard for each of them it turns
over by chance.

A text's intensity is its coordinate on the axis, with the centre and the spread that the texts'
known intensities have, each text weighed by how much it has to do with the phrase.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.matrices import Matrix, unit
from chat_app.vidb.loading import HIGHEST, LOWEST

if TYPE_CHECKING:
    from chat_app.hives.yardstick import Yardstick

_LOCAL = 0.5  # how much a text's own nearness counts, beside that of its value
# What texts of values that the phrase has nothing to do with weigh, beside 1 for the nearest value:
# some of them speak of it all the same. With this the built-in model's directions for known values
# that are held back come to cosine 0.15 with the true ones and not 0.08; at 1, to 0.25, but those
# of known values by name fall from 0.98 to 0.80.
_ELSEWHERE = 0.2


@dataclass(frozen=True, eq=False)
class Axis:
    """``axis`` [d], unit; intensity = (z . axis - ``centre``) x ``stretch``; ``weights`` [n]: how
    much each VIDB text has to do with the phrase, 1 at most."""

    axis: Matrix
    centre: float
    stretch: float
    weights: Matrix

    def intensity(self, z: NDArray[np.float32]) -> Matrix:
        """Estimated intensity in [-10, 10], [n], of unit rows z [n, d]."""
        return np.clip((z @ self.axis - self.centre) * self.stretch, LOWEST, HIGHEST)


def weights(relations: Matrix, for_it: Matrix | None = None) -> Matrix:
    """r_v [V] in [-1, 1] of relations n_v [V] and P(for v) [V], certain where left out."""
    nearness = (np.clip(relations, 0, None) / max(float(relations.max()), 1e-9)) ** 2
    against = for_it is not None and float(nearness @ (2 * for_it - 1)) < 0
    return np.asarray(-nearness if against else nearness)


def place(y: "Yardstick", z: Matrix, r: Matrix, held_back: NDArray[np.bool_] | None = None) -> Axis:
    """The axis of a placed phrase z [d] with the weights r [V]; texts ``held_back`` [n] take no
    part in it."""
    near = y.texts @ z
    near = np.exp(_LOCAL * (near - near.mean()) / max(float(near.std()), 1e-9))
    if held_back is not None:
        near = np.where(held_back, 0.0, near)
    axis = np.zeros(y.embeddings.shape[1])
    for v, weight in enumerate(r):
        sides = [near * ((y.owners == v) & (y.signs == sign)) for sign in (1, -1)]
        if weight and all(side.any() for side in sides):
            # Only its own rows: the others weigh nothing, and there are many.
            pro, con = (side[side > 0] @ y.embeddings[side > 0] / side.sum() for side in sides)
            axis += weight * (pro - con)
    axis = unit(axis)
    of_owner = np.where(y.owners >= 0, r[y.owners], 0.0)
    share = np.abs(of_owner) * near
    worth = (np.abs(of_owner) + _ELSEWHERE) * near
    return Axis(
        axis,
        *_stretched(y.embeddings @ axis, y.rated * np.sign(of_owner), share),
        worth / max(float(worth.max()), 1e-12),
    )


def _stretched(along: Matrix, expected: Matrix, share: Matrix) -> tuple[float, float]:
    """(centre, stretch) that give coordinates the mean and spread of ``expected``, weighted."""

    def spread(x: Matrix) -> tuple[float, float]:
        mean = float(np.average(x, weights=share))
        return mean, float(np.sqrt(np.average((x - mean) ** 2, weights=share)))

    (mean, width), (wanted, wide) = spread(along), spread(expected)
    stretch = max(wide, 1e-9) / max(width, 1e-9)
    return mean - wanted / stretch, stretch


def errors(y: "Yardstick") -> tuple[float, float]:
    """Root mean square errors of estimated intensities: (of familiar values, of strange ones).

    Familiar: each known value on one half of its texts, its axis from the other half. Strange:
    each value as if nobody knew it, on all of its texts, its axis from the other values.
    """
    half = np.arange(len(y.rated)) % 2 == 0
    familiar, strange = [], []
    for v in range(len(y.values)):
        own, alone = y.owners == v, np.eye(len(y.values))[v]
        z = unit(y.names[y.name_of == v].mean(axis=0))
        for held in (own & half, own & ~half):
            found = place(y, z, alone, held)
            familiar.append((found.intensity(y.embeddings[held]) - y.rated[held]) ** 2)
        others = np.where(alone > 0, 0.0, y.relations(z))
        if others.max() > 0:
            found = place(y, z, weights(others))
            strange.append((found.intensity(y.embeddings[own]) - y.rated[own]) ** 2)
    return _root_mean(familiar), _root_mean(strange or familiar)


def _root_mean(squares: list[Matrix]) -> float:
    return float(np.sqrt(np.concatenate(squares).mean()))
