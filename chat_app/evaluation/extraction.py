"""From a person's or a group's texts to a profile: the values that they speak of, how strongly.

Most texts say nothing about most values, and a measured intensity near 0 does not tell "against
and for" from "about something else". So a text counts for a value only as far as it is *about* it,
which the value space says: of the VIDB texts nearest to it, how much belongs to the value and is
not neutral,

    relevance r_tv = sum over the 20 nearest texts i of value v of  w_i |intensity_i| / 10
    w_i proportional to exp(cosine(t, i) / 0.1), summing to 1 over the 20

and where r_tv reaches 0.1 the evaluator measures x_tv. A value's intensity is the mean of x_tv
weighted by r_tv. Its interval is a bootstrap over texts, each drawn with a fresh error of its own
standard error, so that texts that happen to agree do not look more certain than their scores.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.uncertainty import HIGHEST, LEVEL, LOWEST
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED

if TYPE_CHECKING:
    from chat_app.evaluation.evaluator import Evaluator
    from chat_app.hives.space import Space

Floats = NDArray[np.float64]

NEAREST = 20
TEMPERATURE = 0.1
# Of replies composed for one value, 99% reach this for it, and under 1% of other values do.
RELEVANT = 0.1
MIN_TEXTS = 3  # fewer say little about how a person's texts differ
NARROW = 4.0  # an interval of at most this width that holds 0 shows neutrality
_DRAWS = 2000


class ExtractionError(ValueflowError):
    """Texts that no profile can be read from."""


@dataclass(frozen=True)
class Evidence:
    """What the texts show of ``value``: intensity with a 95% interval [low, high], from the
    ``n_texts`` that speak of it, which are ``share`` of all."""

    value: str
    intensity: float
    low: float
    high: float
    n_texts: int
    share: float


@dataclass(frozen=True)
class LeftOut:
    """A value that the texts do not show, and why."""

    value: str
    n_texts: int
    reason: str


@dataclass(frozen=True)
class Extraction:
    """``found``: strongest first; ``left_out``: every other value that was looked for."""

    n_texts: int
    found: tuple[Evidence, ...]
    left_out: tuple[LeftOut, ...]

    def profile(self, name: str) -> Profile:
        """The found intensities as targets. Raises ExtractionError where nothing was found."""
        if not self.found:
            raise ExtractionError(
                f"No value shows in these {self.n_texts} texts, so there is no profile: a value "
                f"needs {MIN_TEXTS} texts that speak of it and agree."
            )
        targets = {e.value: round(e.intensity, 1) for e in self.found}
        return Profile(name, targets, description=f"Read from {self.n_texts} texts.")


def split_texts(content: str) -> list[str]:
    """The texts of a plain file: its paragraphs, or its lines where no blank line parts them."""
    paragraphs = [p.strip() for p in re.split(r"\n[^\S\n]*\n", content.strip()) if p.strip()]
    if len(paragraphs) > 1:
        return [" ".join(p.split()) for p in paragraphs]
    return [line.strip() for line in content.splitlines() if line.strip()]


def relevance(texts: Sequence[str], values: Sequence[str], space: "Space") -> Floats:
    """r, float [len(texts), len(values)] in [0, 1]: how far each text is about each value."""
    anchors = space.vidb.anchors
    column = {value: i for i, value in enumerate(values)}
    own = np.array([column.get(anchor.value, len(values)) for anchor in anchors])
    strength = np.array([abs(anchor.intensity) / HIGHEST for anchor in anchors])
    cosine = (space.encoder.encode(texts) @ space.embeddings.T).astype(np.float64)
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :NEAREST]
    near = np.take_along_axis(cosine, nearest, axis=1)
    weight = np.exp((near - near.max(axis=1, keepdims=True)) / TEMPERATURE)
    weight *= strength[nearest] / weight.sum(axis=1, keepdims=True)
    r = np.zeros((len(texts), len(values) + 1))
    np.add.at(r, (np.arange(len(texts))[:, None], own[nearest]), weight)
    return r[:, :-1]


def extract_profile(
    texts: Sequence[str],
    evaluator: "Evaluator",
    space: "Space",
    *,
    values: Sequence[str] | None = None,
    seed: int = 0,
) -> Extraction:
    """Which of ``values`` (default: the steered ones that VIDB has texts of) the texts show.

    A value is found where at least 3 texts speak of it and their interval keeps off 0, or is at
    most 4 points wide. Equal arguments give equal results. Raises ExtractionError where there is
    no text, and what ``Evaluator.score`` raises.
    """
    words = [text for text in texts if text.strip()]
    if not words:
        raise ExtractionError("There are no texts to read a profile from.")
    if values is None:
        values = [value for value in STEERED if value in space.vidb.values]
    r = relevance(words, values, space)
    enough = (r >= RELEVANT).sum(axis=0) >= MIN_TEXTS
    pairs = np.argwhere((r >= RELEVANT) & enough)
    scores = evaluator.score([words[t] for t, _ in pairs], [values[v] for _, v in pairs])
    found, left_out = [], []
    for column, value in enumerate(values):
        n = int((r[:, column] >= RELEVANT).sum())
        if n < MIN_TEXTS:
            left_out.append(LeftOut(value, n, _too_few(n)))
            continue
        own = [i for i, (_, v) in enumerate(pairs) if v == column]
        x = np.array([scores[i].intensity for i in own])
        errors = np.array([scores[i].stderr for i in own])
        weights = r[pairs[own, 0], column]
        mean = float(np.average(x, weights=weights))
        low, high = _interval(x, errors, weights, [seed, crc32(value.encode())])
        low, high = min(low, mean), max(high, mean)
        if low <= 0 <= high and high - low > NARROW:
            reason = f"{n} texts speak of it, and do not agree: {low:+.1f} to {high:+.1f}"
            left_out.append(LeftOut(value, n, reason))
        else:
            found.append(Evidence(value, mean, low, high, n, n / len(words)))
    found.sort(key=lambda e: -abs(e.intensity))
    return Extraction(len(words), tuple(found), tuple(left_out))


def _too_few(n: int) -> str:
    if n == 0:
        return "no text speaks of it"
    return f"only {n} text{'s' if n > 1 else ''} speak{'s' if n == 1 else ''} of it"


def _interval(
    x: Floats, errors: Floats, weights: Floats, seed: Sequence[int]
) -> tuple[float, float]:
    """The middle 95% of weighted means of texts drawn with replacement, each with its error."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(x), (_DRAWS, len(x)))
    drawn = x[picks] + errors[picks] * rng.normal(size=picks.shape)
    means = (weights[picks] * drawn).sum(axis=1) / weights[picks].sum(axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.clip(means, LOWEST, HIGHEST), [tail, 1 - tail])
    return float(low), float(high)
