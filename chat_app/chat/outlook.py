"""What a profile is expected to come to, before its first reply."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.steering.aim import DEFAULT_SCALE, LONGEST
from chat_app.steering.compose import Composition
from chat_app.steering.composition import unit_rows
from chat_app.steering.conflicts import Conflict, conflicts
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


@dataclass(frozen=True)
class Outlook:
    """``reachable`` {value: lowest and highest intensity measured to be in reach}, for the values
    that are ``calibrated``; ``norm``: the vector's length, where one value's at 10 is 1."""

    composition: Composition
    reachable: Mapping[str, tuple[float, float]]
    norm: float
    longest: float
    conflicts: tuple[Conflict, ...]

    @property
    def calibrated(self) -> list[str]:
        return list(self.reachable)


def outlook(studio: "Studio", profile: Profile) -> Outlook:
    """What ``profile`` is expected to come to with the studio's model."""
    composition = studio.compose(profile)
    calibration = studio.calibration(profile.method)
    curves = calibration.responses if calibration else {}
    norm, axes = 0.0, studio.space.axes
    if composition.vector is not None:
        directions = studio.directions_of(profile.targets)
        longest = max(direction.norm for direction in directions.values())
        norm = composition.vector.norm / (longest * DEFAULT_SCALE)
        axes = dict(zip(directions, unit_rows(directions), strict=True))
    hoped = {value: each.intensity for value, each in composition.expected.items()}
    return Outlook(
        composition,
        {v: curves[v].reachable for v in profile.targets if v in curves},
        norm,
        LONGEST,
        tuple(conflicts(profile.targets, axes, hoped)),
    )


def conflict_sentence(conflict: Conflict) -> str:
    """'Benevolence +8 and Power +8 pull apart, cosine −0.71: expect about +5 and +2.'"""
    wishes = [
        f"{value_label(value)} {signed(target)}"
        for value, target in zip(conflict.values, conflict.targets, strict=True)
    ]
    cosine = f"{conflict.cosine:.2f}".replace("-", "−")
    apart = " and ".join(wishes)
    come = " and ".join(signed(round(each)) for each in conflict.expected)
    return f"{apart} pull apart, cosine {cosine}: expect about {come}."
