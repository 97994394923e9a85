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

Role = Literal["system", "user", "assistant"]

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


class Cell(NamedTuple):
    """A token, and the hash of the vector under which it is read (None: unsteered)."""

    token: int
    vector: str | None


def lay_out(model: ChatModel, turns: Sequence[Turn], vector: VectorBuffer | None) -> list[Cell]:
    """The cells of ``turns`` with the reply opened; the last one is read under ``vector``."""
    cells: list[Cell] = []
    for tokens, under in _segments(model, turns):
        steered = under.hash if under else None
        if steered and cells:
            cells[-1] = cells[-1]._replace(vector=steered)
        cells += [Cell(token, steered) for token in tokens]
    if cells and vector:
        cells[-1] = cells[-1]._replace(vector=vector.hash)
    if not cells:
        raise EngineError("The model's chat template makes no text of this conversation.")
    return cells


def _segments(
    model: ChatModel, turns: Sequence[Turn]
) -> Iterator[tuple[Sequence[int], VectorBuffer | None]]:
    """(tokens, vector) of the conversation's stretches in order.

    Replies, and texts in which somebody wrote the name of a control token, go through the
    template as a mark and are put in afterwards; the rest is tokenised together, as in training.
    """
    messages = [
        {"role": t.role, "content": f"\ufdd0{i}\ufdd1" if _apart(model, t) else _plain(t.text)}
        for i, t in enumerate(turns)
    ]
    rendered = model.render(messages, open_reply=True)
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
) -> Fitted:
    """Leave out the oldest turns, whole, until ``reserve`` tokens are free for the reply.

    System turns stay, and what is left begins with a user turn. Raises :class:`EngineError`
    where the last user turn alone leaves no room.
    """
    kept = list(turns)
    while True:
        cells = lay_out(model, kept, vector)
        if len(cells) + reserve <= n_ctx:
            return Fitted(tuple(kept), cells, len(turns) - len(kept))
        spoken = [i for i, t in enumerate(kept) if t.role != "system"]
        later = [i for i in spoken[1:] if kept[i].role == "user"]
        if not later:
            if len(cells) < n_ctx:
                return Fitted(tuple(kept), cells, len(turns) - len(kept))
            raise EngineError(
                f"The message is too long: {len(cells):,} tokens, and the model's context holds "
                f"{n_ctx:,}. Shorten it, or set VALUEFLOW_N_CTX higher."
            )
        kept = [t for i, t in enumerate(kept) if t.role == "system" or i >= later[0]]
