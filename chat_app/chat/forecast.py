"""What a profile is expected to come to, as far as that is known without loading anything.

A calibration says by itself how far each value goes and what several of them come to together
(``steering.aim``), so that the page can say so while somebody moves its sliders: before the model
is there from the calibration that comes with the program, afterwards from the model's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from chat_app.settings import data_path
from chat_app.steering.aim import aim, expected
from chat_app.steering.calibration import Calibration, CalibrationError
from chat_app.steering.composition import UNCOUPLED
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

# In intensity units: what is missed by less is not worth a word (as in ``steering.aim``).
_MISSED = 0.5
_SHORT = 1.5
# From this share of its own dose on that another value's dose takes away, two values pull apart.
_FELT = 0.15
_LISTED = 4  # values that one sentence names at most
# What a calibration of the loaded model is checked against; none of it is made for a forecast.
_NEEDED = ("engine", "vidb", "encoder", "space", "bank", "directions")


@dataclass(frozen=True)
class Reach:
    """``ranges`` {value: the lowest and the highest mean intensity measured to be in reach};
    ``rest`` {value: where unsteered replies stand}. Both are empty where nothing was measured."""

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rest: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecast:
    """``beyond`` {value: the intensity that is aimed at in the place of a target out of reach};
    ``sentence``: what the targets do to each other, "" where they leave each other alone."""

    beyond: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""


def reach(studio: "Studio", method: str) -> Reach:
    """How far each value goes with the studio's model under ``method``; loads nothing."""
    known = known_calibration(studio, method)
    curves = known.responses if known else {}
    return Reach(
        {value: curve.reachable for value, curve in curves.items()},
        {value: curve.predict(0.0).intensity for value, curve in curves.items()},
    )


def forecast(studio: "Studio", profile: Profile) -> Forecast:
    """What is known of ``profile`` before its first reply; loads nothing."""
    if profile.method == "none" or not any(profile.targets.values()):
        return Forecast()
    known = known_calibration(studio, profile.method)
    found = _measured(profile, known) if known else Forecast()
    if studio.made(*_NEEDED):
        from chat_app.chat.outlook import conflict_sentence, outlook

        if conflicts := outlook(studio, profile).conflicts:
            return replace(found, sentence=conflict_sentence(conflicts[0]))
    return found


def known_calibration(studio: "Studio", method: str) -> Calibration | None:
    """The calibration that replies under ``method`` will go by, as far as that can be told now."""
    if studio.made(*_NEEDED):
        return studio.calibration(method)
    given = studio.settings
    if {given.model, given.encoder(), given.vidb} == {"builtin"}:
        return _shipped(method)
    return None


@lru_cache
def _shipped(method: str) -> Calibration | None:
    file = data_path("models", f"calibration-{method.replace('+', '-')}.json")
    try:
        return Calibration.load(file) if file.is_file() else None
    except CalibrationError:  # told where it is used, see ``chat.calibrations``
        return None


def _measured(profile: Profile, known: Calibration) -> Forecast:
    targets = {value: target for value, target in profile.targets.items() if target}
    coupling = known.coupling if "vector" in profile.method else UNCOUPLED
    beyond = {}
    for value, target in targets.items():
        if value in known.responses:
            reached = known.responses[value].coefficient(target).reached
            if abs(reached - target) > _MISSED:
                beyond[value] = reached
    doses = aim(targets, known, coupling).coefficients
    hoped = {v: each.intensity for v, each in expected(doses, known, coupling).items()}
    return Forecast(beyond, _sentence(targets, hoped, coupling.among(list(targets))))


def _sentence(targets: Mapping[str, float], hoped: Mapping[str, float], felt: np.ndarray) -> str:
    """The pair that pulls apart most, else what is lacking to all because they share a reply."""
    values = list(targets)
    apart = [
        (pull, values[i], values[j])
        for i, j in combinations(range(len(values)), 2)
        if (pull := _pull(felt, i, j, targets[values[i]] * targets[values[j]])) >= _FELT
    ]
    if apart:
        _, *pair = max(apart)
        wishes, come = _listed(targets, pair), _listed(hoped, pair)
        return f"{wishes} pull apart: expect about {come}."
    if len(values) < 2 or all(abs(targets[v] - hoped[v]) <= _SHORT for v in values):
        return ""
    strongest = sorted(values, key=lambda v: -abs(targets[v]))[:_LISTED]
    others = "" if len(values) <= _LISTED else ", less of the others"
    return f"They share each reply: expect about {_listed(hoped, strongest)}{others}."


def _pull(felt: np.ndarray, i: int, j: int, product: float) -> float:
    """How much of its own dose the other takes from one of the two, as a share."""
    return -min(felt[i, j], felt[j, i]) if product > 0 else max(felt[i, j], felt[j, i])


def _listed(intensities: Mapping[str, float], values: list[str]) -> str:
    *most, last = [f"{value_label(v)} {signed(round(intensities[v]))}" for v in values]
    return f"{', '.join(most)} and {last}" if most else last
