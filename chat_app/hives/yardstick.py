"""How far a value space can be believed about a phrase that it never saw.

No similarity means the same in two spaces, so nothing here is compared with a fixed number.
The space is shown phrases whose meaning is known (``hives.reference_phrases``, the values' own
names), and what it makes of them is the yardstick for a person's own words:

nearness   g(p) = how much nearer p is to the values' names and VIDB's texts that take a side than
           to unrelated phrases and VIDB's neutral texts, in standard deviations of what unrelated
           phrases reach. Each reference phrase is measured without itself.
relation   n_v(p) = how near p is to value v, by its names and by its supporting texts, both in
           standard deviations of unrelated phrases.
side       P(for v | p): "cruelty" is near to care, and against it. The tone of a phrase is where
           z("I care about p") - z("I am against p"), with the phrase itself, lies along the mean of
           all value axes; e is p's tone less the mean of that of v's names and that of all names.
           Two normal distributions of one width are fitted to e of phrases for and against known
           values, with the odds ODDS for "for" beforehand: an encoder that hears no difference
           leaves it at those odds.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.hives.custom_axis import errors
from chat_app.hives.labels import direction
from chat_app.hives.matrices import Matrix, unit
from chat_app.hives.reference_phrases import AGAINST, FOR, SIGNED, UNRELATED
from chat_app.hives.space import Space, embedded
from chat_app.values.phrases import PHRASES
from chat_app.values.taxonomy import THEORIES

# A person who names a value mostly means what lies near it, and to take "honesty" for its opposite
# is worse than to miss that "rudeness" is one. Of 60 values and 30 vices that are not among the
# reference phrases, all-MiniLM-L6-v2 took 1 and 9 for the opposite; at odds of 4, 4 and 15.
ODDS = 10.0
_NAMES_COUNTED, _TEXTS_COUNTED = 3, 10  # the nearest of each, for nearness
# Of a hundred unrelated phrases seven lie beyond, where an encoder tells no more than that.
_LEAST_NEEDED = 1.5


@dataclass(frozen=True, eq=False)
class Phrases:
    """Embedded phrases: ``plain`` [n, d] the words alone, ``leaning`` [n, d] the mean of the
    sentences of someone for them less the mean of those of someone against them."""

    plain: Matrix
    leaning: Matrix


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What a space makes of the phrases that are known; rows of matrices are unit vectors.

    ``values`` are those with an axis; ``names`` [N, d] their names, ``name_of`` [N] whose;
    ``texts`` [n, d] VIDB's, ``rated`` [n] their intensities, ``signs`` [n] whether they support
    (1), oppose (-1) or do neither (0), ``owners`` [n] for which value (-1: none of these);
    ``centroids`` [V, d] of each value's supporting texts. All these are less the middle of their
    kind; the texts' ``embeddings`` and the values' ``axes`` [V, d] are not.
    ``needed`` is the nearness below which a phrase is more like an unrelated one than like a
    value's name; ``tones`` [V] are what e is less. ``errors``: see ``custom_axis.errors``.
    """

    values: tuple[str, ...]
    middle: Matrix
    names: Matrix
    name_of: NDArray[np.int64]
    unrelated: Matrix
    texts: Matrix
    embeddings: NDArray[np.float32]
    rated: Matrix
    signs: NDArray[np.int64]
    owners: NDArray[np.int64]
    centroids: Matrix
    axes: Matrix
    near_scale: Matrix
    relation_scale: Matrix
    needed: float
    tones: Matrix
    side: tuple[float, float]
    errors: tuple[float, float] = (0.0, 0.0)

    def placed(self, plain: Matrix) -> Matrix:
        """Embedded phrases [n, d] less the phrases' middle, as unit rows."""
        return unit(plain - self.middle)

    def nearness(self, z: Matrix, *, name: int | None = None, other: int | None = None) -> float:
        """g of one placed phrase [d], which may be the reference ``name`` or ``other`` itself."""
        parts = _nearness(self, z, name, other) - self.near_scale[0, :2]
        return float((parts / self.near_scale[1, :2]).sum() / self.near_scale[1, 2])

    def relations(self, z: Matrix, but: int | None = None) -> Matrix:
        """n_v [V] of one placed phrase; ``but``: as if this value had no names."""
        mean, spread = self.relation_scale[:, 0], self.relation_scale[:, 1]
        found = (_related(self, z) - mean) / spread
        if but is not None:
            found[0, but] = 0.0
        return np.asarray(found.mean(axis=0))

    def for_it(self, phrases: Phrases, row: int) -> Matrix:
        """P(for) [V]: how surely the phrase of this row is for each value, not against it."""
        steep, between = self.side
        e = _tones(self, phrases)[row] - self.tones
        return 1 / (1 + np.exp(-np.clip(np.log(ODDS) + steep * (e - between), -30, 30)))


def read_phrases(space: Space, words: tuple[str, ...], cache_dir: Path | None = None) -> Phrases:
    """Embed phrases alone and in the sentences for and against them; kept in ``cache_dir``."""
    texts = [frame.format(w) for frame in ("{}", *FOR, *AGAINST) for w in words]
    version = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    name = f"phrases-{version}-{space.encoder.version}.npz"
    rows = embedded(space.encoder, texts, cache_dir / name if cache_dir else None)
    z = rows.astype(np.float64).reshape(1 + len(FOR) + len(AGAINST), len(words), -1)
    leaning = z[1 : 1 + len(FOR)].mean(axis=0) - z[1 + len(FOR) :].mean(axis=0)
    return Phrases(z[0], leaning)


def value_names(values: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """(name, index of its value), each name once: see ``named``."""
    found: dict[str, int] = {}
    for i, value in enumerate(values):
        for name in _names_of(value):
            found.setdefault(name, i)
    return tuple(found.items())


def named(values: tuple[str, ...], words: str) -> Matrix:
    """[V]: 1 for the values that ``words`` are a name of, 0 for the others."""
    key = words.casefold()
    return np.array([float(key in (n.casefold() for n in _names_of(v))) for v in values])


def _names_of(value: str) -> list[str]:
    """The labels of a value and of all below it, and its phrase."""
    nodes = [node for theory in THEORIES.values() for node in theory.values]
    labels = [n.label for n in nodes if n.id == value or n.id.startswith(f"{value}:")]
    return [*labels, *([PHRASES[value]] if value in PHRASES else [])]


def measure(space: Space, cache_dir: Path | None = None) -> Yardstick:
    """The yardstick of ``space``; the phrases' embeddings are kept in ``cache_dir``.

    Raises ValueflowError for a space that knows none of the values.
    """
    values = tuple(v for v in PHRASES if v in space.axes)
    if not values:
        raise ValueflowError(
            f"{space.vidb.name} has no texts for and against any of the 32 values, so that no "
            "value can be found in one's own words."
        )
    named = value_names(values)
    words = (*(name for name, _ in named), *UNRELATED, *(phrase for phrase, _, _ in SIGNED))
    read = read_phrases(space, words, cache_dir)
    n, m = len(named), len(UNRELATED)
    middle = (read.plain[:n].mean(axis=0) + read.plain[n : n + m].mean(axis=0)) / 2
    placed = unit(read.plain - middle)
    texts = space.embeddings.astype(np.float64)
    texts = unit(texts - texts.mean(axis=0))
    index = {value: i for i, value in enumerate(values)}
    owners = np.array([index.get(a.value.partition(":")[0], -1) for a in space.vidb.anchors])
    rated = np.array([a.intensity for a in space.vidb.anchors])
    signs = np.array([direction(intensity) for intensity in rated], dtype=np.int64)
    draft = Yardstick(
        values=values,
        middle=middle,
        names=placed[:n],
        name_of=np.array([i for _, i in named], dtype=np.int64),
        unrelated=placed[n : n + m],
        texts=texts,
        embeddings=space.embeddings,
        rated=rated,
        signs=signs,
        owners=owners,
        centroids=unit(
            np.stack([texts[(owners == i) & (signs > 0)].mean(axis=0) for i in range(len(values))])
        ),
        axes=np.stack([space.axes[value] for value in values]).astype(np.float64),
        near_scale=np.array([[0.0, 0, 0], [1, 1, 1]]),
        relation_scale=np.zeros((2, 2, len(values))),
        needed=0.0,
        tones=np.zeros(len(values)),
        side=(0.0, 0.0),
    )
    return _scaled(draft, _tones(draft, read))


def _scaled(draft: Yardstick, tones: Matrix) -> Yardstick:
    """``draft`` with its scales, from the reference phrases each measured without itself."""
    n, m = len(draft.names), len(draft.unrelated)
    near = np.stack([_nearness(draft, draft.unrelated[i], None, i) for i in range(m)])
    mean, spread = near.mean(axis=0), np.maximum(near.std(axis=0), 1e-6)
    joint = max(float(((near - mean) / spread).sum(axis=1).std()), 1e-6)
    related = np.stack([_related(draft, z) for z in draft.unrelated])
    of_names = np.array([tones[:n][draft.name_of == v].mean() for v in range(len(draft.values))])
    of_names = (of_names + of_names.mean()) / 2
    scaled = replace(
        draft,
        near_scale=np.array([[*mean, 0.0], [*spread, joint]]),
        relation_scale=np.stack(
            [related.mean(axis=0), np.maximum(related.std(axis=0), 1e-6)], axis=1
        ),
        tones=of_names,
        side=_side(draft.values, of_names, tones[n + m :]),
    )
    known = np.array([scaled.nearness(z, name=i) for i, z in enumerate(scaled.names)])
    # As many deviations of unrelated phrases (1 each) below it as of known names above it.
    between = float(np.median(known) / (1 + known.std()))
    return replace(scaled, needed=max(_LEAST_NEEDED, between), errors=errors(scaled))


def _nearness(y: Yardstick, z: Matrix, name: int | None, other: int | None) -> Matrix:
    """(by phrases, by texts) [2] of one placed phrase, unscaled."""

    def top(cosines: Matrix, n: int, but: int | None = None) -> float:
        near = cosines if but is None else np.delete(cosines, but)
        return float(np.sort(near)[-n:].mean()) if len(near) else 0.0

    texts = y.texts @ z
    return np.array(
        [
            top(y.names @ z, _NAMES_COUNTED, name) - top(y.unrelated @ z, _NAMES_COUNTED, other),
            top(texts[y.signs != 0], _TEXTS_COUNTED) - top(texts[y.signs == 0], _TEXTS_COUNTED),
        ]
    )


def _related(y: Yardstick, z: Matrix) -> Matrix:
    """(its nearest name's cosine, its supporting texts' cosine) [2, V] of one placed phrase."""
    cosines = y.names @ z
    by_name = np.array([cosines[y.name_of == i].max() for i in range(len(y.values))])
    return np.stack([by_name, y.centroids @ z])


def _tones(y: Yardstick, phrases: Phrases) -> Matrix:
    """How much phrases sound like being for something, along what all axes share: [n]."""
    heard = phrases.leaning + phrases.plain - y.middle
    return np.asarray(heard @ unit(y.axes.mean(axis=0)))


def _side(values: tuple[str, ...], of_names: Matrix, tones: Matrix) -> tuple[float, float]:
    """(steepness, middle) of the log-odds for "for"; 0 steep where the encoder hears no sides."""
    heard = [
        (tone - of_names[values.index(v)], side)
        for tone, (_, v, side) in zip(tones, SIGNED, strict=True)
        if v in values
    ]
    pro, con = (np.array([e for e, side in heard if side == s]) for s in (1, -1))
    if len(pro) < 3 or len(con) < 3:
        return 0.0, 0.0
    variance = max(float(pro.var() + con.var()) / 2, 1e-12)
    return max(0.0, float(pro.mean() - con.mean()) / variance), float(pro.mean() + con.mean()) / 2
