"""Texts with known values and intensities, to train the built-in HIVES encoder on.

Two sources: the VIDB seed, and replies composed from the corpus as the built-in chat model
gives them: stance, reason and action of one value and level, or sentences of two values.
"""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chat_app.hives.labels import direction, label_path, path_table
from chat_app.values.phrases import PHRASES
from chat_app.vidb.loading import Anchor
from training.hives_intensity import LabelledBatch
from training.topics import compose_topic

CORPUS = Path(__file__).parent / "corpus"
VALUES = tuple(PHRASES)
KINDS = ("stance", "reason", "action")
# What the judges gave, on average, to the seed's texts of each level.
LEVEL_INTENSITY = {2: 9.3, 1: 5.6, 0: 0.0, -1: -5.5, -2: -9.1}
# A composed reply speaks of the values that it was composed for: its zeros for the others weigh
# this much.
OTHER_WEIGHT = 0.1
NEUTRAL_WEIGHT = 0.2


@dataclass(frozen=True)
class Example:
    """A text and its known intensities; values not named count as near zero, with the weight
    ``others``."""

    text: str
    targets: Mapping[str, float]
    others: float = OTHER_WEIGHT


def read_corpus(name: str, folder: Path = CORPUS) -> list[dict]:
    with open(folder / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def held_out(text: str, share: float = 0.2) -> bool:
    """A fixed split: whether ``text`` is kept for measuring, decided by its hash."""
    return hashlib.sha256(text.encode()).digest()[0] < 256 * share


class Composer:
    """Draws examples; ``keep`` says which parts and topics it may use."""

    def __init__(self, rng: random.Random, keep: Callable[[str], bool] = lambda text: True) -> None:
        self.rng = rng
        self.parts: dict[tuple[str, int, str], list[str]] = defaultdict(list)
        for part in read_corpus("parts.jsonl"):
            if keep(part["text"]):
                self.parts[part["value"], part["level"], part["part"]].append(part["text"])
        topics = [(t["you_do"], t["you_doing"]) for t in read_corpus("topics.jsonl")]
        opinions = [(o["do"], o["doing"]) for o in read_corpus("opinions.jsonl")]
        self.topics = [t for t in topics + opinions if keep(t[0])]
        self.smalltalk = [s["assistant"] for s in read_corpus("smalltalk.jsonl")]

    def topic(self) -> tuple[str, str]:
        if self.rng.random() < 0.5:
            return self.rng.choice(self.topics)
        topic = compose_topic(self.rng)
        return topic.you_do, topic.you_doing

    def part(self, value: str, level: int, kind: str, topic: tuple[str, str]) -> str:
        text = self.rng.choice(self.parts[value, level, kind])
        text = text.replace("{do}", topic[0]).replace("{doing}", topic[1])
        return text[0].upper() + text[1:]

    def single(self, value: str, levels: Sequence[int], *kinds: str) -> Example:
        """One sentence per level (at most three), all of ``value``, on one topic.

        ``kinds``: of the sentences, else drawn.
        """
        kinds = kinds or tuple(sorted(self.rng.sample(KINDS, len(levels)), key=KINDS.index))
        topic = self.topic()
        parts = [self.part(value, n, k, topic) for n, k in zip(levels, kinds, strict=True)]
        intensity = sum(LEVEL_INTENSITY[n] for n in levels) / len(levels)
        return Example(" ".join(parts), {value: intensity})

    def of_level(self, value: str, level: int) -> Example:
        return self.single(value, [level] * self.rng.choice((1, 2, 3, 3)))

    def between(self, value: str) -> Example:
        """Sentences of two neighbouring levels: an intensity between them."""
        low = self.rng.choice((-2, -1, 0, 1))
        levels = [low, low + 1, self.rng.choice((low, low + 1))][: self.rng.choice((2, 3))]
        self.rng.shuffle(levels)
        return self.single(value, levels)

    def mixture(self) -> Example:
        """Two or three sentences of two or three values, each value at a level of its own."""
        named = self.rng.sample(VALUES, self.rng.choice((2, 2, 3)))
        level = {v: self.rng.choice((-2, -1, 0, 1, 2)) for v in named}
        speakers = [*named, self.rng.choice(named)][: max(len(named), self.rng.choice((2, 3, 3)))]
        self.rng.shuffle(speakers)
        topic = self.topic()
        kinds = sorted(self.rng.sample(KINDS, len(speakers)), key=KINDS.index)
        parts = [self.part(v, level[v], k, topic) for v, k in zip(speakers, kinds, strict=True)]
        return Example(" ".join(parts), {v: LEVEL_INTENSITY[n] for v, n in level.items()})

    def neutral(self) -> Example:
        if self.rng.random() < 0.3:
            return Example(self.rng.choice(self.smalltalk), {})
        return Example(self.of_level(self.rng.choice(VALUES), 0).text, {})


def targets_of(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Targets (intensity / 10) and weights, both float32 [n, 32] in the order of ``VALUES``."""
    targets = np.zeros((len(examples), len(VALUES)), dtype=np.float32)
    weights = np.zeros_like(targets)
    for row, example in enumerate(examples):
        weights[row] = example.others if example.targets else NEUTRAL_WEIGHT
        for value, intensity in example.targets.items():
            column = VALUES.index(value)
            targets[row, column] = intensity / 10
            weights[row, column] = 1.0
    return targets, weights


class Batches:
    """Endless batches: every value supported and opposed, neutral texts, blends.

    Blends (neighbouring levels, two values) have no single path, so they carry only
    intensities. Neutral texts share a path of their own: one cannot tell which value a text is
    neutral about.
    """

    def __init__(
        self,
        composer: Composer,
        seed: Iterable[Anchor],
        *,
        per_class: int = 2,
        seed_share: float = 0.35,
    ) -> None:
        self.composer, self.rng = composer, composer.rng
        self.per_class, self.seed_share = per_class, seed_share
        self.seed: dict[tuple[str, int], list[Example]] = defaultdict(list)
        for a in seed:
            self.seed[a.value, direction(a.intensity)].append(
                Example(a.text, {a.value: a.intensity})
            )
        paths = [label_path(value) for value in VALUES] + [("neutral",)]
        self.paths = path_table(paths)

    def _draw(self, value: str, sign: int) -> Example:
        if self.rng.random() < self.seed_share:
            return self.rng.choice(self.seed[value, sign])
        if sign == 0:
            return self.composer.neutral()
        return self.composer.of_level(value, sign * self.rng.choice((1, 2)))

    def __next__(self) -> LabelledBatch:
        examples, labels = [], []
        for index, value in enumerate(VALUES):
            for sign in (1, -1):
                for _ in range(self.per_class):
                    examples.append(self._draw(value, sign))
                    labels.append([*self.paths[index], sign])
            if self.rng.random() < 0.75:
                examples.append(self._draw(value, 0))
                labels.append([*self.paths[-1], 0])
        examples += [self.composer.mixture() for _ in range(28)]
        examples += [self.composer.between(self.rng.choice(VALUES)) for _ in range(12)]
        targets, weights = targets_of(examples)
        return LabelledBatch([e.text for e in examples], np.array(labels), targets, weights)

    def __iter__(self) -> "Batches":
        return self
