"""Trials: the same prompts answered under one composition, each reply from a seed of its own.

The seeds are the same under every composition, so that two of them differ by the steering and
not by luck.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chat_app.chat.sampling import default_sampling
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Reply, Request, Spoken, Turn
from chat_app.settings import data_path

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.compose import Composition

FEWEST = 5  # prompts: a band over fewer would say nothing


@dataclass(frozen=True)
class Course:
    """What is asked: every prompt ``replies`` times; reply i is drawn from ``seed`` + i."""

    prompts: tuple[str, ...]
    replies: int = 1
    max_tokens: int = 120
    seed: int = 0

    @property
    def n(self) -> int:
        return len(self.prompts) * self.replies

    @property
    def asked(self) -> list[str]:
        """The prompt of each reply."""
        return [prompt for prompt in self.prompts for _ in range(self.replies)]


def read_prompts(text: str, source: str) -> tuple[str, ...]:
    """One prompt a line, without blank ones and repetitions. Raises ValueflowError for too few."""
    prompts = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if len(prompts) < FEWEST:
        raise ValueflowError(
            f"{source} has {len(prompts)} different prompts: at least {FEWEST} are needed, one a "
            "line."
        )
    return prompts


def builtin_prompts() -> tuple[str, ...]:
    """The 40 questions that come with the program."""
    path = data_path("models", "calibration-prompts.txt")
    return read_prompts(path.read_text(encoding="utf-8"), path.name)


def answers(
    studio: "Studio",
    course: Course,
    how: "Composition",
    done: Callable[[], None] | None = None,
) -> list[Reply]:
    """The replies of ``course`` under ``how``; ``done`` is called as each one ends."""
    system = [Turn("system", how.system_prompt)] if how.system_prompt else []
    vector = how.vector.buffer() if how.vector else None
    requests = [
        Request(
            [*system, Turn("user", prompt)],
            default_sampling(
                studio.settings, seed=course.seed + i, max_tokens=course.max_tokens, think=False
            ),
            vector,
        )
        for i, prompt in enumerate(course.asked)
    ]
    return studio.engine.replies(requests, done=lambda i, reply: done() if done else None)


def surprise(studio: "Studio", course: Course, replies: Sequence[Reply]) -> float:
    """Mean -log p a token, in nats, of ``replies`` under the unsteered model: log perplexity.

    Of every second reply, which is enough for a mean over tokens and takes half the time.
    """
    spoken = [
        Spoken([Turn("user", prompt)], reply.tokens)
        for prompt, reply in list(zip(course.asked, replies, strict=True))[::2]
        if reply.tokens
    ]
    found = studio.engine.log_probs_of(spoken)
    return -float(np.concatenate(found).mean()) if found else 0.0
