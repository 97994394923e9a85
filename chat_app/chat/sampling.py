"""How a reply is drawn when nobody says otherwise, and how that is stored."""

import secrets
from dataclasses import asdict
from typing import Any

from chat_app.llm.engine import Sampling
from chat_app.settings import Settings


def default_sampling(settings: Settings, *, seed: int | None = None, **changes: Any) -> Sampling:
    """The settings' sampling; ``changes`` that are not None win; a random seed where none is given.

    Raises ValueflowError for a number out of its range.
    """
    chosen = {
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "min_p": settings.min_p,
        "repeat_penalty": settings.repeat_penalty,
        "max_tokens": settings.max_tokens,
        **{name: value for name, value in changes.items() if value is not None},
    }
    return Sampling(**chosen, seed=secrets.randbelow(2**31) if seed is None else seed)


def stored_sampling(sampling: Sampling) -> dict[str, Any]:
    """``sampling`` as JSON, without the seed, which is stored beside it."""
    data = asdict(sampling)
    del data["seed"]
    return {**data, "stop": list(sampling.stop)}
