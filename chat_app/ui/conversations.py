"""The left side: the conversations that are kept."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.conversations import list_conversations
from chat_app.db.database import Database
from chat_app.ui.profile_panel import confirmation

UNTITLED = "New conversation"


@dataclass(frozen=True)
class ConversationPanel:
    """The components of the panel."""

    new: gr.Button
    empty: gr.HTML
    list: gr.Radio
    actions: gr.Row
    rename: gr.Button
    delete: gr.Button
    editor: gr.Column
    title: gr.Textbox
    save: gr.Button
    cancel: gr.Button
    confirm: gr.Column
    question: gr.HTML
    really: gr.Button
    keep: gr.Button

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [self.list, self.empty, self.actions, self.editor, self.confirm]

    def show(self, database: Database, conversation_id: str | None) -> dict[Any, Any]:
        """The list as it is stored, ``conversation_id`` marked in it; open questions closed."""
        stored = list_conversations(database)
        choices = [(each.title or UNTITLED, each.id) for each in stored]
        return {
            self.list: gr.Radio(
                choices=choices, value=conversation_id or None, visible=bool(choices)
            ),
            self.empty: gr.HTML(visible=not choices),
            self.actions: gr.Row(visible=bool(conversation_id)),
            self.editor: gr.Column(visible=False),
            self.confirm: gr.Column(visible=False),
        }


def build_conversation_panel() -> ConversationPanel:
    """Lay the panel out in the current context."""
    gr.HTML('<h2 class="vf-heading">Chats</h2>', js_on_load=None)
    new = gr.Button("New chat", elem_id="vf-new", size="md")
    empty = gr.HTML(
        '<p class="vf-hint">Your conversations appear here. They stay on this computer.</p>',
        js_on_load=None,
    )
    chats = gr.Radio(
        [],
        label="Conversations",
        elem_id="vf-conversations",
        visible=False,
        interactive=True,
    )
    with gr.Row(visible=False, elem_classes="vf-buttons", elem_id="vf-actions") as actions:
        rename = gr.Button("Rename", size="sm", elem_id="vf-rename")
        delete = gr.Button("Delete", size="sm", elem_id="vf-delete")
    with gr.Column(visible=False, elem_classes="vf-confirm", elem_id="vf-editor") as editor:
        title = gr.Textbox(label="New title", max_lines=1, max_length=200, elem_id="vf-title-edit")
        with gr.Row(elem_classes="vf-buttons"):
            save = gr.Button("Save", size="sm", variant="primary", elem_id="vf-title-save")
            cancel = gr.Button("Cancel", size="sm")
    confirm, question, really, keep = confirmation("vf-confirm")
    return ConversationPanel(
        new=new,
        empty=empty,
        list=chats,
        actions=actions,
        rename=rename,
        delete=delete,
        editor=editor,
        title=title,
        save=save,
        cancel=cancel,
        confirm=confirm,
        question=question,
        really=really,
        keep=keep,
    )
