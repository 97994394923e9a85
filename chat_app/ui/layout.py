"""The page's three columns: conversations, chat, profile, and how a conversation is shown there."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.studio import Studio
from chat_app.ui.chat_panel import build_chatbot, rows
from chat_app.ui.conversations import UNTITLED, ConversationPanel, build_conversation_panel
from chat_app.ui.guard import Tab
from chat_app.ui.loading import Loading
from chat_app.ui.model_panel import ModelPanel, build_model_panel
from chat_app.ui.profile_panel import UNSTEERED, ProfilePanel, build_profile_panel
from chat_app.ui.scorer import Scorer
from chat_app.ui.services import Services
from chat_app.ui.text import escape


@dataclass(frozen=True)
class Page:
    """The components that events read and change."""

    studio: Studio
    loading: Loading
    scorer: Scorer
    watch: gr.Timer
    tab: gr.State
    open_id: gr.Textbox
    file: gr.Textbox
    title: gr.HTML
    exports: gr.Row
    export: dict[str, gr.Button]
    chat: gr.Chatbot
    box: gr.Textbox
    conversations: ConversationPanel
    model: ModelPanel
    profile: ProfilePanel

    @property
    def header(self) -> list[Any]:
        """Every component that ``show_header`` changes."""
        return [self.open_id, self.title, self.exports, *self.conversations.shown]

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [*self.header, self.chat, *self.profile.shown]

    def show_header(self, conversation_id: str | None, title: str) -> dict[Any, Any]:
        """The updates that name a conversation as the open one, in the list and above the chat."""
        return {
            self.open_id: conversation_id or "",
            self.title: _title_html(title),
            self.exports: gr.Row(visible=conversation_id is not None),
            **self.conversations.show(self.studio.database, conversation_id),
        }

    def show(self, conversation_id: str | None) -> dict[Any, Any]:
        """The updates that open a stored conversation with its profile, or start a new one."""
        if conversation_id is None:
            return {
                **self.show_header(None, ""),
                self.chat: [],
                **self.profile.show(UNSTEERED),
            }
        view = open_conversation(self.studio.database, conversation_id)
        return {
            **self.show_header(view.id, view.title),
            self.chat: rows(view),
            **self.profile.show(view.profile),
        }


def lay_out(shared: Services) -> Page:
    """Make the components in the current context, not wired to anything yet."""
    studio = shared.studio
    tab = gr.State(Tab())
    open_id = gr.Textbox(visible="hidden", show_label=False, elem_id="vf-open-id")
    file = gr.Textbox(visible="hidden", show_label=False, elem_id="vf-file")
    with gr.Sidebar(label="Conversations", width=272, elem_id="vf-left"):
        conversations = build_conversation_panel()
        model = build_model_panel(studio)
    with gr.Column(elem_id="vf-main"):
        with gr.Row(elem_id="vf-header"):
            title = gr.HTML(_title_html(""), elem_id="vf-title", js_on_load=None)
            with gr.Row(visible=False, elem_id="vf-export") as exports:
                gr.HTML('<span class="vf-export-label">Export</span>', js_on_load=None)
                export = {
                    form: gr.Button(label, size="sm", elem_id=f"vf-export-{form}")
                    for form, label in (("json", "JSON"), ("md", "Markdown"), ("csv", "CSV"))
                }
        chat = build_chatbot()
        box = gr.Textbox(
            show_label=False,
            label="Your message",
            placeholder="Ask anything",
            lines=1,
            max_lines=8,
            submit_btn="Send",
            elem_id="vf-box",
        )
        gr.HTML(
            '<p class="vf-foot">Runs on this computer; nothing leaves it. '
            "A small model makes mistakes.</p>",
            js_on_load=None,
        )
    with gr.Sidebar(label="Profile", width=372, position="right", elem_id="vf-right"):
        profile = build_profile_panel()
    return Page(
        studio=studio,
        loading=shared.loading,
        scorer=shared.scorer,
        watch=gr.Timer(0.4, active=False),
        tab=tab,
        open_id=open_id,
        file=file,
        title=title,
        exports=exports,
        export=export,
        chat=chat,
        box=box,
        conversations=conversations,
        model=model,
        profile=profile,
    )


def _title_html(title: str) -> str:
    return f'<h2 class="vf-title">{escape(title or UNTITLED)}</h2>'
