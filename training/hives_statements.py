"""Short texts of one value each (corpus/statements.jsonl), and frames that turn acts around.

An act ("walk past someone who fell") says nothing by itself of what its speaker thinks of it. In
a frame it does: "I would never walk past someone who fell" supports what the act opposes. The
frames hold the words of agreement and of negation, so that an encoder has to learn what these do
to the rest and cannot go by the act's words alone.
"""

import random
from collections.abc import Iterator

from training.conjugation import gerund
from training.hives_texts import LEVEL_INTENSITY, Example, read_corpus

APPROVE = (
    "you should {act}", "it is good to {act}", "I would always {act}", "everyone ought to {act}",
    "I respect people who {act}", "it's right to {act}", "I try to {act}",
    "a decent person would {act}", "there's nothing wrong with wanting to {act}",
    "I wish more people would {act}", "be ready to {act}", "we need to {act}",
    "it matters to {act}", "failing to {act} is bad", "it's wrong not to {act}",
    "people who refuse to {act} are in the wrong", "I'd never refuse to {act}",
    "never be too proud to {act}", "why wouldn't you {act}?", "{doing} is right",
    "{doing} is important", "{doing} is everyone's duty", "I love {doing}", "more {doing}",
    "it's rude not to {act}", "you can always {act}", "respect for {doing}", "the right to {act}",
    "he was praised for {doing}", "she thinks it is important to {act}", "not {doing} is wrong",
    "you're expected to {act}", "{doing} makes the world better", "I'm glad when people {act}",
)  # fmt: skip
REJECT = (
    "you shouldn't {act}", "it's wrong to {act}", "I would never {act}", "nobody should {act}",
    "I can't stand people who {act}", "don't {act}", "I refuse to {act}", "it's bad to {act}",
    "a decent person wouldn't {act}", "there's no good reason to {act}",
    "I wish people wouldn't {act}", "people who {act} are in the wrong", "it's not ok to {act}",
    "why would anyone {act}?", "it's shameful to {act}", "I'd hate to {act}",
    "why bother to {act}?", "you don't have to {act}", "no need to {act}", "it's fine not to {act}",
    "not {doing}", "never {doing}", "refusing to {act}", "failing to {act}", "{doing} is wrong",
    "stop {doing}", "{doing} should be forbidden", "it's rude to {act}", "I hate {doing}",
    "nobody has the right to {act}", "he was fired for {doing}", "a law against {doing}",
    "she thinks it is wrong to {act}", "{doing} ruins everything", "{doing} isn't ok",
    "it's disgusting to {act}", "you're not supposed to {act}", "not wanting to {act}",
)  # fmt: skip
PLAIN = ("{act}", "to {act}", "they {act}", "people who {act}", "{doing}", "wanting to {act}")
CARE = (
    "I care about {act}", "{act} matters to me", "I value {act}", "{act} comes first",
    "we need more {act}",
)  # fmt: skip
MIND = (
    "I am against {act}", "I don't care about {act}", "{act} means nothing to me",
    "I can't stand {act}", "there is too much {act} about",
)  # fmt: skip
# Frames that take or leave the act: worth half of its intensity.
MILD = {
    "I try to {act}", "there's nothing wrong with wanting to {act}", "why bother to {act}?",
    "you don't have to {act}", "no need to {act}", "it's fine not to {act}", "you can always {act}",
    "not wanting to {act}",
}  # fmt: skip
# A bare name of a value is no statement: it weighs a little less than one.
NAMED = 0.8
# What a short text says of other values is not known, and often something: these zeros weigh
# next to nothing.
OTHERS = 0.0025


def framed(act: str, intensity: float, rng: random.Random) -> tuple[str, float]:
    """``act`` in a frame, with or without a sentence's form, and what that says."""
    kind = rng.random()
    frames, sign = (APPROVE, 1) if kind < 0.42 else (REJECT, -1) if kind < 0.84 else (PLAIN, 1)
    return _said(act, rng.choice(frames), sign * intensity, rng)


def named(name: str, intensity: float, rng: random.Random) -> tuple[str, float]:
    """The ``name`` of a value or of a vice in a frame, likewise."""
    frames, sign = (CARE, 1) if rng.random() < 0.5 else (MIND, -1)
    return _said(name, rng.choice(frames), sign * intensity, rng)


def _said(act: str, frame: str, intensity: float, rng: random.Random) -> tuple[str, float]:
    text = frame.format(act=act, doing=gerund(act))
    if rng.random() < 0.6:
        text = text[0].upper() + text[1:]
        if not text.endswith("?") and rng.random() < 0.7:
            text += "."
    return text, intensity * (0.5 if frame in MILD else 1.0)


def statements(
    rng: random.Random, *, frames: int = 3, which: slice = slice(None)
) -> Iterator[Example]:
    """Every statement once, every name once alone and once in a frame, every act in ``frames``.

    ``which``: rows of the corpus, all if left out.
    """
    for row in read_corpus("statements.jsonl")[which]:
        value, text = row["value"], row["text"]
        intensity = LEVEL_INTENSITY[row["level"]]
        if row["kind"] == "act":
            said = [framed(text, intensity, rng) for _ in range(frames)]
        elif row["kind"] == "name":
            said = [(text, NAMED * intensity), named(text, intensity, rng)]
        else:
            said = [(text, intensity)]
        yield from (Example(words, {value: strength}, OTHERS) for words, strength in said)
