"""Events of conversations: open, new, rename, delete, export."""

import json
from typing import Any

import gradio as gr

from chat_app.chat.conversations import (
    delete_conversation,
    open_conversation,
    rename_conversation,
)
from chat_app.chat.export import MEDIA_TYPES, export_conversation
from chat_app.errors import ValueflowError
from chat_app.ui.guard import Tab, guarded, tell
from chat_app.ui.layout import Page
from chat_app.ui.text import escape


def wire(blocks: gr.Blocks, page: Page) -> list[Any]:
    """Connect the left side, the page's start and the export buttons; returns the events that
    show a conversation, or none."""
    _wire_rename(page)
    opened = [*_wire_open(blocks, page), _wire_delete(page)]
    for form, button in page.export.items():
        button.click(
            guarded(lambda id, form=form: _file(page, id, form)), page.open_id, page.file
        ).success(None, page.file, None, js="(file) => valueflow.download(file)")
    return opened


def _wire_open(blocks: gr.Blocks, page: Page) -> list[Any]:
    panel = page.conversations

    def start(asked: str, tab: Tab) -> dict[Any, Any]:
        tab.turn_page()
        try:
            return page.show(asked or None)
        except ValueflowError as error:
            tell(error)
            return page.show(None)

    def new(tab: Tab) -> dict[Any, Any]:
        tab.turn_page()
        return page.show(None)

    loaded = blocks.load(
        guarded(start),
        [page.open_id, page.tab],
        page.shown,
        js="(_, tab) => [valueflow.asked(), tab]",
    )
    chosen = panel.list.input(
        guarded(start), [panel.list, page.tab], page.shown, show_progress="hidden"
    )
    panel.list.input(None, js="() => valueflow.close('left')")
    renewed = panel.new.click(guarded(new), page.tab, page.shown, show_progress="hidden")
    panel.new.click(None, js="() => valueflow.close('left')")
    page.open_id.change(None, page.open_id, None, js="(id) => valueflow.address(id)")
    # Where the address named no conversation that is kept, the open one stays none.
    loaded.then(None, page.open_id, None, js="(id) => valueflow.address(id, true)")
    return [loaded, chosen, renewed]


def _wire_rename(page: Page) -> None:
    panel = page.conversations

    def ask(conversation_id: str) -> dict[Any, Any]:
        title = open_conversation(page.studio.database, conversation_id).title
        return {
            panel.title: title,
            panel.editor: gr.Column(visible=True),
            panel.confirm: gr.Column(visible=False),
        }

    def save(conversation_id: str, title: str) -> dict[Any, Any]:
        rename_conversation(page.studio.database, conversation_id, title)
        view = open_conversation(page.studio.database, conversation_id)
        return page.show_header(conversation_id, view.title)

    panel.rename.click(guarded(ask), page.open_id, [panel.title, panel.editor, panel.confirm])
    gr.on(
        [panel.save.click, panel.title.submit],
        guarded(save),
        [page.open_id, panel.title],
        page.header,
        show_progress="hidden",
    )
    panel.cancel.click(lambda: gr.Column(visible=False), None, panel.editor, queue=False)


def _wire_delete(page: Page) -> Any:
    panel = page.conversations

    def ask(conversation_id: str) -> dict[Any, Any]:
        view = open_conversation(page.studio.database, conversation_id)
        question = f"Delete “{escape(view.title)}”? This cannot be undone."
        return {
            panel.question: f'<p class="vf-question">{question}</p>',
            panel.confirm: gr.Column(visible=True),
            panel.editor: gr.Column(visible=False),
        }

    def delete(conversation_id: str, tab: Tab) -> dict[Any, Any]:
        delete_conversation(page.studio.database, conversation_id)
        tab.turn_page()
        return page.show(None)

    panel.delete.click(guarded(ask), page.open_id, [panel.question, panel.confirm, panel.editor])
    panel.keep.click(lambda: gr.Column(visible=False), None, panel.confirm, queue=False)
    return panel.really.click(
        guarded(delete), [page.open_id, page.tab], page.shown, show_progress="hidden"
    )


def _file(page: Page, conversation_id: str, form: str) -> str:
    """What the browser makes a file of: its name, media type and text, as JSON."""
    text = export_conversation(page.studio.database, conversation_id, form)
    name = f"valueflow-{conversation_id}.{form}"
    return json.dumps({"name": name, "type": MEDIA_TYPES[form], "text": text})
