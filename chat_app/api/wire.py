"""The parts of an answer as OpenAI's clients read them."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chat_app.llm.engine import Piece, Reply

if TYPE_CHECKING:
    from chat_app.evaluation.evaluator import Score
    from chat_app.steering.compose import Composition
    from chat_app.values.profile import Profile

DONE = b"data: [DONE]\n\n"


def event(data: Mapping[str, Any]) -> bytes:
    """``data`` as a server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def usage(replies: Sequence[Reply]) -> dict[str, Any]:
    """Tokens of the prompt, once, and of all its replies."""
    first, written = replies[0], sum(reply.reply_tokens for reply in replies)
    return {
        "prompt_tokens": first.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": first.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": first.reused_tokens},
    }


@dataclass(frozen=True)
class Measured:
    """A reply's scores, or the sentence that says why there are none."""

    scores: "Mapping[str, Score]"
    failed: str | None = None


def steering(
    profile: "Profile",
    composition: "Composition",
    notes: Sequence[str],
    seed: int,
    measured: Sequence[Measured],
) -> dict[str, Any]:
    """The answer's field ``valueflow``; ``scores`` are the first reply's, and ``choices`` has
    everyone's where there are several."""
    vector = composition.vector
    failed = [each.failed for each in measured if each.failed]
    scores = [
        {value: _score(score, profile) for value, score in each.scores.items()} for each in measured
    ]
    found: dict[str, Any] = {
        "profile": profile.name,
        "method": profile.method,
        "targets": dict(profile.targets),
        "vector": vector.hash if vector else None,
        "expected": {v: round(each.intensity, 4) for v, each in composition.expected.items()},
        "seed": seed,
        "notes": [*notes, *dict.fromkeys(failed)],
        "scores": scores[0],
    }
    if len(scores) > 1:
        found["choices"] = [{"index": i, "scores": each} for i, each in enumerate(scores)]
    return found


def _score(score: "Score", profile: "Profile") -> dict[str, Any]:
    return {
        "target": profile.targets.get(score.value),
        "intensity": round(score.intensity, 4),
        "stderr": round(score.stderr, 4),
        "low": round(score.low, 4),
        "high": round(score.high, 4),
        "ranker": score.ranker,
        "vidb": score.vidb_version,
    }


class LogProbs:
    """Log-probabilities of a reply's tokens, each told once its text is shown: what is held back
    because a stop text may begin with it is told later, or never."""

    def __init__(self, bytes_of: Callable[[int], bytes]) -> None:
        self._bytes_of = bytes_of
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._spelt = self._shown = 0  # bytes

    def add(self, piece: Piece) -> list[dict[str, Any]]:
        """What can be told because of ``piece``."""
        if piece.logprob is not None:
            entry = self._entry(piece.token, piece.logprob)
            entry["top_logprobs"] = [self._entry(*each) for each in piece.top]
            self._waiting.append((self._spelt, entry))
            self._spelt += len(self._bytes_of(piece.token))
        self._shown += len(piece.text.encode())
        found = []
        while self._waiting and self._waiting[0][0] < self._shown:
            found.append(self._waiting.popleft()[1])
        return found

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        spelt = self._bytes_of(token)
        return {
            "token": spelt.decode(errors="replace"), "logprob": logprob, "bytes": list(spelt),
        }  # fmt: skip
