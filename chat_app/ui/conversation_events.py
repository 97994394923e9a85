"""Events of conversations: open, new, find, whatever is done in the list, export."""

from typing import Any

import gradio as gr

from chat_app.chat.browse import FOUND, PAGE
from chat_app.chat.conversations import open_conversation
from chat_app.chat.export import MEDIA_TYPES, export_conversation
from chat_app.errors import ValueflowError
from chat_app.ui.conversation_acts import ListView, file_of, perform
from chat_app.ui.conversation_list import said_html
from chat_app.ui.guard import Tab, guarded, tell
from chat_app.ui.layout import Page

_DOWNLOAD = "(file) => valueflow.download(file)"


def wire(blocks: gr.Blocks, page: Page) -> list[Any]:
    """Connect the left side, the page's start and the export buttons; returns the events that
    show a conversation, or none."""
    opened = [*_wire_open(blocks, page), _wire_acts(page)]
    _wire_list(page)
    for form, button in page.export.items():
        button.click(
            guarded(lambda id, form=form: _file(page, id, form)), page.open_id, page.file
        ).success(None, page.file, None, js=_DOWNLOAD)
    return opened


def _wire_open(blocks: gr.Blocks, page: Page) -> list[Any]:
    panel = page.conversations

    def start(asked: str, tab: Tab) -> dict[Any, Any]:
        if asked:
            try:
                return page.open(tab, asked)
            except ValueflowError as error:
                tell(error)
        return page.clear(tab)

    def begin(asked: str, tab: Tab, view: ListView) -> dict[Any, Any]:
        return {**panel.draw(page.studio.database, view), **start(asked, tab)}

    loaded = blocks.load(
        guarded(begin),
        [page.open_id, page.tab, panel.view],
        [panel.list, *page.shown],
        show_progress="hidden",
        js="(_, ...states) => [valueflow.asked(), ...states]",
    )
    chosen = panel.open.click(
        guarded(lambda asked, tab: page.open(tab, asked), queued=False),
        [page.open_id, page.tab],
        page.shown,
        show_progress="hidden",
        queue=False,  # one request instead of two
        trigger_mode="always_last",
        js="(_, tab) => [valueflowLeft.chosen(), tab]",
    )
    renewed = panel.new.click(
        guarded(page.clear, queued=False), page.tab, page.shown, show_progress="hidden", queue=False
    )
    panel.new.click(None, js="() => valueflow.close('left')")
    page.open_id.change(
        None,
        page.open_id,
        None,
        js="(id) => {valueflow.address(id); valueflowLeft.mark(id); vfMiddle.opened();}",
    )
    # Where the address named no conversation that is kept, the open one stays none.
    loaded.then(None, page.open_id, None, js="(id) => valueflow.address(id, true)")
    return [loaded, chosen, renewed]


def _wire_list(page: Page) -> None:
    """Draw the list again where something about it has changed, or other words are looked for."""
    panel = page.conversations

    def draw(words: str, view: ListView) -> Any:
        if words != view.words:
            view.words, view.limit = words, FOUND if words.strip() else PAGE
        return panel.draw(page.studio.database, view) or gr.skip()

    for event in (panel.changed.change, panel.search.change):
        event(
            guarded(draw, queued=False),
            [panel.search, panel.view],
            panel.list,
            show_progress="hidden",
            queue=False,
            # While one is on its way, of all that come only the last has to follow.
            trigger_mode="always_last",
        )


def _wire_acts(page: Page) -> Any:
    panel, database = page.conversations, page.studio.database

    def act(command: str, open_id: str, tab: Tab, view: ListView) -> dict[Any, Any]:
        done = perform(database, view, command)
        updates = {panel.said: said_html(done.sentence, done.undo), page.file: done.file}
        if open_id in done.gone:
            view.closed = open_id
            updates |= page.clear(tab)
        elif done.open:
            updates |= page.open(tab, done.open)
        elif open_id in done.renamed:
            updates |= page.show_header(open_id, open_conversation(database, open_id).title)
        return {**updates, **panel.draw(database, view)}

    acted = panel.act.click(
        guarded(act),
        [page.file, page.open_id, page.tab, panel.view],
        [panel.said, panel.list, page.file, *page.shown],
        show_progress="hidden",
        trigger_mode="multiple",
        js="(_, ...rest) => [valueflowLeft.command(), ...rest]",
    )
    acted.success(None, page.file, None, js=_DOWNLOAD)
    return acted


def _file(page: Page, conversation_id: str, form: str) -> str:
    text = export_conversation(page.studio.database, conversation_id, form)
    return file_of(f"valueflow-{conversation_id}.{form}", MEDIA_TYPES[form], text)
