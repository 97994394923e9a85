"""One turn on the page: the question at once, the reply as it grows, then what is stored."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.send import Delta, Event, Started
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.ui.chat_panel import growing_reply, waiting_message
from chat_app.ui.guard import Tab, tell
from chat_app.ui.layout import Page
from chat_app.ui.loading import ticking
from chat_app.ui.scorer import Scorer

# How often an idle wait looks around: for what is loading.
_TICK_S = 0.4
# Often enough to read along. Each update costs the browser a rendering of the whole reply, so
# that they come less often as it grows: half as often after so many characters, and so on.
_UPDATE_S, _UPDATE_CHARS = 0.03, 600

Turn = Callable[[threading.Event], Iterator[Event]]


def follow(
    page: Page,
    tab: Tab,
    conversation_id: str,
    turn: Turn,
    before: list[dict[str, Any]],
    words: str = "",
) -> Generator[dict[Any, Any], None, None]:
    """``turn``'s events as page updates. ``before``: the messages above the reply until it begins;
    ``words``: what was in the box, put back there where nothing of the turn could be stored.

    When the page goes, or shows another conversation, the reply goes on into the database, where
    it is measured; in a temporary chat it ends. Nothing happens while another turn is followed on
    this view: Enter was pressed twice.
    """
    if tab.cancel:
        return
    studio, view, cancel = page.studio_of(tab), tab.view, threading.Event()
    tab.cancel, tab.follows = cancel, False
    said, shown_at, stored, reply_id, asked = "", 0.0, conversation_id, "", False
    try:
        yield {
            page.box: gr.Textbox(value="", submit_btn=False, stop_btn="Stop"),
            page.chat: [*before, waiting_message(page.loading.words())],
            **page.show_editing(""),
        }
        for event in ticking(_measured(page.scorer, studio, turn(cancel)), _TICK_S):
            asked = asked or isinstance(event, Started)
            if tab.view != view:
                if asked:
                    break
                continue  # what cannot be stored is an error to tell of, wherever one looks
            if isinstance(event, Started):
                stored, reply_id = event.conversation_id, event.message_id
                whole = open_conversation(studio.database, stored)
                before, said = page.rows(tab, whole)[:-1], whole.messages[-1].written
                news = page.name(tab, stored, whole.title)
            elif isinstance(event, Delta):
                said += event.text
                if time.monotonic() - shown_at < _UPDATE_S * (1 + len(said) / _UPDATE_CHARS):
                    continue
                shown_at = time.monotonic()
                news = {page.chat: [*before, growing_reply(said, reply_id)]}
            elif event is None and not said:
                news = {page.chat: [*before, waiting_message(page.loading.words())]}
            else:
                continue
            yield news
    except GeneratorExit:  # the page has gone
        if tab.temporary and tab.view == view:
            cancel.set()
        raise
    except Exception as error:
        tell(error)
    finally:
        if tab.cancel is cancel:
            tab.cancel = None
    if tab.view != view:
        # What was on its way when the page turned may have come in late: look at all of it again.
        tab.seen = None
        yield gr.skip()  # with the end Gradio sends the last update once more
    elif asked:
        yield _settled(page, tab, stored)
    else:  # nothing is stored: the words go back to where they were written
        yield {**_settled(page, tab, stored), page.box: _ready(value=words)}


def _measured(scorer: Scorer, studio: Studio, turn: Iterator[Event]) -> Iterator[Event]:
    """``turn``, whose reply is measured in the end, whether anybody still looks on or not."""
    conversation_id = ""
    for event in turn:
        if isinstance(event, Started):
            conversation_id = event.conversation_id
        yield event
    with suppress(ValueflowError):  # it was deleted meanwhile, or forgotten
        scorer.ensure(conversation_id, studio)


def _settled(page: Page, tab: Tab, conversation_id: str) -> dict[Any, Any]:
    """The page after a turn: the message box ready again, and what is stored on the screen."""
    if not conversation_id:
        return {page.box: _ready(), page.chat: []}
    view = open_conversation(page.studio_of(tab).database, conversation_id)
    return {
        page.box: _ready(),
        page.chat: page.rows(tab, view),
        **page.name(tab, view.id, view.title),
    }


def _ready(**changed: str) -> gr.Textbox:
    return gr.Textbox(submit_btn="Send", stop_btn=False, **changed)
