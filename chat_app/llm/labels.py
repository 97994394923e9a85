"""Labels of one token each, with which a model can be made to answer by choosing."""

from dataclasses import dataclass

from chat_app.llm.context import EngineError
from chat_app.llm.model import ChatModel

_SETS = ("123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_GLUES = (" ", ", ", "\n")

MOST_LABELS = max(map(len, _SETS))


@dataclass(frozen=True)
class Labels:
    """``texts`` as a prompt shows them, and the tokens of an answer such as "2 1 3".

    ``first``: each label's token where a reply begins; ``glue``: the tokens between two labels;
    ``later``: each label's token after the glue.
    """

    texts: tuple[str, ...]
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
        f"to order {count} texts; use at most {len(_SETS[0])} texts, or another model."
    )


def _labels(model: ChatModel, opened: str, texts: tuple[str, ...], glue: str) -> Labels | None:
    base = model.tokenize(opened, special=True)
    first = [_added(model, opened + text, base) for text in texts]
    if any(len(tokens) != 1 for tokens in first):
        return None
    after = [*base, *first[0]]
    later = [_added(model, opened + texts[0] + glue + text, after) for text in texts]
    joints = {tuple(tokens[:-1]) for tokens in later}
    labels = Labels(
        texts,
        tuple(tokens[0] for tokens in first),
        joints.pop(),
        tuple(tokens[-1] for tokens in later if tokens),
    )
    apart = len({*labels.first}) == len({*labels.later}) == len(texts)
    return labels if apart and not joints else None


def _added(model: ChatModel, text: str, base: list[int]) -> list[int]:
    """The tokens that ``text`` has beyond those of its beginning ``base``; none if they differ."""
    tokens = model.tokenize(text, special=True)
    return tokens[len(base) :] if tokens[: len(base)] == base else []
