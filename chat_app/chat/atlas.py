"""What there is to know of a value: texts of each intensity, neighbours, and how a model answers.

Nothing is loaded but what is asked for: examples need the VIDB alone, neighbours the encoder,
a dose-response the chat model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.values.taxonomy import THEORIES, Value, descendants, get_value, values_of
from chat_app.vidb.loading import Anchor, Vidb

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.dose_response import DoseResponse

# A band of the intensity prompts is four wide: five of them are the scale.
_BANDS = (
    ("Supports it strongly", 6.0, 10.0),
    ("Supports it", 2.0, 6.0),
    ("Leaves it open", -2.0, 2.0),
    ("Opposes it", -6.0, -2.0),
    ("Opposes it strongly", -10.0, -6.0),
)
_SHOWN = 2  # texts a band
_APART = -0.05  # the cosine from which on values are said to pull apart


@dataclass(frozen=True)
class Band:
    """A fifth of the scale, and texts of the VIDB from it, the most supportive first."""

    label: str
    low: float
    high: float
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True)
class Near:
    """A value and the cosine of its axis with that of the value in question."""

    value: Value
    cosine: float


@dataclass(frozen=True)
class Neighbours:
    """``alike``: nearest in the other theories; ``akin``: in its own; ``apart``: furthest."""

    alike: tuple[Near, ...]
    akin: tuple[Near, ...]
    apart: tuple[Near, ...]


def search(words: str) -> list[Value]:
    """The values whose name, id or definition holds all of ``words``; names first."""
    wanted = words.casefold().split()
    if not wanted:
        return []
    found: list[tuple[int, Value]] = []
    for theory in THEORIES.values():
        for value in theory.values:
            name = f"{value.label} {value.name} {value.id}".casefold()
            if all(word in name for word in wanted):
                found.append((0, value))
            elif all(word in f"{name} {value.definition.casefold()}" for word in wanted):
                found.append((1, value))
    return [value for _, value in sorted(found, key=lambda each: each[0])]


def examples(vidb: Vidb, value: str) -> list[Band]:
    """Texts for each fifth of the scale: of the value, or of those below or above it. None where
    the VIDB has no text of any of these."""
    for family in ([value], descendants(value), get_value(value).parents):
        anchors = [a for member in family if member in vidb.values for a in vidb.of(member)]
        if anchors:
            return [Band(*band, _from(anchors, *band[1:])) for band in _BANDS]
    return []


def neighbours(studio: "Studio", value: str, most: int = 4) -> Neighbours | None:
    """The values whose axes lie nearest to and furthest from the value's. None without an axis.

    In the space in which a person's own words are looked for: the built-in encoder of replies
    knows the theories better than what their values have in common.
    """
    axes = studio.word_space.axes
    if value not in axes:
        return None
    family = {value, *descendants(value), *get_value(value).parents}
    others = [
        Near(other, float(axes[value] @ axes[other.id]))
        for theory in THEORIES
        for other in values_of(theory)
        if other.steered and other.id in axes and other.id not in family
    ]
    others.sort(key=lambda near: -near.cosine)
    theory = get_value(value).theory
    return Neighbours(
        alike=tuple(n for n in others if n.value.theory != theory)[:most],
        akin=tuple(n for n in others if n.value.theory == theory)[:most],
        apart=tuple(n for n in reversed(others) if n.cosine < _APART)[:most],
    )


def dose_response(studio: "Studio", value: str, method: str = "vector") -> "DoseResponse | None":
    """How the studio's model answers to being steered by the value; None where nobody measured
    it. Loads the model where it is not loaded yet."""
    calibration = studio.calibration(method)
    return calibration.responses.get(value) if calibration else None


def _from(anchors: Sequence[Anchor], low: float, high: float) -> tuple[Anchor, ...]:
    """Texts nearest to the middle of [low, high], the most supportive first."""
    middle = (low + high) / 2
    inside = [a for a in anchors if low <= a.intensity <= high]
    nearest = sorted(inside, key=lambda a: (abs(a.intensity - middle), a.id))[:_SHOWN]
    return tuple(sorted(nearest, key=lambda a: -a.intensity))
