"""What stands between a handler and the page: one tab's state, and errors as sentences."""

import functools
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.temporary import Temporary
from chat_app.errors import ValueflowError
from chat_app.ui.text import escape

_log = logging.getLogger(__name__)
_SURPRISE = "Something unexpected went wrong; the terminal that runs Valueflow Chat says what."


@dataclass
class Tab:
    """One browser tab, for what cannot wait for the database: its running reply and its view.

    ``view`` grows whenever another conversation is shown, so that a reply or a score of the
    one before, still under way, is kept off the screen. ``cancel`` stops the reply that this view
    began and follows. ``seen`` is what it last found stored, ``told`` the error that it last told
    of that, ``watches`` whether it looks again and again, ``follows`` whether the box has Stop for
    a reply that another tab began, or this one on an earlier view. ``editing``: the message that
    the box has the words of. ``first``: the first message that is on the screen. ``temporary``:
    the chat that is shown, where it is one that is not stored.
    """

    view: int = 0
    seen: list[Any] | None = None
    told: str = ""
    watches: bool = False
    follows: bool = False
    editing: str = ""
    first: str = ""
    temporary: Temporary | None = None
    cancel: threading.Event | None = None

    def turn_page(self) -> None:
        """Another conversation is shown from here on; a temporary one is forgotten.

        A reply that is under way goes on by itself.
        """
        self.view += 1
        if self.cancel:
            self.cancel, self.follows = None, True
        self.seen, self.told, self.editing, self.first = None, "", "", ""
        self.leave()

    def leave(self) -> None:
        """Nobody looks at this tab any more."""
        if self.temporary:
            self.temporary.forget()
            self.temporary = None


def tell(error: Exception) -> None:
    """Show ``error`` on the page: its one sentence if it is ours, else that there was one."""
    gr.Warning(_sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, ValueflowError):
        return escape(str(error))
    _log.error("A handler of the page failed", exc_info=error)
    return _SURPRISE


def guarded(handler: Callable[..., Any], *, queued: bool = True) -> Callable[..., Any]:
    """``handler`` with its errors told on the page, and nothing changed there by them.

    Warnings travel by Gradio's queue; what does not use it can only answer with an error.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any) -> Iterator[Any]:
            yield gr.skip()  # of a generator without an answer Gradio would empty the outputs
            try:
                yield from handler(*args)
            except Exception as error:
                tell(error)

        return stream

    @functools.wraps(handler)
    def answer(*args: Any) -> Any:
        try:
            return handler(*args)
        except Exception as error:
            if not queued:
                raise gr.Error(_sentence(error), print_exception=False) from error
            tell(error)
            return gr.skip()

    return answer
