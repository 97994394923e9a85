"""From a profile to what steers the reply: one control vector, a system prompt, or both.

c_v = intensity_v / 10 x DEFAULT_SCALE, vector = Σ_v c_v d_v.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chat_app.errors import ValueflowError
from chat_app.llm.model import ModelInfo
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.exemplars import exemplar_prompt, missing_note
from chat_app.steering.prompts import intensity_prompt
from chat_app.values.profile import Profile
from chat_app.vidb.anchors import Vidb

# The coefficient of intensity 10, in typical hidden-state norms.
DEFAULT_SCALE = 0.5
# The longest sum of a profile's directions, in lengths of one value's direction at intensity 10.
# At 1.5 the built-in model still writes whole sentences, at 2 it slips, at 2.5 its text breaks up
# (training/check_strength.py); other models are not measured yet.
LONGEST = 1.5


@dataclass(frozen=True)
class Composition:
    """``coefficients`` {value: coefficient}, after capping; ``notes`` are for the person."""

    vector: ControlVector | None = None
    coefficients: Mapping[str, float] = field(default_factory=dict)
    system_prompt: str | None = None
    notes: tuple[str, ...] = ()


def compose(
    profile: Profile,
    directions: Mapping[str, ControlVector],
    info: ModelInfo,
    vidb: Vidb | None = None,
) -> Composition:
    """What ``profile`` asks of the model ``info``, by the profile's own method.

    ``directions`` are needed where ``profile.by_vector``, the texts of ``vidb`` for "exemplar".
    Raises :class:`ValueflowError` where a value has no direction, or a direction was made for
    another model.
    """
    if profile.method == "exemplar":
        return _shown(profile, vidb)
    by_prompt = profile.method in ("prompt", "vector+prompt")
    prompt = intensity_prompt(profile.targets) or None if by_prompt else None
    if not profile.by_vector:
        return Composition(system_prompt=prompt)
    if not info.steerable:
        left = "it is steered by the prompt alone" if prompt else "this reply is not steered"
        note = (
            f"{info.name} ({info.architecture}) takes no control vectors in llama.cpp, so "
            f"{left}; use the method 'prompt' with this model."
        )
        return Composition(system_prompt=prompt, notes=(note,))
    wanted = {v: t / 10 * DEFAULT_SCALE for v, t in profile.targets.items()}
    return replace(_summed(wanted, directions, info), system_prompt=prompt)


def _shown(profile: Profile, vidb: Vidb | None) -> Composition:
    if vidb is None:
        raise ValueflowError("The method 'exemplar' shows texts of a VIDB, and there is none.")
    found = exemplar_prompt(profile.targets, vidb.of, vidb.version)
    notes = (missing_note(found.missing, profile.targets),) if found.missing else ()
    return Composition(system_prompt=found.prompt or None, notes=notes)


def _summed(
    wanted: Mapping[str, float], directions: Mapping[str, ControlVector], info: ModelInfo
) -> Composition:
    missing = [v for v in wanted if v not in directions]
    if missing:
        raise ValueflowError(
            f"{info.name} has no direction for {', '.join(missing)}; "
            "build it with `valueflow vectors build`."
        )
    parts = [coefficient * directions[v] for v, coefficient in wanted.items() if coefficient]
    vector = parts[0]
    for part in parts[1:]:
        vector = vector + part
    vector.check_fits(info)
    unit = max(directions[v].norm for v in wanted) * DEFAULT_SCALE
    length = vector.norm / unit
    if length <= LONGEST:
        return Composition(vector, dict(wanted))
    share = LONGEST / length
    note = (
        f"Together these values pull {length:.1f} times as hard as one value at 10, and the model "
        f"bears {LONGEST:g}: all of them are lowered to {share:.0%}."
    )
    return Composition(share * vector, {v: share * c for v, c in wanted.items()}, None, (note,))
