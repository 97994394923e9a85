"""The question that language models are asked, here or elsewhere: which text supports it more?"""

import hashlib
from collections.abc import Sequence
from functools import cache

from chat_app.values.custom import describe_value, is_custom
from chat_app.values.taxonomy import THEORIES, get_value

# What all windows share comes first, then what those of a value share: a model that keeps its
# cache reads either only once.
_QUESTION = """\
You compare short texts by the value that they speak for. Order all of them: first the text that \
supports the value most, last the text that opposes it most. Texts that have nothing to do with \
the value stand in the middle. Judge only what a text stands for, never how well it is written, \
how long it is or where it stands in the list.

The value: {label}. {definition}

The texts:
{texts}

Order them from the text that supports {label} most to the text that opposes it most. {form}"""


def question(value: str, texts: Sequence[str], labels: Sequence[str], form: str) -> str:
    """The question for ``texts`` under ``labels``; ``form`` says how to answer.

    Raises UnknownValue for a value that the taxonomy does not hold.
    """
    label, definition = describe_value(value if is_custom(value) else get_value(value).id)
    # A text on one line cannot pass itself off as two.
    listed = (f"{mark}. {' '.join(t.split())}" for mark, t in zip(labels, texts, strict=True))
    return _QUESTION.format(label=label, definition=definition, texts="\n".join(listed), form=form)


@cache
def wording(form: str) -> str:
    """8 hex digits that change with the question's words and the values' definitions."""
    values = [(v.id, v.label, v.definition) for t in THEORIES.values() for v in t.values]
    return hashlib.sha256(repr((_QUESTION, form, values)).encode()).hexdigest()[:8]
