"""A stored branch as the turns that the engine reads, each reply under the vector it had.

The engine keeps in its cache what it has read, by token and vector. With the stored tokens and
the very same vectors, a conversation that is opened again continues as if it had never closed.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from chat_app.chat.conversations import stored_profile
from chat_app.chat.sampling import restored_sampling
from chat_app.db.tables import Message
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Turn, VectorBuffer
from chat_app.llm.thinking import told_apart

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.llm.model import ChatModel
    from chat_app.steering.control_vector import ControlVector

logger = logging.getLogger(__name__)

_HALF = 4  # tokens that the beginning of a character may have


def turns_of(studio: "Studio", messages: Sequence[Message], system: str | None) -> list[Turn]:
    """The turns of a branch that ends with a question, after the system prompt ``system``.

    ``system`` belongs to the reply that comes; a conversation that was imported may have such a
    text of its own, which stands before it. What a model thought before a reply is not read again,
    as chat templates have it. A reply of which nothing was written is left out, and the two
    questions around it are read as one.
    """
    said = [m.text for m in messages if m.role == "system"] + ([system] if system else [])
    turns = [Turn("system", "\n\n".join(said))] if said else []
    for message in messages:
        if message.role == "assistant":
            if reply := told_apart(message.text).reply:
                turns.append(_reply(studio, message, reply))
        elif message.role == "user" and turns and turns[-1].role == "user":
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text}\n\n{message.text}")
        elif message.role == "user":
            turns.append(Turn("user", message.text))
    return turns


def _reply(studio: "Studio", message: Message, text: str) -> Turn:
    if message.model_sha256 != studio.model.info.sha256:
        # Tokens and vectors mean something to their own model only; words to every model.
        return Turn("assistant", text)
    tokens = written_tokens(studio.model, message)
    if text != message.text:
        tokens = last_tokens(studio.model, tokens, text)
    return Turn("assistant", text, tokens, past_vector(studio, message))


def last_tokens(model: "ChatModel", tokens: Sequence[int], text: str) -> tuple[int, ...]:
    """Those of ``tokens``, which end with ``text``, that are ``text``.

    Where it begins in the middle of a token, its words up to the next one are tokenised.
    """
    left, kept = text.encode(), len(tokens)
    while kept and left and left.endswith(piece := model.piece(tokens[kept - 1])):
        left, kept = left.removesuffix(piece), kept - 1
    try:
        return (*(model.tokenize(left.decode()) if left else ()), *tokens[kept:])
    except UnicodeDecodeError:
        return tuple(model.tokenize(text))


def written_tokens(model: "ChatModel", message: Message) -> tuple[int, ...]:
    """The tokens of a reply of ``model``, as drawn.

    Where it broke off, the last of them may be past the end of its text, in the middle of a
    character; where the tokens do not give the text at all, it is tokenised. The tag of a thought
    that the prompt opened is in the text only.
    """
    asking = restored_sampling(message.sampling or {}, 0).asking
    words = message.text.removeprefix(model.template.opening(asking))
    tokens, end = tuple(message.tokens or ()), words.encode()
    if message.tokens is not None and "reply_tokens" in (message.counts or {}):
        return tokens  # it came to an end in good order
    for kept in range(len(tokens), max(-1, len(tokens) - _HALF - 1), -1):
        if kept and b"".join(map(model.piece, tokens[:kept])) == end:
            return tokens[:kept]
    return tuple(model.tokenize(words))


def past_vector(studio: "Studio", message: Message) -> VectorBuffer | None:
    """The vector that a reply of the studio's model was written under, made again.

    From the stored coefficients, of which it is the sum; else, for a reply of an earlier version
    that does not tell them so exactly, from the profile. With other anchors or another encoder it
    comes out a little different, and the reply is read under what comes nearest.
    """
    if not message.vector_hash:
        return None
    known = studio.past_vectors.get(message.vector_hash)
    if known is None:
        try:
            vector = _composed_again(studio, message)
        except ValueflowError as error:
            logger.warning("The vector %s cannot be made again: %s", message.vector_hash, error)
            return None
        known = studio.past_vectors[message.vector_hash] = vector.buffer()
    return known


def _composed_again(studio: "Studio", message: Message) -> "ControlVector":
    steering = message.steering or {}
    coefficients: dict[str, float] = steering.get("coefficients") or {}
    directions = studio.directions_of(coefficients)
    parts = [c * directions[v] for v, c in coefficients.items() if c and v in directions]
    total = reduce(add, parts) if parts else None
    if total is not None and total.hash == message.vector_hash:
        return total
    vector = studio.compose(stored_profile(message)).vector
    if vector is not None and vector.hash == message.vector_hash:
        return vector
    if total is None:
        raise ValueflowError("no direction is left of those that it was made from.")
    logger.warning("Reply %s is read under a vector that is not quite its own.", message.id)
    return total
