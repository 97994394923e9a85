"""A single reply that is not stored: what ``valueflow reply`` does."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.chat.sampling import default_sampling
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Reply, Sampling, Turn
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.compose import Composition
    from chat_app.steering.control_vector import ControlVector

__all__ = ["Once", "default_sampling", "reply_once"]


@dataclass(frozen=True)
class Once:
    """A reply and what it was made with; ``vector`` is the whole of what was added."""

    reply: Reply
    composition: "Composition"
    sampling: Sampling
    vector: "ControlVector | None"


def reply_once(
    studio: "Studio",
    text: str,
    profile: Profile,
    sampling: Sampling | None = None,
    *,
    extra: "ControlVector | None" = None,
    cancel: threading.Event | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Once:
    """Answer ``text`` under ``profile``, and under the vector ``extra`` on top of it.

    ``on_text`` is given the reply as it grows. Raises ValueflowError for an empty text, and
    where model, profile and vectors do not go together.
    """
    if not text.strip():
        raise ValueflowError("There is nothing to answer: the text is empty.")
    sampling = sampling or default_sampling(studio.settings)
    composition = studio.compose(profile)
    vector = composition.vector
    if extra is not None:
        info = studio.model.info
        extra.check_fits(info)
        if not info.steerable:
            raise ValueflowError(
                f"{info.name} ({info.architecture}) takes no control vectors in llama.cpp, so the "
                "vector would change nothing: use another model."
            )
        vector = extra if vector is None else vector + extra
    turns = [Turn("user", text.strip())]
    if composition.system_prompt:
        turns.insert(0, Turn("system", composition.system_prompt))
    buffer = vector.buffer() if vector is not None else None
    pieces = studio.engine.stream(turns, sampling, vector=buffer, cancel=cancel)
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return Once(end.value, composition, sampling, vector)
        if on_text and piece.text:
            on_text(piece.text)
