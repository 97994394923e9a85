"""How a reply is drawn when nobody says otherwise, and how that is stored."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chat_app.llm.engine import Sampling
from chat_app.settings import Settings

_SELDOM: dict[str, Any] = {
    "grammar": None,
    "logit_bias": [],
    "logprobs": None,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "think": False,
    "today": None,
}


def default_sampling(settings: Settings, *, seed: int | None = None, **changes: Any) -> Sampling:
    """The settings' sampling; ``changes`` that are not None win; a random seed where neither
    ``seed`` nor the settings give one.

    Raises ValueflowError for a number out of its range.
    """
    chosen = {
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "min_p": settings.min_p,
        "repeat_penalty": settings.repeat_penalty,
        "max_tokens": settings.max_tokens,
        "think": settings.think,
        **{name: value for name, value in changes.items() if value is not None},
    }
    if seed is None:
        seed = settings.seed
    return Sampling(**chosen, seed=secrets.randbelow(2**31) if seed is None else seed)


def stored_sampling(sampling: Sampling) -> dict[str, Any]:
    """``sampling`` as JSON, without the seed, which is stored beside it.

    What is seldom wanted stands there only where it is. A token that is never drawn has null for
    its bias, since JSON knows no infinity.
    """
    data = asdict(sampling)
    del data["seed"]
    data["stop"] = list(sampling.stop)
    data["logit_bias"] = [
        [token, None if bias == -math.inf else bias] for token, bias in sampling.logit_bias
    ]
    for name, nothing in _SELDOM.items():
        if data[name] == nothing:
            del data[name]
    return data


def restored_sampling(stored: Mapping[str, Any], seed: int) -> Sampling:
    """The sampling that :func:`stored_sampling` made ``stored`` of, to draw the reply again."""
    data = dict(stored)
    data["stop"] = tuple(data.get("stop", ()))
    data["logit_bias"] = tuple(
        (token, -math.inf if bias is None else bias) for token, bias in data.get("logit_bias", ())
    )
    return Sampling(**data, seed=seed)
