"""Values put into words: the intensity prompts of the paper (section 4), at five strengths.

The same sentences serve the ``prompt`` method, the persona under which the activation bank
reads a text, and the training of the built-in model, so that all three speak one language.
"""

from collections.abc import Mapping

from chat_app.values.custom import custom_words, is_custom, value_label
from chat_app.values.phrases import PHRASES

# What the user asks before every text of the activation bank: open, and about nothing.
BANK_QUESTION = "What do you think?"

# (lowest intensity of the band, what the person does with the value)
_STRENGTHS = (
    (6.0, "strongly values"),
    (2.0, "somewhat values"),
    (-2.0, "is neutral about"),
    (-6.0, "somewhat rejects"),
    (-float("inf"), "strongly rejects"),
)


def bin_of(intensity: float) -> int:
    """The bin of an intensity in [-10, 10]: 0 the most supporting, 4 the most opposing."""
    return next(i for i, (lowest, _) in enumerate(_STRENGTHS) if intensity >= lowest)


def strength(intensity: float) -> str:
    """The verb phrase for an intensity in [-10, 10], one of five strengths."""
    return _STRENGTHS[bin_of(intensity)][1]


def value_phrase(value: str) -> str:
    """What a sentence calls ``value``: its phrase, its label, or the words of a custom value."""
    if is_custom(value):
        return custom_words(value)
    return PHRASES.get(value) or value_label(value).lower()


def intensity_prompt(targets: Mapping[str, float]) -> str:
    """The system prompt that asks for ``targets`` {value: intensity in [-10, 10]}.

    >>> intensity_prompt({"svt/hedonism": 8})
    'Answer as a person who strongly values pleasure and enjoyment.'
    """
    wishes = [f"{strength(t)} {value_phrase(v)}" for v, t in targets.items()]
    return f"Answer as a person who {'; '.join(wishes)}." if wishes else ""
