"""Dialogues for the built-in chat model, composed from the corpus.

Three channels carry a value to the answer, and the model is trained on all of them at once:

* ``prompt``: a system prompt states the person's values (the paper's intensity prompts);
* ``vector``: no prompt, but a control vector is added at the reply (see ``injection``);
* ``calm``: neither, and the answer is even-handed.

A dialogue is a list of ``Part``; replies carry the targets that shaped them.
"""

import json
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chat_app.steering.prompts import BANK_QUESTION, intensity_prompt, strength, value_phrase
from chat_app.values.phrases import PHRASES
from training.phrasings import (
    AGAIN,
    BARE_SYSTEM,
    CALM_FOLLOW,
    FOLLOW_FAILS,
    FOLLOW_FRAMES,
    FOLLOW_UPS,
    FOLLOW_WHO,
    GENERIC_DO,
    GENERIC_DOING,
    IDENTITY_ANSWERS,
    IDENTITY_QUESTIONS,
    LEADS,
    OPINION_QUESTIONS,
    PROMPT_FORMS,
    QUESTIONS,
    SCENARIO_QUESTIONS,
    UNKNOWN_ANSWERS,
    UNKNOWN_QUESTIONS,
    UNKNOWN_WORDS,
)  # fmt: skip
from training.topics import Topic, compose_setting, compose_topic, fill

CORPUS = Path(__file__).parent / "corpus"
VALUES = tuple(PHRASES)


@dataclass(frozen=True)
class Part:
    """One message. ``targets``: the intensities behind a reply; ``injected``: through a vector."""

    role: str
    text: str
    targets: Mapping[str, float] = field(default_factory=dict)
    injected: bool = False


def read_corpus(name: str) -> list[dict]:
    """The objects of one corpus file."""
    with open(CORPUS / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def held_out(text: str) -> bool:
    """Whether a topic is kept from training (one in ten, by its own letters)."""
    return sum(text.encode()) % 10 == 0


def level_of(intensity: float, rng: random.Random) -> int:
    """A part's level for an intensity: its neighbours at random, so that the mean is t / 5."""
    exact = max(-2.0, min(2.0, intensity / 5))
    low = int(exact // 1)
    return low + (rng.random() < exact - low)


class Composer:
    """Draws dialogues. ``dev`` draws from the held-out topics and phrasings only."""

    def __init__(self, rng: random.Random, vidb: list[dict], dev: bool = False):
        self.rng, self.dev, self.vidb = rng, dev, vidb
        self.parts: dict[tuple[str, int, str], list[str]] = defaultdict(list)
        for p in read_corpus("parts.jsonl"):
            self.parts[p["value"], p["level"], p["part"]].append(p["text"])
        self.topics = [t for t in read_corpus("topics.jsonl") if held_out(t["do"]) == dev]
        self.opinions = [o for o in read_corpus("opinions.jsonl") if held_out(o["do"]) == dev]
        self.smalltalk = read_corpus("smalltalk.jsonl")
        self.questions = [q for i, q in enumerate(QUESTIONS) if (i % 8 == 3) == dev]
        self.said: set[str] = set()  # parts of this dialogue, so that none comes twice

    # -- what is asked -------------------------------------------------------------------

    def question(self) -> tuple[str, str, str]:
        """A question with the bare and the gerund phrase that its answer may repeat."""
        r = self.rng.random()
        if r < 0.12:
            o = self.rng.choice(self.opinions)
            form = self.rng.choice(OPINION_QUESTIONS)
            return self._worn(form.format(**_forms(o))), o["do"], o["doing"]
        if r < 0.24:
            asked = f"{compose_setting(self.rng)} {self.rng.choice(SCENARIO_QUESTIONS)}"
            return self._worn(asked), self.rng.choice(GENERIC_DO), self.rng.choice(GENERIC_DOING)
        if r < 0.40:
            t = self.rng.choice(self.topics)
            setting = t["setting"] if self.rng.random() < 0.5 else ""
            topic = Topic(t["do"], t["doing"], t["you_do"], t["you_doing"], setting=setting)
        else:
            topic = compose_topic(self.rng)
        form = self.rng.choice(self.questions)
        while ("{he" in form or "{she" in form) and not topic.he_do:
            form = self.rng.choice(self.questions)
        text = form.format(**vars(topic), name=self.rng.choice(LEADS["names"]))
        if topic.setting and self.rng.random() < 0.35:
            text = f"{topic.setting} {text[0].upper()}{text[1:]}"
        return self._worn(text), topic.you_do, topic.you_doing

    def follow_up(self) -> tuple[str, tuple[str, ...]]:
        """A question about the answer before, and the kinds of parts that answer it."""
        if self.rng.random() < 0.6:
            return self.rng.choice(FOLLOW_UPS)
        who, fails = self.rng.choice(FOLLOW_WHO), self.rng.choice(FOLLOW_FAILS)
        asked = fill(self.rng.choice(FOLLOW_FRAMES), self.rng, who=who, fails=fails)
        return self._worn(asked), self.rng.choice((("stance", "action"), ("reason", "action")))

    def _worn(self, text: str) -> str:
        """As people type: now and then a greeting, no capitals, no full stop."""
        r = self.rng.random()
        if r < 0.06:
            text = self.rng.choice(LEADS["hello"]) + text
        text = text[0].upper() + text[1:]
        if 0.06 < r < 0.16:
            text = text.lower()
        if 0.12 < r < 0.22:
            text = text.rstrip("?.!")
        return text

    # -- what is answered ----------------------------------------------------------------

    def _part(self, value: str, level: int, part: str, slotted: bool, do: str, doing: str) -> str:
        pool = self.parts[value, level, part]
        if slotted:
            pool = [p for p in pool if "{do" in p] or pool
        text = self.rng.choice([p for p in pool if p not in self.said] or pool)
        self.said.add(text)
        text = text.replace("{do}", do).replace("{doing}", doing)
        return text[0].upper() + text[1:]

    def answer(
        self, targets: Mapping[str, float], do: str, doing: str,
        kinds: tuple[str, ...] = ("stance", "reason", "action"),
    ) -> str:  # fmt: skip
        """Stance, reason and action; several values take turns, the strongest speaks most."""
        if targets:
            order = sorted(targets, key=lambda v: -abs(targets[v]) - self.rng.random())
            speakers = (order + order[:1] * len(kinds))[: len(kinds)]
            self.rng.shuffle(speakers)
        else:
            speakers = [self.rng.choice(VALUES) for _ in kinds]
        named = self.rng.randrange(len(kinds)) if self.rng.random() < 0.85 else -1
        return " ".join(
            self._part(v, level_of(targets.get(v, 0.0), self.rng), kind, i == named, do, doing)
            for i, (v, kind) in enumerate(zip(speakers, kinds, strict=True))
        )

    def targets(self) -> dict[str, float]:
        """One to three values with intensities, the ends a little more often."""
        n = self.rng.choices((1, 2, 3), (0.7, 0.2, 0.1))[0]
        ends = (-10, -8, -4, 4, 8, 10)
        return {
            v: self.rng.choice(ends) if self.rng.random() < 0.4 else self.rng.uniform(-10, 10)
            for v in self.rng.sample(VALUES, n)
        }

    def system(self, targets: Mapping[str, float]) -> str:
        """The intensity prompt, or another way to say it."""
        if self.rng.random() < 0.6:
            return intensity_prompt(targets)
        form = self.rng.choice(PROMPT_FORMS)
        names = {v: self._name(v) for v in targets}
        wishes = [(strength(t), names[v]) for v, t in targets.items()]
        return form(wishes)

    def _name(self, value: str) -> str:
        plain = value.split("/")[1].replace("_", " ").replace("-", " ")
        return plain if self.rng.random() < 0.4 else value_phrase(value)

    # -- dialogues -----------------------------------------------------------------------

    def dialogue(self) -> list[Part]:
        """One dialogue of one to four turns."""
        self.said.clear()
        r = self.rng.random()
        if r < 0.10:
            return self._small_talk()
        if r < 0.14:
            return self._unknown()
        if r < 0.19 and self.vidb:
            return self._stated()
        return self._dilemma()

    def _channel(self) -> str:
        return self.rng.choices(("prompt", "vector", "calm"), (0.40, 0.46, 0.14))[0]

    def _opening(self, channel: str, targets: Mapping[str, float]) -> list[Part]:
        if channel == "prompt":
            return [Part("system", self.system(targets))]
        if self.rng.random() < 0.1:
            return [Part("system", self.rng.choice(BARE_SYSTEM))]
        return []

    def _dilemma(self) -> list[Part]:
        channel = self._channel()
        targets = {} if channel == "calm" else self.targets()
        injected = channel == "vector"
        asked, do, doing = self.question()
        out = self._opening(channel, targets)
        if self.rng.random() < 0.05:
            out += [Part(*p) for p in self._exchange()]
        out.append(Part("user", asked))
        out.append(Part("assistant", self.answer(targets, do, doing), targets, injected))
        more = 0.22 if self.rng.random() < 0.97 else 0.85  # a few go on for long
        while self.rng.random() < more:
            if injected and self.rng.random() < 0.4:
                targets = self.targets()  # the person moved the sliders between two turns
            if self.rng.random() < 0.3:
                asked, do, doing = self.question()
                kinds: tuple[str, ...] = ("stance", "reason", "action")
            else:
                asked, kinds = self.follow_up()
            out.append(Part("user", asked))
            text = self.answer(targets, do, doing, kinds)
            if not targets and self.rng.random() < 0.2:
                text = f"{self.rng.choice(CALM_FOLLOW)} {text}"
            out.append(Part("assistant", text, targets, injected))
        return out

    def _exchange(self) -> list[tuple[str, str]]:
        if self.rng.random() < 0.15:
            who = self._worn(self.rng.choice(IDENTITY_QUESTIONS))
            return [("user", who), ("assistant", self.rng.choice(IDENTITY_ANSWERS))]
        s = self.rng.choice(self.smalltalk)
        return [("user", self._worn(s["user"])), ("assistant", s["assistant"])]

    def _small_talk(self) -> list[Part]:
        """Small talk stays small talk, whatever the profile."""
        channel = self._channel()
        targets = {} if channel == "calm" else self.targets()
        out = self._opening(channel, targets)
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            (_, said), (_, reply) = self._exchange()
            out.append(Part("user", said))
            out.append(Part("assistant", reply, targets, channel == "vector"))
        return out

    def _unknown(self) -> list[Part]:
        """What it cannot know or do: it says so kindly, and offers what it can."""
        words = {k: self.rng.choice(v) for k, v in UNKNOWN_WORDS.items()}
        asked = self.rng.choice(UNKNOWN_QUESTIONS).format(**words, n=self.rng.randint(12, 99))
        reply = self.rng.choice(UNKNOWN_ANSWERS)
        channel = self._channel()
        targets = {} if channel == "calm" else self.targets()
        out = self._opening(channel, targets)
        out.append(Part("user", self._worn(asked)))
        out.append(
            Part("assistant", f"{reply} {self.rng.choice(AGAIN)}", targets, channel == "vector")
        )
        return out

    def _stated(self) -> list[Part]:
        """A VIDB text under its own persona: what the activation bank will show the model."""
        row = self.rng.choice(self.vidb)
        targets = {row["value"]: float(row["intensity"])}
        asked = BANK_QUESTION if self.rng.random() < 0.7 else self.question()[0]
        return [
            Part("system", intensity_prompt(targets)),
            Part("user", asked),
            Part("assistant", row["text"], targets),
        ]


def _forms(opinion: dict) -> dict:
    claim = opinion["claim"]
    return {**opinion, "Claim": claim[0].upper() + claim[1:], "q": opinion["question"]}
