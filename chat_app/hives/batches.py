"""Which texts are trained on together, so that every level of the hierarchy has positives.

A batch is a function of the texts, the seed and its number alone: a run that is taken up again
sees the batches that it would have seen.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.dataset import DatasetError, LabelledText
from chat_app.hives.labels import path_table

# (what the texts share, their direction) -> their rows
Groups = Mapping[tuple[str, int], Sequence[int]]


@dataclass(frozen=True, eq=False)
class Batch:
    """rows: n places in the texts; labels: int64 [n, L + 3] path, direction, group by phrase, group
    by concept, the groups -1 but for the texts of that quarter (see ``losses.StageTwoLoss``)."""

    rows: tuple[int, ...]
    labels: NDArray[np.int64]


class Batches:
    """Batches of ``size`` of ``texts``, for both stages; ``seed`` draws others.

    Raises DatasetError where no two texts share a path and a direction.
    """

    def __init__(self, texts: Sequence[LabelledText], size: int, seed: int) -> None:
        if size < 4:
            raise DatasetError(f"A batch of {size} texts is too small to contrast: take 4 or more.")
        self.texts, self.size, self.seed = texts, size, seed
        self._epoch: tuple[str, list[int]] = ("", [])  # the last order of anchors, and its name
        self._table = path_table([t.path for t in texts])
        # Rows below each prefix of a path, direction by direction, parted by what comes next.
        self._below: dict[tuple[tuple[str, ...], int], dict[str, list[int]]] = {}
        for row, text in enumerate(texts):
            for level in range(1, len(text.path) + 1):
                parts = self._below.setdefault((text.path[:level], text.direction), {})
                following = text.path[level] if level < len(text.path) else ""
                parts.setdefault(following, []).append(row)
        if all(sum(map(len, parts.values())) < 2 for parts in self._below.values()):
            raise DatasetError(
                "No two texts share a path and a direction, so there is nothing to bring together."
            )
        # By level: where texts part below it; at the last level, where paths are shared whole.
        self._forks: dict[int, list[tuple[tuple[str, ...], int]]] = {}
        deepest = self._table.shape[1]
        for (prefix, sign), parts in self._below.items():
            if len(parts) > 1:
                self._forks.setdefault(len(prefix), []).append((prefix, sign))
            elif len(prefix) == deepest and len(parts[""]) > 1:
                self._forks.setdefault(deepest, []).append((prefix, sign))
        self.phrases = _pairable(
            texts, [[(t.phrase, t.direction)] if t.phrase else [] for t in texts]
        )
        self.concepts = _pairable(
            texts, [[(name, sign * t.direction) for name, sign in t.concepts] for t in texts]
        )

    def stage_one(self, step: int) -> Batch:
        """Families of texts (see ``_family``) around anchors that take turns."""
        rng = self._rng(1, step)
        return self._batch(self._families(1, step, min(self.size, len(self.texts)), rng), [], [])

    def stage_two(self, step: int) -> Batch:
        """One half as in stage 1, a quarter of pairs by phrase, a quarter of pairs by concept.

        Both texts of a pair have the same direction, neither is neutral; a concept's pair is of
        two theories where it can be. What a quarter cannot fill goes to the half.
        """
        rng = self._rng(2, step)
        pairs = max(2, self.size // 8)
        phrase = _drawn_pairs(self.phrases, pairs, self.texts, rng)
        concept = _drawn_pairs(self.concepts, pairs, self.texts, rng)
        left = max(self.size // 2, self.size - 2 * (len(phrase) + len(concept)))
        rows = self._families(2, step, min(left, len(self.texts)), rng)
        return self._batch(rows, phrase, concept)

    def _rng(self, stage: int, step: int) -> random.Random:
        return random.Random(f"{self.seed} {stage} {step}")

    def _batch(
        self,
        rows: list[int],
        phrase: list[tuple[int, int, int]],
        concept: list[tuple[int, int, int]],
    ) -> Batch:
        whole, groups = list(rows), [(-1, -1)] * len(rows)
        for column, pairs in enumerate((phrase, concept)):
            for group, a, b in pairs:
                whole += [a, b]
                groups += [(group, -1) if column == 0 else (-1, group)] * 2
        signs = np.array([self.texts[row].direction for row in whole], dtype=np.int64)
        labels = np.column_stack([self._table[whole], signs, np.array(groups, dtype=np.int64)])
        return Batch(tuple(whole), labels)

    def _families(self, stage: int, step: int, size: int, rng: random.Random) -> list[int]:
        """``size`` distinct rows: families of anchors, each text an anchor once an epoch.

        Where no family has a pair that parts below some level, one is put before them.
        """
        depth = self._table.shape[1]
        chosen: dict[int, None] = {}
        for anchor in self._anchors(stage, step, max(1, (size - 2 * depth) // (depth + 2))):
            chosen |= dict.fromkeys(self._family(anchor, rng))
        missing = [level for level in self._forks if level not in self._levels(list(chosen))]
        pairs = [self._fork(level, rng) for level in missing]
        chosen = dict.fromkeys(itertools.chain(*pairs, chosen))
        while len(chosen) < size:
            row = rng.randrange(len(self.texts))
            chosen |= dict.fromkeys([row, *self._kin(row, len(self.texts[row].path), rng)])
        return list(chosen)[:size]

    def _levels(self, rows: list[int]) -> set[int]:
        """Down to which levels, and no further, pairs of ``rows`` of one direction agree."""
        agree = (self._table[rows][:, None] == self._table[rows][None]).sum(axis=2)
        signs = np.array([self.texts[row].direction for row in rows])
        upper = np.triu(signs[:, None] == signs[None, :], k=1)
        return set(agree[upper].tolist())

    def _fork(self, level: int, rng: random.Random) -> list[int]:
        """Two rows of one direction that share ``level`` levels and no more."""
        parts = list(self._below[rng.choice(self._forks[level])].values())
        if level == self._table.shape[1]:
            return rng.sample(parts[0], 2)
        return [rng.choice(part) for part in rng.sample(parts, 2)]

    def _anchors(self, stage: int, step: int, share: int) -> Iterator[int]:
        n = len(self.texts)
        for place in range(step * share, (step + 1) * share):
            name = f"{self.seed} {stage} epoch {place // n}"
            if self._epoch[0] != name:
                order = list(range(n))
                random.Random(name).shuffle(order)
                self._epoch = (name, order)
            yield self._epoch[1][place % n]

    def _family(self, anchor: int, rng: random.Random) -> list[int]:
        """The anchor; for every level from the bottom up, a text of its direction that shares
        the path down to there and no further, where there is one; its path's other direction."""
        text = self.texts[anchor]
        family = [anchor]
        for level in range(len(text.path), 0, -1):
            family += self._kin(anchor, level, rng)
        other = [self._below.get((text.path, s), {}) for s in (-1, 0, 1) if s != text.direction]
        against = [row for parts in other for row in parts.get("", ())]
        return [*family, rng.choice(against)] if against else family

    def _kin(self, anchor: int, level: int, rng: random.Random) -> list[int]:
        text = self.texts[anchor]
        parts = self._below[text.path[:level], text.direction]
        if level == len(text.path):
            same = parts[""]
            at = rng.randrange(len(same))
            if same[at] == anchor and len(same) > 1:
                at = (at + 1) % len(same)
            return [] if same[at] == anchor else [same[at]]
        others = [following for following in parts if following != text.path[level]]
        return [rng.choice(parts[rng.choice(others)])] if others else []


def _pairable(texts: Sequence[LabelledText], keys: Sequence[Sequence[tuple[str, int]]]) -> Groups:
    """The groups of two or more different texts. A neutral text neither holds nor rejects."""
    groups: dict[tuple[str, int], list[int]] = {}
    for row, theirs in enumerate(keys):
        for key in theirs:
            if key[1]:
                groups.setdefault(key, []).append(row)
    return {k: rows for k, rows in groups.items() if len({texts[r].text for r in rows}) > 1}


def _drawn_pairs(
    groups: Groups, wanted: int, texts: Sequence[LabelledText], rng: random.Random
) -> list[tuple[int, int, int]]:
    """Up to ``wanted`` (group, row, row), of as many groups as there are.

    A text may belong to several groups. No text of a pair belongs to another drawn group, or it
    would be pushed away from its like.
    """
    keys = list(groups)
    members = [frozenset(groups[key]) for key in keys]
    order = list(range(len(keys)))
    rng.shuffle(order)
    drawn: list[tuple[int, int, int]] = []
    used: set[int] = set()
    taken: set[int] = set()  # groups
    while len(drawn) < wanted:
        before = len(drawn)
        for group in order:
            others = [members[g] for g in taken if g != group]
            if len(drawn) < wanted and not (group not in taken and used & members[group]):
                pair = _pair(groups[keys[group]], others, used, texts, rng)
                if pair:
                    drawn.append((group, *pair))
                    used |= set(pair)
                    taken.add(group)
        if len(drawn) == before:
            break
    return drawn


def _pair(
    rows: Sequence[int],
    others: Sequence[frozenset[int]],
    used: set[int],
    texts: Sequence[LabelledText],
    rng: random.Random,
) -> tuple[int, int] | None:
    """Two different free texts of ``rows``, of two theories where the rows are of several."""
    free = [r for r in rows if r not in used and not any(r in other for other in others)]
    theories: dict[str, list[int]] = {}
    for row in free:
        theories.setdefault(texts[row].path[0], []).append(row)
    if not theories or (len(theories) == 1 and len({texts[r].path[0] for r in rows}) > 1):
        return None
    first, *second = rng.sample(sorted(theories), min(2, len(theories)))
    one = rng.choice(theories[first])
    rest = [r for r in theories[second[0] if second else first] if texts[r].text != texts[one].text]
    return (one, rng.choice(rest)) if rest else None
