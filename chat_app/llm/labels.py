"""Labels of one token each, with which a model can be made to answer by choosing."""

from dataclasses import dataclass

from chat_app.llm.context import EngineError
from chat_app.llm.model import ChatModel

_SETS = ("123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_GLUES = (" ", ", ", "\n")


@dataclass(frozen=True)
class Labels:
    """``texts`` as a prompt shows them, and the tokens of an answer such as "2 1 3".

    ``opener``: tokens with which a reply begins whatever its label, a blank or nothing;
    ``first``: each label's token after it; ``glue``: the tokens between two labels; ``later``:
    each label's token after the glue.
    """

    texts: tuple[str, ...]
    opener: tuple[int, ...]
    first: tuple[int, ...]
    glue: tuple[int, ...]
    later: tuple[int, ...]


def one_token_labels(model: ChatModel, count: int) -> Labels:
    """``count`` labels that are one token each in ``model``'s vocabulary: digits, or letters.

    Tokenisers differ in whether the blank before a digit is a token of its own, so the tokens are
    taken from whole answers in the model's own chat template. Raises :class:`EngineError` where
    there are not that many.
    """
    opened = model.render([{"role": "user", "content": "."}], open_reply=True)
    for letters in _SETS:
        for glue in _GLUES:
            if count <= len(letters):
                found = _labels(model, opened, tuple(letters[:count]), glue)
                if found:
                    return found
    raise EngineError(
        f"This model's vocabulary has no {count} labels of one token each, so it cannot be asked "
        f"to order {count} texts: order fewer at a time, or choose another model."
    )


def _labels(model: ChatModel, opened: str, texts: tuple[str, ...], glue: str) -> Labels | None:
    base = model.tokenize(opened, special=True)
    first = _last_tokens([_added(model, opened + text, base) for text in texts])
    if first is None:
        return None
    start = opened + texts[0] + glue
    base += [*first[0], first[1][0]]
    later = _last_tokens([_added(model, start + text, base) for text in texts])
    return Labels(texts, *first, *later) if later else None


def _last_tokens(answers: list[list[int]]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(what all ``answers`` begin with, the one token in which each differs), if it is so."""
    if not all(answers) or len({tokens[-1] for tokens in answers}) < len(answers):
        return None
    begins = {tuple(tokens[:-1]) for tokens in answers}
    return (begins.pop(), tuple(tokens[-1] for tokens in answers)) if len(begins) == 1 else None


def _added(model: ChatModel, text: str, base: list[int]) -> list[int]:
    """The tokens that ``text`` has beyond those of its beginning ``base``; none if they differ."""
    tokens = model.tokenize(text, special=True)
    return tokens[len(base) :] if tokens[: len(base)] == base else []
