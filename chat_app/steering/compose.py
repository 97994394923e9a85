"""From a profile to what steers the reply: one control vector, a system prompt, or both.

The targets become doses (``aim``): coefficients c_v, which the method renders, as the vector
Σ_v c_v d_v, or as the intensities c_v / DEFAULT_SCALE x 10 in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chat_app.errors import ValueflowError
from chat_app.llm.model import ModelInfo
from chat_app.steering.aim import DEFAULT_SCALE, LONGEST, Aim, aim, expected
from chat_app.steering.calibration import Calibration
from chat_app.steering.composition import UNCOUPLED, Coupling
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.dose_response import Predicted
from chat_app.steering.exemplars import exemplar_prompt, missing_note
from chat_app.steering.prompts import intensity_prompt
from chat_app.values.profile import HIGHEST, LOWEST, Profile
from chat_app.vidb.anchors import Vidb

__all__ = ["DEFAULT_SCALE", "LONGEST", "Composition", "at_doses", "capped", "compose"]


@dataclass(frozen=True)
class Composition:
    """``coefficients`` {value: coefficient}, after capping, of which the vector is the very sum;
    ``expected`` {value: what that is expected to come to}; ``notes`` are for the person."""

    vector: ControlVector | None = None
    coefficients: Mapping[str, float] = field(default_factory=dict)
    system_prompt: str | None = None
    notes: tuple[str, ...] = ()
    expected: Mapping[str, Predicted] = field(default_factory=dict)


def compose(
    profile: Profile,
    directions: Mapping[str, ControlVector],
    info: ModelInfo,
    vidb: Vidb | None = None,
    calibration: Calibration | None = None,
    coupling: Coupling = UNCOUPLED,
) -> Composition:
    """What ``profile`` asks of the model ``info``, by the profile's own method.

    ``directions`` are needed where ``profile.by_vector``, the texts of ``vidb`` for "exemplar".
    ``calibration`` and ``coupling`` are the model's under that method; a profile that was tuned to
    the model needs neither. Raises :class:`ValueflowError` where a value has no direction, or a
    direction was made for another model.
    """
    if profile.method == "none":
        return Composition()
    if profile.by_vector and not info.steerable:
        return _by_words_alone(profile, info)
    if not profile.by_vector and (calibration is None or "vector" in profile.method):
        # Nothing to look up: words say what was asked, a target of 0 too, and no vector is added.
        return _rendered(profile.method, profile.targets, {}, directions, info, vidb)
    tuned = profile.tuned_for(info.sha256)
    aimed = Aim(tuned) if tuned else aim(profile.targets, calibration, coupling, info.name)
    doses, note = dict(aimed.coefficients), None
    if profile.by_vector:
        doses, note = capped(doses, directions, info)
    words = profile.targets if calibration is None else stated(doses)
    found = _rendered(profile.method, words, doses, directions, info, vidb)
    return replace(
        found,
        notes=(*aimed.notes, *([note] if note else []), *found.notes),
        expected=expected(doses, calibration, coupling),
    )


def at_doses(
    method: str,
    doses: Mapping[str, float],
    directions: Mapping[str, ControlVector],
    info: ModelInfo,
    vidb: Vidb | None = None,
) -> Composition:
    """``doses`` {value: coefficient} as ``method`` renders them, whatever they come to."""
    return _rendered(method, stated(doses), doses, directions, info, vidb)


def stated(doses: Mapping[str, float]) -> dict[str, float]:
    """{value: the intensity in words that a dose stands for}, within [-10, 10]."""
    return {v: min(HIGHEST, max(LOWEST, c / DEFAULT_SCALE * 10)) for v, c in doses.items()}


def _rendered(
    method: str,
    words: Mapping[str, float],
    doses: Mapping[str, float],
    directions: Mapping[str, ControlVector],
    info: ModelInfo,
    vidb: Vidb | None,
) -> Composition:
    if method == "exemplar":
        return replace(_shown(words, vidb), coefficients=dict(doses))
    prompt = intensity_prompt(words) or None if method in ("prompt", "vector+prompt") else None
    steered = method in ("vector", "vector+prompt") and any(doses.values())
    vector = _summed(doses, directions, info) if steered else None
    return Composition(vector, dict(doses), prompt)


def _by_words_alone(profile: Profile, info: ModelInfo) -> Composition:
    """What is left of a profile for a model that takes no vectors."""
    prompt = intensity_prompt(profile.targets) if profile.method == "vector+prompt" else ""
    left = "it is steered by the prompt alone" if prompt else "this reply is not steered"
    note = (
        f"{info.name} ({info.architecture}) takes no control vectors in llama.cpp, so "
        f"{left}; use the method 'prompt' with this model."
    )
    return Composition(system_prompt=prompt or None, notes=(note,))


def _shown(targets: Mapping[str, float], vidb: Vidb | None) -> Composition:
    if vidb is None:
        raise ValueflowError("The method 'exemplar' shows texts of a VIDB, and there is none.")
    found = exemplar_prompt(targets, vidb.of, vidb.version)
    notes = (missing_note(found.missing, targets),) if found.missing else ()
    return Composition(system_prompt=found.prompt or None, notes=notes)


def _summed(
    doses: Mapping[str, float], directions: Mapping[str, ControlVector], info: ModelInfo
) -> ControlVector:
    """Σ_v c_v d_v, in the order of ``doses``, so that the same numbers give the same bits."""
    missing = [v for v in doses if v not in directions]
    if missing:
        raise ValueflowError(
            f"{info.name} has no direction for {', '.join(missing)}; "
            "build it with `valueflow vectors build`."
        )
    parts = [coefficient * directions[v] for v, coefficient in doses.items() if coefficient]
    vector = parts[0]
    for part in parts[1:]:
        vector = vector + part
    vector.check_fits(info)
    return vector


def capped(
    doses: Mapping[str, float], directions: Mapping[str, ControlVector], info: ModelInfo
) -> tuple[dict[str, float], str | None]:
    """``doses``, all of them lowered in proportion where their sum is too long, and a remark."""
    if not any(doses.values()):
        return dict(doses), None
    norm = _summed(doses, directions, info).norm
    length = norm / (max(directions[v].norm for v in doses) * DEFAULT_SCALE)
    if length <= LONGEST:
        return dict(doses), None
    share = LONGEST / length
    note = (
        f"Together these values pull {length:.1f} times as hard as one value at 10, and the model "
        f"bears {LONGEST:g}: all of them are lowered to {share:.0%}."
    )
    return {v: share * c for v, c in doses.items()}, note
