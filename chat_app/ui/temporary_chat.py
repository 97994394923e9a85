"""The temporary chat on the page: begun and left by one button, kept by another."""

import threading
from typing import Any

import gradio as gr

from chat_app.chat.temporary import Temporary
from chat_app.errors import ValueflowError
from chat_app.ui.guard import Tab, guarded
from chat_app.ui.layout import Page


class _Sessions:
    """The temporary chat of each browser tab, so that it goes when the page is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tabs: dict[str, Tab] = {}

    def note(self, session: str, tab: Tab) -> None:
        with self._lock:
            self._tabs[session] = tab

    def close(self, session: str) -> None:
        with self._lock:
            tab = self._tabs.pop(session, None)
        if tab:
            tab.leave()


def wire(blocks: gr.Blocks, page: Page) -> list[Any]:
    """Connect the buttons above the chat; returns the events that show another conversation."""
    sessions = _Sessions()

    def switch(tab: Tab, request: gr.Request) -> dict[Any, Any]:
        was = tab.temporary
        tab.turn_page()
        blank = {page.chat: [], page.box: "", **page.show_editing(""), **page.show_header(None, "")}
        if was:
            return blank
        tab.temporary = Temporary(page.studio)
        sessions.note(str(request.session_hash), tab)
        return {**blank, **page.show_temporary(begun=False)}

    def keep(tab: Tab) -> dict[Any, Any]:
        if tab.temporary is None:
            raise ValueflowError("This chat is no temporary one: it is stored already.")
        id = tab.temporary.keep(page.studio.database)
        gr.Info("This chat is stored from now on.", duration=3)
        return page.open(tab, id)

    def closed(request: gr.Request) -> None:
        sessions.close(str(request.session_hash))

    blocks.unload(closed)
    outputs = [page.box, page.chat, page.editing, *page.header]
    switched = page.temporary.click(guarded(switch), page.tab, outputs, show_progress="hidden")
    kept = page.keep.click(guarded(keep), page.tab, page.shown, show_progress="hidden")
    for event in (switched, kept):
        event.then(None, None, None, js="() => vfMiddle.focus()")
    return [switched, kept]
