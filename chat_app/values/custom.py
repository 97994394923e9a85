"""Values in a person's own words: ``custom/spending as little as possible``.

The id is "custom/" and the words themselves, so that a profile says by itself what it asks for.
What the words mean is measured elsewhere (``hives.custom``).
"""

import unicodedata

from chat_app.errors import ValueflowError
from chat_app.values.taxonomy import UnknownValue, Value, get_value

PREFIX = "custom/"
LONGEST = 120  # characters: a phrase or a short sentence
_JOINERS = "\u200c\u200d"  # invisible, and part of words in Persian, Hindi and of emoji


class CustomValueError(ValueflowError):
    """Words that cannot be a value."""


def is_custom(value: str) -> bool:
    """Whether ``value`` is written as one in a person's own words, in any case of letters."""
    return value.lstrip().casefold().startswith(PREFIX)


def custom_id(words: str) -> str:
    """The id of a value in these words, given with or without "custom/".

    Blanks are joined and the ends trimmed of them and of full stops. Raises CustomValueError for
    words that are too long, hold no letter or hold what cannot be shown.

    >>> custom_id(" Spending  as little as possible. ")
    'custom/Spending as little as possible'
    """
    bare = words.lstrip()[len(PREFIX) :] if is_custom(words) else words
    phrase = " ".join(unicodedata.normalize("NFC", bare).split()).rstrip(".。 ")
    shown = repr(phrase if len(phrase) <= 40 else phrase[:37] + "...")
    if len(phrase) > LONGEST:
        raise CustomValueError(
            f"The value {shown} has {len(phrase)} characters: {LONGEST} are the most."
        )
    if not any(letter.isalpha() for letter in phrase):
        raise CustomValueError(f"The value {shown} holds no letter: say in words what is valued.")
    if not all(sign.isprintable() or sign in _JOINERS for sign in phrase):
        raise CustomValueError(f"The value {shown} holds a character that cannot be shown.")
    return PREFIX + phrase


def custom_words(value: str) -> str:
    """The words of a custom value's id.

    >>> custom_words("custom/living simply")
    'living simply'
    """
    return value[len(PREFIX) :]


def find_value(name: str) -> str:
    """The id of a known value by any of its names, or of one in a person's own words.

    Raises UnknownValue or CustomValueError.
    """
    return custom_id(name) if is_custom(name) else get_value(name).id


def value_label(value: str) -> str:
    """What a person reads for ``value``: its label, its own words, or the id where unknown."""
    return describe_value(value)[0]


def describe_value(value: str) -> tuple[str, str]:
    """(label, definition) of any id; an id of a later version stands for itself."""
    if is_custom(value):
        words = custom_words(value)
        return words, f"A value in a person's own words: {words}."
    try:
        found: Value = get_value(value)
    except UnknownValue:
        return value, ""
    return found.label, found.definition
