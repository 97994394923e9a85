"""One turn on the page: the question at once, the reply as it grows, then what is stored."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.send import Delta, Event, Started
from chat_app.ui.chat_panel import growing_reply, waiting_message
from chat_app.ui.guard import Tab, tell
from chat_app.ui.layout import Page
from chat_app.ui.loading import ticking

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
) -> Iterator[dict[Any, Any]]:
    """``turn``'s events as page updates. ``before``: the messages above the reply until it begins;
    ``words``: what was in the box, put back there where nothing of the turn could be stored.

    When the page goes, or shows another conversation, the reply goes on into the database; in a
    temporary chat it ends.
    """
    database, view = page.studio_of(tab).database, tab.view
    cancel = tab.cancel = threading.Event()
    said, shown_at, stored, asked, going = "", 0.0, conversation_id, False, True
    reply_id = ""
    yield {
        page.box: gr.Textbox(value="", submit_btn=False, stop_btn="Stop"),
        page.chat: [*before, waiting_message(page.loading.words())],
        **page.show_editing(""),
    }
    try:
        for event in ticking(turn(cancel), _TICK_S):
            if isinstance(event, Started):
                stored, reply_id, asked = event.conversation_id, event.message_id, True
                whole = open_conversation(database, stored)
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
            if tab.view == view:
                yield news
        going = False
    except Exception as error:
        going = False
        tell(error)
    finally:
        if going and tab.temporary:
            cancel.set()
        tab.cancel = None
    settled = _settled(page, tab, stored, looked_at=tab.view == view)
    if not asked:  # nothing is stored: the words go back to where they were written
        settled[page.box] = gr.Textbox(value=words, submit_btn="Send", stop_btn=False)
    yield settled


def _settled(page: Page, tab: Tab, conversation_id: str, *, looked_at: bool) -> dict[Any, Any]:
    """The page after a turn: the message box ready again, and what is stored on the screen."""
    ready = {page.box: gr.Textbox(submit_btn="Send", stop_btn=False)}
    if not looked_at:
        return ready
    if not conversation_id:
        return {**ready, page.chat: []}
    view = open_conversation(page.studio_of(tab).database, conversation_id)
    return {**ready, page.chat: page.rows(tab, view), **page.name(tab, view.id, view.title)}
