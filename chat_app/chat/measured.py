"""Asked against measured over a conversation: the mean of the replies under one profile."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from chat_app.chat.conversations import ConversationView
from chat_app.values.profile import Profile

_SURE = 1.96  # standard errors to either side of a mean that hold the truth 95 times in 100


@dataclass(frozen=True)
class Mean:
    """``value`` was asked for at ``target``; ``n`` replies came to ``mean``, 95% [low, high]."""

    value: str
    target: float
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class SoFar:
    """``means`` in the order of the profile's targets; ``replies``: how many of it there are."""

    profile: Profile
    replies: int
    means: tuple[Mean, ...]


def so_far(view: ConversationView) -> SoFar | None:
    """What the last reply's profile has come to in the branch that is shown: the mean of all its
    replies that asked for the same by the same method. None where no reply asked for anything.

    A mean's standard error is the larger of what its replies' own errors and what their spread
    come to.
    """
    said = [m for m in view.messages if m.role == "assistant" and m.text.strip()]
    replies = [m for m in said if not m.edited]  # else they are a person's own words
    if not replies or not replies[-1].profile.targets:
        return None
    profile = replies[-1].profile
    like = [
        m
        for m in replies
        if (m.profile.method, dict(m.profile.targets)) == (profile.method, dict(profile.targets))
    ]
    means = []
    for value, target in profile.targets.items():
        scores = [s for m in like for s in m.scores if s.value == value]
        if scores:
            means.append(_mean(value, target, [(s.intensity, s.stderr) for s in scores]))
    return SoFar(profile, len(like), tuple(means))


def _mean(value: str, target: float, scores: list[tuple[float, float]]) -> Mean:
    x, errors = np.array(scores, dtype=float).T
    n = len(x)
    own = sqrt(float((errors**2).sum())) / n
    spread = float(x.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    mean, error = float(x.mean()), _SURE * max(own, spread)
    return Mean(value, target, n, mean, max(-10.0, mean - error), min(10.0, mean + error))
