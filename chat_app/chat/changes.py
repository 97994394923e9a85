"""What changed between the profiles of two replies, in a few words."""

from itertools import pairwise

from chat_app.chat.conversations import UNSTEERED, MessageView
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed
from chat_app.values.profile import Profile

# A divider between two turns has room for so many; the profile itself tells the rest.
_MOST = 4
_NAMELESS = ("Unnamed", UNSTEERED.name)  # what the page calls one, and what storage does
_METHODS = {
    "vector": "vector",
    "prompt": "prompt",
    "vector+prompt": "vector and prompt",
    "exemplar": "texts",
    "none": "nothing",
}


def profile_change(before: Profile, after: Profile) -> str:
    """One line, empty where both steer alike. A target that comes or goes has "none" at that end.

    >>> kind = Profile("Caring friend", {"svt/benevolence": 6, "svt/power": 4})
    >>> profile_change(kind, Profile("Caring friend", {"svt/benevolence": 6, "svt/power": -2}))
    'Power +4 → −2'
    >>> profile_change(kind, Profile("Blunt coach", {"svt/achievement": 7}))
    'Profile: Caring friend → Blunt coach'
    """
    wishes = _wishes(before), _wishes(after)
    if wishes[0] == wishes[1] and (before.method == after.method or not wishes[0]):
        return ""
    names = _name(before), _name(after)
    if all(names) and names[0] != names[1]:
        return f"Profile: {names[0]} → {names[1]}"
    parts = [
        f"{value_label(value)} {_shown(wishes[0].get(value))} → {_shown(wishes[1].get(value))}"
        for value in dict.fromkeys((*wishes[0], *wishes[1]))
        if wishes[0].get(value) != wishes[1].get(value)
    ]
    if before.method != after.method:
        parts.append(f"steered by {_METHODS[before.method]} → {_METHODS[after.method]}")
    more = len(parts) - _MOST
    return ", ".join(parts[:_MOST]) + (f", and {more} more" if more > 0 else "")


def changes_in(messages: tuple[MessageView, ...]) -> dict[str, str]:
    """{question: how the profile of its reply differs from that of the reply before it}.

    A person's own words in a reply's place were written under no profile, and count for none.
    """
    found: dict[str, str] = {}
    last: Profile | None = None
    for question, reply in pairwise(messages):
        if reply.role != "assistant" or reply.edited:
            continue
        if last is not None and (change := profile_change(last, reply.profile)):
            found[question.id] = change
        last = reply.profile
    return found


def _wishes(profile: Profile) -> dict[str, float]:
    return {} if profile.method == "none" else dict(profile.targets)


def _name(profile: Profile) -> str:
    """Empty for a profile that nobody has named, which its targets tell better."""
    if not _wishes(profile):
        return "unsteered"
    return "" if profile.name in _NAMELESS else profile.name


def _shown(target: float | None) -> str:
    return "none" if target is None else signed(target)
