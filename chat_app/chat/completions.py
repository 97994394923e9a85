"""Replies to a conversation that a program brings along: written side by side, then measured.

Nothing is stored. Replies of earlier turns are words of the program's, and are read unsteered.
"""

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chat_app.chat.outlook import conflict_sentence, outlook
from chat_app.chat.profiles import load_profile
from chat_app.llm.engine import Piece, Reply, Request, Sampling, Turn
from chat_app.llm.thinking import told_apart
from chat_app.values.code import is_code, read_code
from chat_app.values.custom import find_value
from chat_app.values.profile import FORMAT, METHODS, Profile, ProfileError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.evaluation.evaluator import Score
    from chat_app.llm.model import ChatModel
    from chat_app.steering.compose import Composition

UNSTEERED = Profile("unsteered", {}, method="none")


@dataclass(frozen=True)
class Wish:
    """``n`` replies to ``turns`` under ``profile``; the first is drawn with the sampling's seed,
    each next one with a seed higher by 1."""

    turns: tuple[Turn, ...]
    sampling: Sampling
    profile: Profile = UNSTEERED
    n: int = 1


@dataclass(frozen=True)
class Begun:
    """Replies under way; each stream is to be read, or the cancel set that it was begun with."""

    streams: list[Generator[Piece, None, Reply]]
    model: "ChatModel"
    composition: "Composition"
    notes: tuple[str, ...]


def begin(studio: "Studio", wish: Wish, cancel: threading.Event) -> Begun:
    """Begin to write: the prompt is read once, the replies are decoded together.

    Raises ValueflowError, and begins none, where the profile cannot be used, the whole
    conversation does not fit the context (TooLongError), or too many wait (EngineBusyError).
    """
    composition, notes = _composed(studio, wish.profile)
    vector = composition.vector.buffer() if composition.vector else None
    turns = joined(wish.turns, composition.system_prompt)
    engine = studio.engine
    requests = [
        Request(turns, replace(wish.sampling, seed=wish.sampling.seed + i), vector, whole=True)
        for i in range(wish.n)
    ]
    return Begun(engine.streams(requests, cancel=cancel), engine.model, composition, notes)


def _composed(studio: "Studio", profile: Profile) -> "tuple[Composition, tuple[str, ...]]":
    """What the profile comes to, and all that there is to say of it."""
    if not profile.by_vector or len(profile.targets) < 2:
        composition = studio.compose(profile)
        return composition, composition.notes
    seen = outlook(studio, profile)
    apart = (conflict_sentence(each) for each in seen.conflicts)
    return seen.composition, (*seen.composition.notes, *apart)


def joined(turns: Sequence[Turn], system: str | None) -> list[Turn]:
    """``turns`` as chat templates take them: one system text, then questions and replies by turns.

    All system texts stand before the rest in their order, the method's own ``system`` last;
    neighbours of one speaker become one turn. What was thought before a reply is not read again.
    """
    said = [turn.text for turn in turns if turn.role == "system"] + ([system] if system else [])
    found = [Turn("system", "\n\n".join(said))] if said else []
    for turn in turns:
        if turn.role == "system":
            continue
        if turn.role == "assistant":
            turn = Turn("assistant", told_apart(turn.text).reply)
        if found and found[-1].role == turn.role:
            found[-1] = Turn(turn.role, f"{found[-1].text}\n\n{turn.text}")
        else:
            found.append(turn)
    return found


def asked_profile(
    studio: "Studio",
    wanted: str | Mapping[str, Any] | None,
    method: str | None = None,
    strength: float = 1.0,
) -> Profile:
    """The profile that a program asks for: a stored one's name, a code, a whole profile, or just
    its targets; with another ``method``, and its targets times ``strength``, where these are given.

    Raises UnknownProfile, or ProfileError that says what is wrong with it.
    """
    if wanted is None:
        profile = UNSTEERED
    elif isinstance(wanted, str):
        profile = read_code(wanted) if is_code(wanted) else load_profile(studio.database, wanted)
    elif "targets" in wanted:
        profile = Profile.from_json({"format": FORMAT, "name": "unnamed", **wanted})
    else:
        profile = Profile("unnamed", wanted)
    if method is not None:
        if method not in METHODS:
            raise ProfileError(f"method is {method!r}: it is one of {', '.join(METHODS)}.")
        profile = replace(profile, method=method)  # type: ignore[arg-type]  # checked above
    return profile if strength == 1.0 else profile.scaled(strength)


def values_to_measure(profile: Profile, wanted: bool | Sequence[str] | None) -> list[str]:
    """The values to measure a reply for: the profile's, none (False), or those that are named.

    Raises ValueflowError for a name that is no value's.
    """
    if wanted is None or wanted is True:
        return list(profile.targets)
    return [find_value(name) for name in dict.fromkeys(wanted or ())]


def measure(studio: "Studio", text: str, values: Sequence[str]) -> "dict[str, Score]":
    """{value: Score} of a reply, by the ranker that the settings choose.

    Raises ValueflowError for an empty text, and where the ranker fails.
    """
    with studio.measuring:
        return studio.reply_evaluator.measure(told_apart(text).reply, values)
