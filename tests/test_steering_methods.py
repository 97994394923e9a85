"""Every method moves the measured intensity of the built-in model's replies the right way."""

import numpy as np
import pytest

from chat_app.chat.send import Finished, send
from chat_app.chat.studio import Studio
from chat_app.db.conversations import get_message
from chat_app.llm.engine import Request, Sampling, Turn
from chat_app.values.profile import METHODS, Profile

VALUES = ("svt/benevolence", "svt/stimulation", "duty/gratitude", "right/social_rights")
QUESTIONS = (
    "Should I lend my brother money?",
    "A colleague takes credit for my work. What would you do?",
    "Should I move to another city for a job?",
    "My neighbour plays loud music at night. What should I do?",
    "Is it fine to skip the family dinner?",
    "Should we spend the club's savings on a party?",
)


def measured(studio: Studio, value: str, target: float, method: str) -> float:
    composed = studio.compose(Profile("p", {value: target}, method=method))  # type: ignore[arg-type]
    system = [Turn("system", composed.system_prompt)] if composed.system_prompt else []
    vector = composed.vector.buffer() if composed.vector else None
    requests = [
        Request([*system, Turn("user", q)], Sampling(seed=i, max_tokens=80), vector)
        for i, q in enumerate(QUESTIONS)
    ]
    texts = [reply.text for reply in studio.engine.replies(requests)]
    return float(np.mean([s.intensity for s in studio.evaluator.score(texts, value)]))


@pytest.mark.parametrize("method", ["vector", "prompt", "vector+prompt"])
def test_asking_for_more_gives_more(studio: Studio, method: str) -> None:
    gaps = [measured(studio, v, 8, method) - measured(studio, v, -8, method) for v in VALUES]
    assert min(gaps) > 5, gaps


def test_none_asks_for_nothing(studio: Studio) -> None:
    more, less = (studio.compose(Profile("p", {VALUES[0]: t}, method="none")) for t in (8, -8))
    assert (more.vector, more.system_prompt) == (less.vector, less.system_prompt) == (None, None)
    # the same seeds, so the same replies, but for draws that were as good as undecided
    assert abs(measured(studio, VALUES[0], 8, "none") - measured(studio, VALUES[0], -8, "none")) < 3


@pytest.mark.parametrize("method", METHODS)
def test_a_reply_is_stored_with_what_it_was_made_with(studio: Studio, method: str) -> None:
    profile = Profile("p", {"svt/power": 7}, method=method)  # type: ignore[arg-type]
    *_, end = send(studio, QUESTIONS[0], profile, sampling=Sampling(seed=1, max_tokens=8))
    assert isinstance(end, Finished)
    composed = studio.compose(profile)
    with studio.database.read() as session:
        stored = get_message(session, end.message_id)
    steering = stored.steering or {}
    assert steering.get("system_prompt") == composed.system_prompt
    assert stored.vector_hash == (composed.vector.hash if composed.vector else None)
    assert (composed.system_prompt is None) == (method in ("vector", "none"))
    assert (composed.vector is None) == (method in ("prompt", "exemplar", "none"))
