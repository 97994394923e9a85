"""A value in a person's own words: what it means in the space, and what texts are worth on it.

Its axis is found from the texts of the known values that the words lie near
(``hives.custom_axis``), or refused where they lie near none (``hives.yardstick``).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.custom_axis import Axis, place, weights
from chat_app.hives.matrices import Matrix
from chat_app.hives.space import Space
from chat_app.hives.yardstick import Yardstick, measure, named, read_phrases
from chat_app.values.custom import CustomValueError, custom_id, custom_words, value_label
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor

_SHOWN_TEXTS, _SHOWN_VALUES = 6, 5
_BINS, _A_BIN = 10, 12  # anchors: so many nearest texts in each bin of the scale


@dataclass(frozen=True)
class NearValue:
    """A known value that the words lie near: ``weight`` r_v in [-1, 1] (below 0: against it),
    ``cosine`` of the two axes."""

    value: str
    weight: float
    cosine: float


@dataclass(frozen=True)
class NearText:
    """A VIDB text that the axis was found from: ``cosine`` with the words, its ``intensity`` on
    the custom value as estimated; what it was rated for stands in ``anchor``."""

    anchor: Anchor
    cosine: float
    intensity: float


@dataclass(frozen=True, eq=False)
class CustomValue:
    """``id`` "custom/...", its ``words``, and the ``axis`` float32 [d], a unit vector.

    A text z has the intensity (z . axis - ``centre``) x ``stretch``, in [-10, 10], give or take
    ``error`` (root mean square, in the same unit). ``nearness`` is the yardstick's, ``values`` and
    ``texts`` are the nearest; ``weights`` float32 [n_texts] say how much each VIDB text has to do
    with the words, the most 1.
    """

    id: str
    words: str
    axis: NDArray[np.float32]
    centre: float
    stretch: float
    error: float
    nearness: float
    values: tuple[NearValue, ...]
    texts: tuple[NearText, ...]
    weights: NDArray[np.float32]

    def intensity(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimated intensity in [-10, 10], float32 [n], of unit rows z [n, d]."""
        raw = (z @ self.axis - np.float32(self.centre)) * np.float32(self.stretch)
        return np.clip(raw, LOWEST, HIGHEST).astype(np.float32)


def custom_value(space: Space, words: str, yardstick: Yardstick | None = None) -> CustomValue:
    """What ``words`` mean in ``space``; ``yardstick`` is the space's, measured if left out.

    Raises CustomValueError, saying why, for words that are no more like a value than unrelated
    phrases are, and what ``values.custom.custom_id`` raises.
    """
    id = custom_id(words)
    words = custom_words(id)
    y = yardstick or measure(space)
    read = read_phrases(space, (words,))
    z = y.placed(read.plain)[0]
    near = y.nearness(z)
    r = named(y.values, words)  # a known value's own name needs no guess
    if not r.any():
        relations = y.relations(z)
        if near < y.needed or relations.max() <= 0:
            raise CustomValueError(_refusal(space, y, words, relations))
        r = weights(relations, y.for_it(read, 0))
    found = place(y, z, r)
    cosines = y.axes @ found.axis
    order = np.argsort(-np.abs(r))[:_SHOWN_VALUES]
    values = tuple(
        NearValue(y.values[i], float(r[i]), float(cosines[i])) for i in order if abs(r[i]) > 0.05
    )
    return CustomValue(
        id,
        words,
        found.axis.astype(np.float32),
        found.centre,
        found.stretch,
        _error(y, float((y.names @ z).max())),
        near,
        values,
        _nearest_texts(space, found, y.texts @ z),
        found.weights.astype(np.float32),
    )


def with_custom(space: Space, custom: CustomValue) -> Space:
    """``space`` with the custom value's axis and what its texts say for it (``supports``)."""
    worth = custom.intensity(space.embeddings) / np.float32(HIGHEST) * custom.weights
    return replace(
        space,
        axes={**space.axes, custom.id: custom.axis},
        supports={**space.supports, custom.id: worth},
    )


def custom_anchors(space: Space, custom: CustomValue) -> tuple[Anchor, ...]:
    """VIDB texts as anchors of the custom value, the nearest to it in each part of the scale.

    They keep their ids; ``intensity`` is estimated, and ``stderr`` says how well.
    """
    intensity = custom.intensity(space.embeddings)
    bins = np.minimum((intensity - LOWEST) // ((HIGHEST - LOWEST) / _BINS), _BINS - 1)
    chosen: dict[str, Anchor] = {}
    for part in range(_BINS):
        rows = np.flatnonzero(bins == part)
        for row in rows[np.argsort(-custom.weights[rows], kind="stable")][:_A_BIN]:
            anchor = space.vidb.anchors[row]
            known = Anchor(
                anchor.id, custom.id, anchor.text, float(intensity[row]), custom.error or None
            )
            chosen.setdefault(anchor.text, known)  # one text may be rated for several values
    return tuple(sorted(chosen.values(), key=lambda a: a.intensity))


def _error(y: Yardstick, known: float) -> float:
    """The error to expect, between that of familiar and that of strange values.

    ``known``: the cosine with the nearest name, whose square is the share they have in common.
    """
    share = float(np.clip(known, 0, 1)) ** 2
    familiar, strange = y.errors
    return float(np.sqrt(share * familiar**2 + (1 - share) * strange**2))


def _nearest_texts(space: Space, found: Axis, near: Matrix) -> tuple[NearText, ...]:
    intensity = found.intensity(space.embeddings)
    seen: set[str] = set()
    texts = []
    for row in np.argsort(-found.weights, kind="stable"):
        anchor = space.vidb.anchors[row]
        if anchor.text not in seen:
            seen.add(anchor.text)
            texts.append(NearText(anchor, float(near[row]), float(intensity[row])))
        if len(texts) == _SHOWN_TEXTS:
            break
    return tuple(texts)


def _refusal(space: Space, y: Yardstick, words: str, relations: Matrix) -> str:
    nearest = value_label(y.values[int(np.argmax(relations))])
    name = space.encoder.name
    reader = "the built-in encoder" if name == "builtin" else f"the encoder {name}"
    return (
        f"“{words}” lies no nearer to the values than words that name none, as {reader} reads it "
        f"(the nearest is {nearest}): say in other words what is valued."
    )
