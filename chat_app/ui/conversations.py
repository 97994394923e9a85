"""The left side: the conversations that are kept, to find, open and put in order."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.browse import browse
from chat_app.db.database import Database
from chat_app.ui.conversation_acts import ListView
from chat_app.ui.conversation_list import UNTITLED, list_html
from chat_app.ui.hidden import hidden_text

__all__ = ["UNTITLED", "ConversationPanel", "build_conversation_panel"]

_TOOLS = """
<button type="button" class="vf-more" data-menu="list" aria-haspopup="menu"
 aria-label="Select, import, archive"></button>
"""
_PICKED = """
<div class="vf-picked" role="group" aria-label="The selected conversations">
<span class="vf-number" role="status">0 selected</span>
<button type="button" data-do="done" class="vf-hush" aria-label="End selecting">×</button>
<div><button type="button" data-do="all">All shown</button>
<button type="button" data-do="export">Export</button>
<button type="button" data-do="archive">Archive</button>
<button type="button" data-do="delete">Delete</button></div></div>
"""


@dataclass(frozen=True)
class ConversationPanel:
    """The components of the panel. ``open`` and ``act`` are pressed by static/left.js, and
    ``changed`` by a change of its text asks for the list to be drawn again."""

    new: gr.Button
    search: gr.Textbox
    list: gr.HTML
    said: gr.HTML
    view: gr.State
    changed: gr.Textbox
    open: gr.Button
    act: gr.Button

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [self.changed]

    def show(self, database: Database, conversation_id: str | None) -> dict[Any, Any]:
        """The list may have changed: it is drawn again as soon as the rest stands.

        Which conversation is the open one is marked by the page itself.
        """
        return {self.changed: f"{conversation_id or ''} {time.time_ns()}"}

    def draw(self, database: Database, view: ListView) -> dict[Any, Any]:
        """The list as it is stored; no update where it would look as it does."""
        html = list_html(browse(database, view))
        if html == view.drawn:
            return {}
        view.drawn = html
        return {self.list: html}


def build_conversation_panel() -> ConversationPanel:
    """Lay the panel out in the current context."""
    gr.HTML('<h2 class="vf-heading">Chats</h2>', js_on_load=None)
    new = gr.Button("New chat", elem_id="vf-new", size="md")
    with gr.Row(elem_id="vf-find"):
        search = gr.Textbox(
            label="Search conversations",
            show_label=False,
            placeholder="Search",
            max_lines=1,
            max_length=200,
            elem_id="vf-list-search",
        )
        gr.HTML(_TOOLS, js_on_load=None, elem_id="vf-tools")
    gr.HTML(_PICKED, js_on_load=None, elem_id="vf-picked")
    chats = gr.HTML("", elem_id="vf-conversations", js_on_load=None)
    said = gr.HTML("", elem_id="vf-told", js_on_load=None)
    return ConversationPanel(
        new=new,
        search=search,
        list=chats,
        said=said,
        view=gr.State(ListView()),
        changed=hidden_text("vf-list-changed"),
        open=gr.Button("Open", visible="hidden", elem_id="vf-list-open"),
        act=gr.Button("Do", visible="hidden", elem_id="vf-list-act"),
    )
