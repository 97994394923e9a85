"""What a model thinks before it speaks, told apart from its reply.

A model that can think aloud writes ``<think>`` ... ``</think>`` and then the reply. Where the chat
template writes the opening tag itself, the engine puts it in front of the reply's text, so that
the text alone says which part is which.
"""

import re
from dataclasses import dataclass

OPEN, CLOSE = "<think>", "</think>"

_OPENED = re.compile(rf"{OPEN}\s*\Z")


@dataclass(frozen=True)
class Said:
    """A text in its parts. ``thought``: None where there is none. ``thinking``: the thought has
    begun and has not ended, so that no reply is there yet."""

    thought: str | None
    reply: str
    thinking: bool = False


def told_apart(text: str, *, growing: bool = False) -> Said:
    """The thought at the beginning of ``text``, and the reply after it.

    A text without a thought is a reply as it stands. Of one that is ``growing``, what could be
    the beginning of a tag is held back; as more comes, thought and reply only ever get longer.

    >>> told_apart("<think>They ask for 2 + 2.</think>\\n\\n4")
    Said(thought='They ask for 2 + 2.', reply='4', thinking=False)
    >>> told_apart("4")
    Said(thought=None, reply='4', thinking=False)
    """
    begin = text.lstrip()
    if not begin.startswith(OPEN):
        waits = growing and OPEN.startswith(begin)
        return Said(None, "" if waits else text)
    thought, closed, reply = begin.removeprefix(OPEN).partition(CLOSE)
    if closed:
        return Said(thought.strip() or None, reply.lstrip())
    if growing:
        thought = thought[: len(thought) - _begun(thought)]
    return Said(thought.strip() or None, "", thinking=True)


def opening(prompt: str) -> str:
    """The opening tag with which ``prompt`` ends, and the blanks after it; "" where it has none.

    >>> opening("<|im_start|>assistant\\n<think>\\n")
    '<think>\\n'
    """
    found = _OPENED.search(prompt)
    return found.group() if found else ""


def shut(prompt: str) -> str:
    """``prompt``, with the thought that it opens at its end closed again: there is none.

    >>> shut("<think>\\n")
    '<think>\\n\\n</think>\\n\\n'
    """
    opened = opening(prompt)
    return f"{prompt.removesuffix(opened)}{OPEN}\n\n{CLOSE}\n\n" if opened else prompt


def _begun(thought: str) -> int:
    """How many characters at the end of ``thought`` could begin the closing tag."""
    return next((n for n in range(len(CLOSE) - 1, 0, -1) if thought.endswith(CLOSE[:n])), 0)
