"""Log-probabilities of a model's own distribution: natural logarithms, before any sampler."""

import numpy as np


def log_norm(logits: np.ndarray) -> float:
    """log sum_i exp(logits_i) of float32 [n_vocab], so that log p_i = logits_i - log_norm."""
    top = logits.max()
    return float(top) + float(np.log(np.exp(logits - top).sum(dtype=np.float64)))


def top_log_probs(logits: np.ndarray, count: int, norm: float) -> tuple[tuple[int, float], ...]:
    """(token, log p) of the ``count`` likeliest tokens of float32 [n_vocab], likeliest first."""
    best = likeliest(logits, count)
    best = best[np.argsort(-logits[best], kind="stable")]
    return tuple((int(token), float(logits[token]) - norm) for token in best)


def likeliest(logits: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` tokens (or all) of the highest logits of float32 [n_vocab], in no order."""
    if count >= len(logits):
        return np.arange(len(logits))
    if count == 0:
        return np.arange(0)
    # Of ever so many blocks the count-th highest peak: so many tokens at least are as high, and
    # few more. Sorting out the whole vocabulary takes ten times as long.
    size = max(1, len(logits) // (4 * count))
    peaks = logits[: len(logits) // size * size].reshape(-1, size).max(axis=1)
    high = np.flatnonzero(logits >= np.partition(peaks, -count)[-count])
    return high[np.argpartition(logits[high], -count)[-count:]] if len(high) > count else high
