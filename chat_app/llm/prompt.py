"""A conversation as the cells of a KV cache.

A cell is a token and the control vector under which it was read. User and system text and the
template's glue are read without one; a reply, and the token before it, under the vector it was
written with. So the cells are a function of the conversation alone, whatever was generated when.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chat_app.llm.context import EngineError, VectorBuffer
from chat_app.llm.model import ChatModel
from chat_app.llm.template import STRAIGHT, Asking

Role = Literal["system", "user", "assistant"]

_PARTS = 4  # of the context, one of which is freed at a time
# Unicode noncharacters: no text holds them, and no template changes them
_MARK = re.compile("\ufdd0([0-9]+)\ufdd1")


@dataclass(frozen=True)
class Turn:
    """One message. A reply carries the tokens that were drawn and the vector it was drawn under;
    its text may tokenise differently."""

    role: Role
    text: str
    tokens: tuple[int, ...] | None = None
    vector: VectorBuffer | None = None


class TooLongError(EngineError):
    """A conversation that the model's context does not hold."""


class Cell(NamedTuple):
    """A token, and the hash of the vector under which it is read (None: unsteered)."""

    token: int
    vector: str | None


def lay_out(
    model: ChatModel,
    turns: Sequence[Turn],
    vector: VectorBuffer | None,
    written: Sequence[int] = (),
    asking: Asking = STRAIGHT,
) -> list[Cell]:
    """The cells of ``turns`` with the reply opened as ``asking`` has it; the last one is read under
    ``vector``, and so are the tokens of the reply that are ``written`` already."""
    cells: list[Cell] = []
    for tokens, under in _segments(model, turns, asking):
        steered = under.hash if under else None
        if steered and cells:
            cells[-1] = cells[-1]._replace(vector=steered)
        cells += [Cell(token, steered) for token in tokens]
    if cells and vector:
        cells[-1] = cells[-1]._replace(vector=vector.hash)
    if not cells:
        raise EngineError("The model's chat template makes no text of this conversation.")
    under_now = vector.hash if vector else None
    return cells + [Cell(token, under_now) for token in written]


def _segments(
    model: ChatModel, turns: Sequence[Turn], asking: Asking
) -> Iterator[tuple[Sequence[int], VectorBuffer | None]]:
    """(tokens, vector) of the conversation's stretches in order.

    Replies, and texts in which somebody wrote the name of a control token, go through the
    template as a mark and are put in afterwards; the rest is tokenised together, as in training.
    """
    messages = [
        {"role": t.role, "content": f"\ufdd0{i}\ufdd1" if _apart(model, t) else _plain(t.text)}
        for i, t in enumerate(turns)
    ]
    rendered = model.render(messages, open_reply=True, asking=asking)
    if model.adds_bos and model.tokenize(rendered, special=True)[:1] != [model.bos]:
        yield [model.bos], None
    for place, part in enumerate(_MARK.split(rendered)):
        if place % 2 == 0:
            if part:
                yield model.tokenize(part, special=True), None
        else:
            turn = turns[int(part)]
            tokens = turn.tokens if turn.tokens is not None else model.tokenize(_plain(turn.text))
            yield tokens, turn.vector if turn.role == "assistant" else None


def _apart(model: ChatModel, turn: Turn) -> bool:
    return turn.role == "assistant" or any(name in turn.text for name in model.control_texts)


def _plain(text: str) -> str:
    return text.replace("\ufdd0", "").replace("\ufdd1", "")


@dataclass(frozen=True)
class Fitted:
    """``turns`` that fit the context, their cells, and how many older turns were left out."""

    turns: tuple[Turn, ...]
    cells: list[Cell]
    dropped: int


def fit(
    model: ChatModel,
    turns: Sequence[Turn],
    vector: VectorBuffer | None,
    *,
    n_ctx: int,
    reserve: int,
    written: Sequence[int] = (),
    asking: Asking = STRAIGHT,
    whole: bool = False,
) -> Fitted:
    """Leave out the oldest turns, whole, until ``reserve`` tokens are free for the reply, or for
    the rest of one of which ``written`` is there; none of them where the ``whole`` is wanted.

    System turns stay, and what is left begins with a user turn. A quarter of the context is freed
    at a time, so that the next turns find the beginning that this one has read. Raises
    :class:`TooLongError` where the last user turn alone leaves no room, or the whole does not.
    """
    kept, cells = list(turns), lay_out(model, turns, vector, written, asking)
    if whole and len(cells) >= n_ctx:
        raise TooLongError(
            f"The conversation is too long: {len(cells):,} tokens, and the model's context holds "
            f"{n_ctx:,}. Leave older messages out, or set VALUEFLOW_N_CTX higher."
        )
    length, part = len(cells), max(1, n_ctx // _PARTS)
    too_many = 0 if whole else length + reserve - n_ctx
    goal = -(-too_many // part) * part
    while length - len(cells) < goal and (shorter := _without_oldest(kept)):
        fewer = lay_out(model, shorter, vector, written, asking)
        if len(cells) + reserve <= n_ctx and not _without_oldest(shorter):
            break  # rather the little room that there is than nothing but the last turn
        kept, cells = shorter, fewer
    if written and len(cells) >= n_ctx:
        raise TooLongError(
            f"The reply cannot go on: with its question it fills the model's context of {n_ctx:,} "
            "tokens."
        )
    if len(cells) >= n_ctx:
        raise TooLongError(
            f"The message is too long: {len(cells):,} tokens, and the model's context holds "
            f"{n_ctx:,}. Shorten it, or set VALUEFLOW_N_CTX higher."
        )
    return Fitted(tuple(kept), cells, len(turns) - len(kept))


def _without_oldest(turns: Sequence[Turn]) -> list[Turn] | None:
    """``turns`` from their next user turn on, with all system turns; None where there is none."""
    spoken = [i for i, turn in enumerate(turns) if turn.role != "system"]
    asked = [i for i in spoken[1:] if turns[i].role == "user"]
    if not asked:
        return None
    return [turn for i, turn in enumerate(turns) if turn.role == "system" or i >= asked[0]]
