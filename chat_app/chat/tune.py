"""The loop closed: a profile's replies are measured, and its coefficients corrected.

A round asks all prompts under the coefficients c and measures the mean m_v of every target t_v.
The dose that value v still lacks, if it were alone, is (t_v - m_v) / slope_v; the coupling turns
these doses into a step of all coefficients, of which ``_GAIN`` / round is taken (Robbins-Monro):
values that share a reply take from each other what they gain, and whole steps would swing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chat_app.chat.trials import Course, answers
from chat_app.errors import ValueflowError
from chat_app.steering.aim import DEFAULT_SCALE, LONGEST
from chat_app.steering.compose import Composition, capped
from chat_app.values.profile import Profile
from chat_app.values.tuned import Tuned

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

_GAIN = 0.4
# The most that a round changes one coefficient, in those of intensity 10.
_LONGEST_STEP = 0.2
_CLOSE = 0.5  # a mean within half a point of its target needs no correction, however sure it is
_Z = 1.96


@dataclass(frozen=True)
class Measured:
    """The mean intensity of a round's replies, and its standard error over the prompts."""

    mean: float
    stderr: float


@dataclass(frozen=True)
class Round:
    """``coefficients`` {value: c} and what they came to; ``stuck``: the values that are at the
    end of what they can be given and would need more."""

    number: int
    coefficients: Mapping[str, float]
    measured: Mapping[str, Measured]
    targets: Mapping[str, float]
    stuck: tuple[str, ...] = ()

    def error(self, value: str) -> float:
        """How far ``value`` is from its target: asked - measured."""
        return self.targets[value] - self.measured[value].mean

    def meets(self, value: str) -> bool:
        return abs(self.error(value)) <= max(_CLOSE, _Z * self.measured[value].stderr)

    @property
    def met(self) -> bool:
        return all(self.meets(value) for value in self.targets)

    @property
    def rms(self) -> float:
        """The root mean square of the errors."""
        return float(np.sqrt(np.mean([self.error(value) ** 2 for value in self.targets])))


@dataclass(frozen=True)
class Tuning:
    """``profile`` carries the coefficients of the ``best`` round for the studio's model."""

    profile: Profile
    rounds: tuple[Round, ...]
    best: Round


def tune(
    studio: "Studio",
    profile: Profile,
    course: Course,
    rounds: int,
    *,
    done: Callable[[], None] | None = None,
    told: Callable[[Round], None] | None = None,
) -> Tuning:
    """Correct ``profile``'s coefficients for at most ``rounds`` rounds of replies.

    It ends when each target is met within the error of its mean, or cannot be met: no coefficient
    can be moved towards it. ``told`` hears of each round as it ends, ``done`` of each reply.
    Raises ValueflowError for a profile that no vector steers.
    """
    if not profile.by_vector:
        raise ValueflowError(
            f"{profile.name} has nothing to tune: only the methods 'vector' and 'vector+prompt' "
            "have coefficients, for targets other than 0."
        )
    if not studio.model.info.steerable:
        raise ValueflowError(
            f"{studio.model.info.name} takes no control vectors, so there is nothing to tune."
        )
    how = studio.compose(profile)
    found: list[Round] = []
    for number in range(1, rounds + 1):
        # Fresh seeds each round: what is corrected is the steering, not one draw's luck.
        drawn = replace(course, seed=course.seed + (number - 1) * course.n)
        this = _round(studio, profile, how, drawn, number, done)
        step = _corrected(studio, profile.method, this)
        this = replace(this, stuck=step.stuck)
        found.append(this)
        if told:
            told(this)
        if this.met or not step.moved:
            break
        how = step.how
    best = min(found, key=lambda each: each.rms)
    sha256 = studio.model.info.sha256
    targets, coefficients = profile.targets.items(), best.coefficients.items()
    tuned = Tuned(sha256, profile.method, tuple(targets), tuple(coefficients))
    others = tuple(each for each in profile.tuned if each.model_sha256 != sha256)
    return Tuning(replace(profile, tuned=(*others, tuned)), tuple(found), best)


def _round(
    studio: "Studio",
    profile: Profile,
    how: Composition,
    course: Course,
    number: int,
    done: Callable[[], None] | None,
) -> Round:
    texts = [reply.said.reply.strip() or "." for reply in answers(studio, course, how, done)]
    values = list(profile.targets)
    scores = studio.evaluator.measure_many(texts, values)
    measured = {}
    for value in values:
        table = np.array([each[value].intensity for each in scores])
        means = table.reshape(-1, course.replies).mean(axis=1)
        stderr = float(means.std(ddof=1) / np.sqrt(len(means)))
        measured[value] = Measured(float(means.mean()), stderr)
    return Round(number, dict(how.coefficients), measured, dict(profile.targets))


@dataclass(frozen=True)
class _Step:
    how: Composition
    stuck: tuple[str, ...]
    moved: bool


def _corrected(studio: "Studio", method: str, this: Round) -> _Step:
    """What the next round is asked under."""
    calibration = studio.calibration(method)
    lacking, ends = {}, {}
    for value, c in this.coefficients.items():
        response = calibration.responses.get(value) if calibration else None
        slope = response.slope(c) if response else 10 / DEFAULT_SCALE
        error = 0.0 if this.meets(value) else this.error(value)
        lacking[value] = error / slope if slope > 0 else 0.0
        ends[value] = response.limits if response else (-LONGEST * DEFAULT_SCALE,
                                                        LONGEST * DEFAULT_SCALE)  # fmt: skip
    change = studio.coupling(method).solve(lacking)
    most = _LONGEST_STEP * DEFAULT_SCALE
    wanted = {
        value: c + float(np.clip(_GAIN / this.number * change[value], -most, most))
        for value, c in this.coefficients.items()
    }
    held = {value: float(np.clip(c, *ends[value])) for value, c in wanted.items()}
    info = studio.model.info
    bounded, _ = capped(held, studio.directions_of(held), info)
    how = studio.at_doses(method, bounded)
    stuck = tuple(
        value
        for value, c in how.coefficients.items()
        if not this.meets(value)
        and abs(c - this.coefficients[value]) < 0.02 * DEFAULT_SCALE
        and abs(c - wanted[value]) > 0.02 * DEFAULT_SCALE
    )
    moved = any(
        abs(c - this.coefficients[value]) >= 0.02 * DEFAULT_SCALE
        for value, c in how.coefficients.items()
    )
    return _Step(how, stuck, moved)
