"""Log-probabilities of a model's own distribution: natural logarithms, before any sampler."""

import numpy as np


def log_norm(logits: np.ndarray) -> float:
    """log sum_i exp(logits_i) of float32 [n_vocab], so that log p_i = logits_i - log_norm."""
    top = logits.max()
    return float(top) + float(np.log(np.exp(logits - top).sum(dtype=np.float64)))


def top_log_probs(logits: np.ndarray, count: int) -> tuple[tuple[int, float], ...]:
    """(token, log p) of the ``count`` likeliest tokens of float32 [n_vocab], likeliest first."""
    count = min(count, len(logits))
    if count == 0:
        return ()
    best = np.argpartition(logits, -count)[-count:]
    best = best[np.argsort(-logits[best], kind="stable")]
    norm = log_norm(logits)
    return tuple((int(token), float(logits[token]) - norm) for token in best)
