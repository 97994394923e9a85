"""Short English phrases about acts, for `training.train_hives`: `python -m training.acts`.

They carry no label. A teacher reads them, and the small encoder learns from it what negation,
refusal, obligation and other frames do to an act: the same act comes back in many of them. All
are composed of `training.acts_words` and of WordNet's verbs, where Debian's package
wordnet-base puts them; nothing of it stands in the project.
"""

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

from training.acts_words import (
    ALONE,
    GROUPS,
    JUDGED,
    NAMES,
    PEOPLE,
    THINGS,
    TO_PEOPLE,
    WHEN,
    WHO,
)
from training.conjugation import gerund, past, third

# Frames by the form of the act: {a} base, {ing}, {s} third person, {ed} past. Their subject says
# whose "one's" it is.
GENERIC = (
    "{a}", "not {a}", "to {a}", "never {a}", "{ing}", "not {ing}", "refusing to {a}",
    "failing to {a}", "being forced to {a}", "being told to {a}", "wanting to {a}",
    "{ing} or not", "people who {a}", "people who never {a}", "someone who {s}",
    "anyone who {s}", "it's {j} to {a}", "it is {j} not to {a}", "it isn't {j} to {a}",
    "It's {j} when people {a}", "{ing} is {j}", "{ing} isn't {j}", "not {ing} is {j}",
    "you should {a}", "you shouldn't {a}", "you don't have to {a}", "you must never {a}",
    "{g} should {a}", "{g} shouldn't {a}", "{g} must {a}", "{g} have a duty to {a}",
    "{g} have no right to {a}", "{g} have every right to {a}", "{g} should be free to {a}",
    "{g} should be punished if they {a}", "stop {g} who {a}", "there's nothing wrong with {ing}",
    "there's no excuse for {ing}", "who cares about {ing}?", "why not {a}?", "why {a}?",
    "is it {j} to {a}?", "always {a}", "don't {a}", "please don't {a}", "{a} or else",
    "expecting someone to {a}", "judging someone for {ing}", "thinking about {ing}",
    "telling someone not to {a}", "the urge to {a}", "the courage to {a}", "the freedom to {a}",
    "the right to {a}", "the duty to {a}", "a promise to {a}", "a law against {ing}",
    "paying someone to {a}", "helping someone {a}", "a good person would {a}",
    "only a fool would {a}", "no decent person would {a}", "{ing} instead of {ing2}",
    "{ing} and {ing2}", "it is better to {a} than to {a2}", "rather {a} than {a2}",
    "if you {a}, you're {j}", "if you can't {a}, {a2}", "you can't {a} and then {a2}",
    "teach children to {a}", "teach children not to {a}", "ban {ing}", "legalise {ing}",
    "more people should {a}", "nobody should have to {a}", "everyone has to {a} sometimes",
    "{ing} makes the world a better place", "{ing} ruins everything", "the joy of {ing}",
)  # fmt: skip
MINE = (
    "I {a}", "I never {a}", "I would never {a}", "I'd gladly {a}", "I refuse to {a}",
    "I want to {a}", "I don't want to {a}", "I have to {a}", "I love to {a}", "I hate to {a}",
    "I enjoy {ing}", "I can't stand {ing}", "I avoid {ing}", "I feel guilty about {ing}",
    "I'm proud of {ing}", "I try to {a}", "I'm not the kind of person to {a}", "I {ed}",
    "I didn't {a}", "I could not {a}", "it is important to me to {a}",
    "it is not important to me to {a}", "my goal is to {a}", "I think it's {j} to {a}",
    "I don't think it's {j} to {a}", "I was raised to {a}", "I'd rather {a} than {a2}",
    "I dream of {ing}", "I was angry at myself for {ing}", "nobody can make me {a}",
    "I wish I could {a}", "I'm sorry for {ing}", "am I wrong for {ing}?", "I'm afraid to {a}",
)  # fmt: skip
THEIRS = (
    "{w} {s}", "{w} never {s}", "{w} {ed}", "{w} {ed} yesterday", "{w} refused to {a}",
    "{w} did not {a}", "{w} wants to {a}", "{w} was praised for {ing}", "{w} likes to {a}",
    "{w} was ashamed of {ing}", "{w} was fired for {ing}", "{w} would rather {a} than {a2}",
    "{w} thinks it is important to {a}", "{w} thinks it's {j} to {a}", "{w} was asked to {a}",
    "{w} was too proud to {a}", "{w} was too afraid to {a}", "{w} promised to {a}, but didn't",
    "{w} {ed}. Good.", "{w} {ed}, which was {j}", "{w} stopped {ing}", "{w} keeps {ing}",
    "{w} believes that {g} should {a}", "{w} {ed} and then {ed2}", "{w} chose to {a}",
    "{w} was punished because he refused to {a}", "{w} is known for {ing}",
)  # fmt: skip
NAMED = (
    "{n}", "{n} and {n2}", "{n} over {n2}", "{n}, not {n2}", "no {n}", "a lack of {n}",
    "more {n}", "too much {n}", "{n} is {j}", "{n} isn't {j}", "I value {n}", "I hate {n}",
    "{n} matters to me", "{n} doesn't matter to me", "there is no {n} without {n2}",
    "we need {n}", "we don't need {n}", "{n} is the root of all evil", "{n} is overrated",
    "the value of {n}", "{n} in old age", "{n} for all", "the right to {n}", "fighting for {n}",
    "fighting against {n}", "{g} deserve {n}", "{g} need more {n}", "a life without {n}",
    "{n} must be protected", "{n} should be banned", "{n} at any cost", "{n} {c}",
    "{w} stands for {n}", "{w} despises {n}", "respect for {n}", "{n} is worth dying for",
    "choosing {n} over {n2}", "putting {n} before {n2}", "{ing} out of {n}", "{ing} for {n}",
    "{n} means {ing}", "{n} is more important than {n2}", "how to teach {n}",
)  # fmt: skip
WHOSE = {"generic": ("one's", "your", "your"), "mine": ("my",), "theirs": ("his", "her", "their")}
SELF = {"one's": "oneself", "your": "yourself", "my": "myself", "his": "himself",
        "her": "herself", "their": "themselves"}  # fmt: skip
WORDNET = Path("/usr/share/wordnet/data.verb")
# WordNet's groups of verbs in which people deal with each other and with themselves.
_SOCIAL = {"31", "32", "33", "34", "36", "37", "40", "41", "42"}


class Acts:
    """Draws phrases; ``senses``: further acts, as definitions of verbs."""

    def __init__(self, rng: random.Random, senses: tuple[str, ...] = ()) -> None:
        self.rng, self.senses = rng, senses

    def act(self) -> str:
        """An act in the base form."""
        kind = self.rng.random()
        if kind < 0.4:
            return self.rng.choice(TO_PEOPLE).replace("{p}", self.rng.choice(PEOPLE))
        if kind < 0.72 or (kind > 0.85 and not self.senses):
            verbs, things = self.rng.choice(THINGS)
            return f"{self.rng.choice(verbs)} {self.rng.choice(things)}"
        return self.rng.choice(ALONE if kind <= 0.85 else self.senses)

    def phrase(self) -> str:
        """A phrase: an act or a name in a frame, with or without circumstance and punctuation."""
        kind = self.rng.random()
        frames, whose = (
            (GENERIC, "generic") if kind < 0.5
            else (MINE, "mine") if kind < 0.68
            else (THEIRS, "theirs") if kind < 0.88
            else (NAMED, "generic")
        )  # fmt: skip
        frame, own = self.rng.choice(frames), self.rng.choice(WHOSE[whose])
        first, second = self._fitting(own), self._fitting(own)
        if self.rng.random() < 0.35:
            first += " " + self._circumstance(own)
        text = frame.format(
            a=first, ing=gerund(first), s=third(first), ed=past(first),
            a2=second, ing2=gerund(second), ed2=past(second),
            g=self.rng.choice(GROUPS), j=self.rng.choice(JUDGED), c=self._circumstance(own),
            w=self.rng.choice(WHO), n=self.rng.choice(NAMES), n2=self.rng.choice(NAMES),
        )  # fmt: skip
        return self._written(text)

    def _fitting(self, own: str) -> str:
        """An act of whoever ``own`` is: one that says "you" is told to a you."""
        while True:
            act = self.act()
            if own in ("your", "one's") or not re.search(r"\byou\b", act):
                break
        act = re.sub(r"\b(one's|your)\b", own, act)
        return re.sub(r"\boneself\b", SELF[own], act)

    def _circumstance(self, own: str) -> str:
        while own not in ("your", "one's"):
            when = self.rng.choice(WHEN)
            if not re.search(r"\byour?\b", when):
                return re.sub(r"\bone's\b", own, when)
        return self.rng.choice(WHEN)

    def _written(self, text: str) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return text
        text = text[0].upper() + text[1:]
        return text if text[-1] in ".?!" or kind < 0.65 else text + "."


def phrases(seed: int, count: int, senses: tuple[str, ...] = ()) -> Iterator[str]:
    """``count`` phrases, no two alike."""
    acts, seen = Acts(random.Random(seed), senses), set[str]()
    while len(seen) < count:
        text = acts.phrase()
        if text not in seen:
            seen.add(text)
            yield text


def verb_senses(file: Path = WORDNET) -> tuple[str, ...]:
    """First definitions of WordNet's verbs of dealing, short ones that begin with a verb."""
    found = dict[str, None]()
    for line in file.read_text(encoding="latin-1").splitlines():
        if line.startswith("  ") or "|" not in line or line.split()[1] not in _SOCIAL:
            continue
        gloss = re.sub(r'"[^"]*"|\([^)]*\)', "", line.split("|", 1)[1]).split(";")[0]
        words = " ".join(gloss.split()).strip(" ,:")
        if 2 <= len(words.split()) <= 8 and re.fullmatch(r"[a-z][a-z' -]+", words):
            found[words] = None
    return tuple(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    texts = list(phrases(arguments.seed, arguments.count, verb_senses()))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(texts) + "\n", encoding="utf-8")
    print(f"{len(texts)} phrases")


if __name__ == "__main__":
    main()
