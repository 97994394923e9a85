"""Profiles: which values an assistant should hold, how strongly, and how it is steered there.

A value is one of the 32 that are steered, or one in a person's own words, "custom/living simply".

On paper a profile is JSON, ``valueflow.profile/1``::

    {"format": "valueflow.profile/1", "name": "kind", "description": "for hard days",
     "method": "vector", "targets": {"svt/benevolence": 6.0, "svt/power": -4.0}}

``description`` and ``method`` may be left out. The methods: ``vector`` adds a control vector,
``prompt`` says the targets in words, ``exemplar`` shows texts that hold them, ``vector+prompt``
does the first two at once, ``none`` leaves the model alone. ``tuned`` is there once the profile
was tuned to a model (``values.tuned``).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import isnan
from numbers import Real
from types import MappingProxyType
from typing import Any, Literal, get_args

from chat_app.errors import ValueflowError
from chat_app.values.custom import CustomValueError, custom_id, is_custom
from chat_app.values.taxonomy import UnknownValue, Value, descendants, get_value
from chat_app.values.tuned import Tuned

FORMAT = "valueflow.profile/1"
LOWEST, HIGHEST = -10.0, 10.0

Method = Literal["vector", "prompt", "exemplar", "vector+prompt", "none"]
METHODS: tuple[str, ...] = get_args(Method)

_KEYS = ("format", "name", "description", "method", "targets", "tuned")
_MAX_NAME = 200
_MAX_DESCRIPTION = 10_000


class ProfileError(ValueflowError):
    """A profile that cannot be used; the message names the wrong key, value or number."""


@dataclass(frozen=True)
class Profile:
    """Target intensities in [-10, 10] for some values; none at all means unsteered.

    ``targets`` keeps its order, its ids are whole whatever short names came in, and it cannot be
    changed afterwards. A target of 0 asks for neutrality, which is not the same as no target.
    ``tuned`` are coefficients that were measured to meet the targets, one entry a model at most.

    Raises ProfileError on any wrong part.
    """

    name: str
    targets: Mapping[str, float]
    description: str = ""
    method: Method = "vector"
    tuned: tuple[Tuned, ...] = ()

    def __post_init__(self) -> None:
        _check_text("name", self.name, _MAX_NAME)
        _check_text("description", self.description, _MAX_DESCRIPTION)
        if not self.name.strip():
            raise ProfileError("The profile's name is empty: give it one.")
        if self.method not in METHODS:
            raise ProfileError(f"method is {_shown(self.method)}: it is one of {_list(METHODS)}.")
        object.__setattr__(self, "targets", MappingProxyType(_checked_targets(self.targets)))

    def __hash__(self) -> int:
        targets = frozenset(self.targets.items())
        return hash((self.name, targets, self.description, self.method, self.tuned))

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping can be neither pickled nor deep-copied; a page's state does both.
        plain = self.name, dict(self.targets), self.description, self.method, self.tuned
        return Profile, plain

    @property
    def by_vector(self) -> bool:
        """Whether a control vector takes part in the steering."""
        return self.method in ("vector", "vector+prompt") and any(self.targets.values())

    def scaled(self, factor: float) -> "Profile":
        """The same with every target times ``factor``, to a tenth, kept within [-10, 10].

        >>> dict(Profile("kind", {"svt/benevolence": 8}).scaled(1.5).targets)
        {'svt/benevolence': 10.0}
        """
        within = {
            value: min(HIGHEST, max(LOWEST, round(target * factor, 1)))
            for value, target in self.targets.items()
        }
        return replace(self, targets=within)

    def tuned_for(self, model_sha256: str) -> dict[str, float] | None:
        """The coefficients that were tuned to this model for just these targets, if there are."""
        for each in self.tuned:
            if each.holds(model_sha256, self.method, self.targets):
                return dict(each.coefficients)
        return None

    def to_json(self) -> dict[str, Any]:
        """The profile as ``valueflow.profile/1``, ready for ``json.dumps``."""
        whole = {
            "format": FORMAT,
            "name": self.name,
            "description": self.description,
            "method": self.method,
            "targets": dict(self.targets),
        }
        return whole | ({"tuned": [each.to_json() for each in self.tuned]} if self.tuned else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> "Profile":
        """The profile that ``to_json`` (or a person) wrote, as text or already parsed.

        Raises ProfileError that names the place in broken JSON, or the wrong key, value or number.
        """
        parsed = _parse(data) if isinstance(data, str) else data
        if not isinstance(parsed, Mapping):
            raise ProfileError(f"A profile is a JSON object, not {_kind(parsed)}.")
        _check_keys(parsed)
        plain = {key: parsed[key] for key in _KEYS[1:-1] if key in parsed}
        return cls(**plain, tuned=_tuned(parsed.get("tuned", [])))


def _parse(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ProfileError(f"The profile is not valid JSON: {error.msg} at {where}.") from None
    except (ValueError, RecursionError):
        # A number of thousands of digits, or thousands of brackets.
        raise ProfileError("The profile is not valid JSON that a person would write.") from None


def _tuned(data: Any) -> tuple[Tuned, ...]:
    if not isinstance(data, list):
        raise ProfileError(f"tuned is {_kind(data)}: it must be a list.")
    try:
        return tuple(Tuned.from_json(each) for each in data)
    except ValueError as error:
        raise ProfileError(
            f"tuned is not as `valueflow profile tune` writes it: {error}."
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """``json`` would let the last of two equal keys win in silence."""
    result: dict[str, Any] = {}
    for key, item in pairs:
        if key in result:
            raise ProfileError(f"The key {_shown(key)} stands in the profile twice.")
        result[key] = item
    return result


def _check_keys(data: Mapping[str, Any]) -> None:
    if data.get("format", FORMAT) != FORMAT:
        raise ProfileError(f"format is {_shown(data['format'])}: this version reads {FORMAT!r}.")
    for key in data:
        if key not in _KEYS:
            near = get_close_matches(str(key)[:80].lower(), _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {_list(_KEYS)}."
            raise ProfileError(f"A profile has no key {_shown(key)}: {hint}")
    for key in ("format", "name", "targets"):
        if key not in data:
            raise ProfileError(f"The profile's key {key!r} is missing.")


def _check_text(key: str, text: Any, longest: int) -> None:
    if not isinstance(text, str):
        raise ProfileError(f"{key} is {_kind(text)}: it must be text.")
    if len(text) > longest:
        raise ProfileError(f"{key} has {len(text)} characters: {longest} are the most.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProfileError(f"{key} holds a broken character that cannot be stored.") from None


def _checked_targets(targets: Any) -> dict[str, float]:
    if not isinstance(targets, Mapping):
        raise ProfileError(f"targets is {_kind(targets)}: it must be an object {{value: number}}.")
    result: dict[str, float] = {}
    written: dict[str, str] = {}
    for name, intensity in targets.items():
        value = _target(name)
        # Words that differ in capitals only would be one wish twice.
        if (key := value.casefold()) in written:
            raise ProfileError(f"targets names {value} twice, as {written[key]!r} and as {name!r}.")
        written[key] = name
        result[value] = _checked_intensity(value, intensity)
    return result


def _target(name: Any) -> str:
    """The id of what may be a target: a steered value's name, or "custom/" and one's own words."""
    if not isinstance(name, str):
        raise ProfileError(f"targets has the key {_shown(name)}: keys are values' names.")
    try:
        if is_custom(name):
            return custom_id(name)
        value = get_value(name)
    except CustomValueError as error:
        raise ProfileError(str(error)) from None
    except UnknownValue as error:
        raise ProfileError(f"targets: {error}") from None
    if not value.steered:
        raise ProfileError(
            f"targets has {value.id}, which cannot be steered by itself: try {_list(_near(value))}."
        )
    return value.id


def _near(value: Value) -> list[str]:
    """The steered values above ``value``, or below it."""
    above = [id for id in value.parents if get_value(id).steered]
    return above or [id for id in descendants(value.id) if get_value(id).steered]


def _checked_intensity(value: str, intensity: Any) -> float:
    if not _is_number(intensity):
        raise ProfileError(f"The target of {value} is {_shown(intensity)}: it must be a number.")
    # An integer is compared as it is: it may be too long for a float.
    if not isinstance(intensity, int) and isnan(intensity):
        raise ProfileError(f"The target of {value} is NaN: it must be a number.")
    if not LOWEST <= intensity <= HIGHEST:
        raise ProfileError(
            f"The target of {value} is {_shown(intensity)}, outside [{LOWEST:g}, {HIGHEST:g}]."
        )
    return float(intensity) + 0.0  # -0.0 and 0.0 are one target


def _is_number(thing: Any) -> bool:
    return isinstance(thing, Real) and not isinstance(thing, bool)


def _kind(thing: Any) -> str:
    """What JSON calls ``thing``."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if thing is None else kinds.get(type(thing), "a number")


def _shown(thing: Any) -> str:
    text = str(thing) if _is_number(thing) else repr(thing)
    return text if len(text) <= 60 else text[:57] + "..."


def _list(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
