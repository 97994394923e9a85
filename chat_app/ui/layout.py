"""The page's three columns: conversations, chat, profile, and how a conversation is shown there."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.conversations import ConversationView, open_conversation
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.ui.chat_panel import build_chatbot
from chat_app.ui.conversations import UNTITLED, ConversationPanel, build_conversation_panel
from chat_app.ui.guard import Tab
from chat_app.ui.hidden import hidden_text
from chat_app.ui.loading import Loading
from chat_app.ui.model_panel import ModelPanel, build_model_panel
from chat_app.ui.profile_panel import UNSTEERED, ProfilePanel, build_profile_panel
from chat_app.ui.scorer import Scorer
from chat_app.ui.services import Services
from chat_app.ui.text import escape
from chat_app.ui.window import above, shown

_NOTICE = (
    '<p class="vf-notice">Nothing of this chat is written to the disk. It is gone when you leave '
    "it or close the page; what you keep moves to your conversations.</p>"
)
_EDITING = {
    "question": "Your words begin a new branch there; the old one stays.",
    "reply": "Your words stand in this reply's place, on a branch of their own.",
}
_CANCEL = (
    '<button type="button" class="vf-act vf-wide" data-act="cancel" title="Escape">Cancel</button>'
)
_KEYS = (
    '<button type="button" class="vf-keys" aria-describedby="vf-keys-list">Shortcuts</button>'
    '<span id="vf-keys-list" role="tooltip">'
    "<span><kbd>Enter</kbd> send</span><span><kbd>Shift</kbd> + <kbd>Enter</kbd> new line</span>"
    "<span><kbd>↑</kbd> in an empty box: edit what you said last</span>"
    "<span><kbd>Esc</kbd> stop, or cancel an edit</span></span>"
)


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
    temporary: gr.Button
    keep: gr.Button
    notice: gr.HTML
    exports: gr.Row
    export: dict[str, gr.Button]
    chat: gr.Chatbot
    editing: gr.HTML
    box: gr.Textbox
    act: gr.Button
    look: gr.Button
    lost: gr.Button
    clip: gr.Textbox
    conversations: ConversationPanel
    model: ModelPanel
    profile: ProfilePanel

    @property
    def header(self) -> list[Any]:
        """Every component that ``show_header`` changes."""
        own = [self.open_id, self.title, self.exports, self.temporary, self.keep, self.notice]
        return [*own, *self.conversations.shown]

    @property
    def shown(self) -> list[Any]:
        """Every component that ``open`` and ``clear`` change."""
        return [*self.header, self.chat, self.editing, *self.profile.shown]

    def studio_of(self, tab: Tab) -> Studio:
        """What the chat that ``tab`` shows is stored and answered with.

        Raises ValueflowError for a temporary chat that has been forgotten.
        """
        if tab.temporary is None:
            return self.studio
        if tab.temporary.database.closed:
            raise ValueflowError("This temporary chat is gone: begin a new one.")
        return tab.temporary.studio

    def id_of(self, tab: Tab, open_id: str) -> str:
        """The conversation that ``tab`` shows, "" for none: a temporary one has no address."""
        if tab.temporary is None:
            return open_id
        self.studio_of(tab)
        return tab.temporary.conversation_id

    def name(self, tab: Tab, conversation_id: str, title: str) -> dict[Any, Any]:
        """The updates of everything around the conversation that ``tab`` shows."""
        if tab.temporary:
            return self.show_temporary(begun=True)
        return self.show_header(conversation_id, title)

    def rows(self, tab: Tab, view: ConversationView) -> list[dict[str, Any]]:
        """A stored conversation as the chat of ``tab`` shows it, which has seen it now."""
        return shown(tab, view, self.scorer.why_not)

    def above(self, tab: Tab, view: ConversationView, count: int) -> list[dict[str, Any]]:
        """What stays in the chat while something else follows the first ``count`` messages."""
        return above(tab, view, count, self.scorer.why_not)

    def show_temporary(self, *, begun: bool) -> dict[Any, Any]:
        """The updates that mark the chat as one that is not stored; once it has ``begun`` it can
        be kept."""
        return {
            self.open_id: "",
            self.title: _title_html("Temporary chat: not stored", "vf-temporary"),
            self.exports: gr.Row(visible=False),
            self.temporary: gr.Button("Leave it"),
            self.keep: gr.Button(visible=begun),
            self.notice: gr.HTML(_NOTICE, visible=True),
        }

    def show_editing(self, whose: str) -> dict[Any, Any]:
        """The line above the box that says what its words are to replace; "" for nothing."""
        words = _EDITING.get(whose, "")
        line = f'<div class="vf-editing" role="status"><span>{words}</span>{_CANCEL}</div>'
        return {self.editing: gr.HTML(line if words else "", visible=bool(words))}

    def show_header(self, conversation_id: str | None, title: str) -> dict[Any, Any]:
        """The updates that name a conversation as the open one, in the list and above the chat."""
        return {
            self.open_id: conversation_id or "",
            self.title: _title_html(title),
            self.exports: gr.Row(visible=conversation_id is not None),
            self.temporary: gr.Button("Temporary chat"),
            self.keep: gr.Button(visible=False),
            self.notice: gr.HTML(visible=False),
            **self.conversations.show(self.studio.database, conversation_id),
        }

    def open(self, tab: Tab, conversation_id: str) -> dict[Any, Any]:
        """The updates that show a stored conversation with its profile in ``tab``.

        Raises DatabaseError, and leaves ``tab`` as it is, where there is none.
        """
        view = open_conversation(self.studio.database, conversation_id)
        tab.turn_page()
        messages = self.rows(tab, view)
        if tab.watches:  # an answer about the conversation before may come in late
            tab.seen = None
        return {
            **self.show_header(view.id, view.title),
            self.chat: messages,
            **self.show_editing(""),
            **self.profile.show(view.profile),
        }

    def clear(self, tab: Tab) -> dict[Any, Any]:
        """The updates that show an empty chat in ``tab``."""
        tab.turn_page()
        return {
            **self.show_header(None, ""),
            self.chat: [],
            **self.show_editing(""),
            **self.profile.show(UNSTEERED),
        }


def lay_out(shared: Services) -> Page:
    """Make the components in the current context, not wired to anything yet."""
    studio = shared.studio
    # Gradio lets go of a tab's state an hour after the page was closed, if nothing else did.
    tab = gr.State(Tab(), delete_callback=Tab.leave)
    open_id = hidden_text("vf-open-id")
    file = hidden_text("vf-file")
    with gr.Sidebar(label="Conversations", width=272, elem_id="vf-left"):
        conversations = build_conversation_panel()
        model = build_model_panel(studio)
    with gr.Column(elem_id="vf-main"):
        with gr.Row(elem_id="vf-header"):
            title = gr.HTML(_title_html(""), elem_id="vf-title", js_on_load=None)
            temporary = gr.Button("Temporary chat", size="sm", elem_id="vf-temporary")
            keep = gr.Button(
                "Keep this chat",
                size="sm",
                variant="primary",
                visible=False,
                elem_id="vf-keep-chat",
            )
            with gr.Row(visible=False, elem_id="vf-export") as exports:
                gr.HTML('<span class="vf-export-label">Export</span>', js_on_load=None)
                export = {
                    form: gr.Button(label, size="sm", elem_id=f"vf-export-{form}")
                    for form, label in (("json", "JSON"), ("md", "Markdown"), ("csv", "CSV"))
                }
        notice = gr.HTML(_NOTICE, visible=False, js_on_load=None)
        chat = build_chatbot()
        editing = gr.HTML("", visible=False, js_on_load=None)
        box = gr.Textbox(
            show_label=False,
            label="Your message",
            placeholder="Ask anything",
            lines=1,
            max_lines=8,
            submit_btn="Send",
            elem_id="vf-box",
            elem_classes="vf-ask",
        )
        gr.HTML(
            '<p class="vf-foot">Runs on this computer; nothing leaves it. '
            f"A small model makes mistakes. {_KEYS}</p>",
            elem_id="vf-foot",
            js_on_load=None,
        )
        act = gr.Button("Act", visible="hidden", elem_id="vf-act")
        look = gr.Button("Look", visible="hidden", elem_id="vf-look")
        lost = gr.Button("Lost", visible="hidden", elem_id="vf-lost")
        clip = gr.Textbox(visible="hidden", show_label=False)
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
        temporary=temporary,
        keep=keep,
        notice=notice,
        exports=exports,
        export=export,
        chat=chat,
        editing=editing,
        box=box,
        act=act,
        look=look,
        lost=lost,
        clip=clip,
        conversations=conversations,
        model=model,
        profile=profile,
    )


def _title_html(title: str, mark: str = "") -> str:
    return f'<h2 class="vf-title {mark}">{escape(title or UNTITLED)}</h2>'
