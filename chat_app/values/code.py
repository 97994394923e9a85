"""A profile as a short text to paste into a message: ``vf1-`` and letters, digits, "-" and "_".

Base64url of: a byte of the method; name and description, each as its length in UTF-8 (two bytes)
and itself; for each target a byte for the value, its place in ``_VALUES`` (or 255 for one's own
words, with their length and themselves), and its intensity in hundredths (two bytes, signed); the
first four bytes of the SHA-256 of all that. What was tuned to a model stays at home.
"""

import base64
import hashlib
import re
import struct
from collections.abc import Iterator

from chat_app.values.custom import custom_words, is_custom
from chat_app.values.profile import FORMAT, Profile, ProfileError

PREFIX = "vf1-"
# Their places are what a code says: new values and methods are added at the end, none is moved.
_METHODS = ("vector", "prompt", "exemplar", "vector+prompt", "none")
_VALUES = (
    *("svt/" + name for name in (
        "benevolence", "universalism", "self-direction", "stimulation", "hedonism", "achievement",
        "power", "conformity", "tradition", "security", "face", "humility",
    )),
    *("mft/" + name for name in (
        "care-harm", "fairness-cheating", "loyalty-betrayal", "authority-subversion",
        "sanctity-degradation", "liberty-oppression",
    )),
    *("duty/" + name for name in (
        "fidelity", "reparation", "gratitude", "justice", "beneficence", "self-improvement",
        "non-maleficence",
    )),
    *("right/" + name for name in (
        "civil_rights", "political_rights", "economic_rights", "social_rights", "cultural_rights",
        "national_solidarity_rights", "social_group_solidarity_rights",
    )),
)  # fmt: skip
_OWN = 255
_CHECK = 4  # bytes
_LONGEST = 200_000  # characters: more than any profile's code has
_DAMAGED = "This code is damaged: copy it again, whole, from {prefix} to its last letter."


def profile_code(profile: Profile) -> str:
    """``profile`` as a code; intensities to a hundredth, without what was tuned.

    >>> profile_code(Profile("kind", {"svt/benevolence": 6}))
    'vf1-AAAEa2luZAAAAAJY7Hzcdg'
    """
    parts = [bytes([_METHODS.index(profile.method)]), _text(profile.name)]
    parts.append(_text(profile.description))
    for value, intensity in profile.targets.items():
        if is_custom(value):
            words = custom_words(value).encode()
            parts.append(bytes([_OWN]) + struct.pack(">H", len(words)) + words)
        else:
            parts.append(bytes([_VALUES.index(value)]))
        parts.append(struct.pack(">h", round(intensity * 100)))
    body = b"".join(parts)
    return PREFIX + base64.urlsafe_b64encode(body + _check(body)).decode().rstrip("=")


def is_code(text: str) -> bool:
    """Whether ``text`` is meant as a code, whole or not."""
    return _bare(text[:_LONGEST]).startswith(PREFIX)


def read_code(text: str) -> Profile:
    """The profile of a code, however a message has broken or quoted it.

    Raises ProfileError, one sentence, for one that is damaged or no code.
    """
    code = _bare(text[: _LONGEST + 1])
    if not code.startswith(PREFIX):
        raise ProfileError(f"This is no profile's code: one begins with {PREFIX}.")
    letters = code.removeprefix(PREFIX)
    if len(letters) > _LONGEST or not re.fullmatch("[A-Za-z0-9_-]*", letters):
        raise ProfileError(_DAMAGED.format(prefix=PREFIX))
    try:
        whole = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
        body, check = whole[:-_CHECK], whole[-_CHECK:]
        if _check(body) != check:
            raise ValueError
        name, at = _read_text(body, 1)
        description, at = _read_text(body, at)
        targets, method = dict(_targets(body, at)), _METHODS[body[0]]
    except (ValueError, IndexError, struct.error):
        raise ProfileError(_DAMAGED.format(prefix=PREFIX)) from None
    return Profile.from_json(
        {
            "format": FORMAT,
            "name": name,
            "description": description,
            "method": method,
            "targets": targets,
        }
    )


def _bare(text: str) -> str:
    """Without the blanks, quotes and brackets that a message puts around or into it."""
    return re.sub(r"[\s\"'`“”‘’<>\u200b]+", "", text)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", body, at)
    end = at + 2 + length
    if end > len(body):
        raise ValueError
    return body[at + 2 : end].decode(), end


def _targets(body: bytes, at: int) -> Iterator[tuple[str, float]]:
    while at < len(body):
        if body[at] == _OWN:
            words, at = _read_text(body, at + 1)
            value = f"custom/{words}"
        else:
            value, at = _VALUES[body[at]], at + 1
        (hundredths,) = struct.unpack_from(">h", body, at)
        yield value, hundredths / 100
        at += 2
