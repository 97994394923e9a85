"""The pages: the chat's layout and which event does what there, then the others by their routes.

Nothing about a person is kept here: what is stored comes from the database, what is shown lives
in the browser, and a `Tab` holds what one tab's running reply needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
from gradio.routes import App

from chat_app.chat.studio import Studio
from chat_app.ui import (
    chat_events,
    conversation_events,
    details,
    model_panel,
    profile_events,
    use_value,
)
from chat_app.ui.layout import lay_out
from chat_app.ui.pages import OTHERS
from chat_app.ui.services import Services, services


def build_page(studio: Studio) -> gr.Blocks:
    """The pages for ``studio``, laid out and wired, not yet served."""
    with _without_apps():
        blocks = _lay_out_pages(services(studio))
        blocks.queue(default_concurrency_limit=None)
    return blocks


@contextmanager
def _without_apps() -> Iterator[None]:
    """Gradio makes a whole web app wherever a page is complete, a quarter of a second each, though
    ``launch`` makes the one that serves them all: here, none."""
    create_app = App.__dict__["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = create_app


def _lay_out_pages(shared: Services) -> gr.Blocks:
    with gr.Blocks(title="Valueflow Chat", analytics_enabled=False, fill_width=True) as blocks:
        gr.Navbar(main_page_name="Chat", visible=bool(OTHERS))
        page = lay_out(shared)
        opened = conversation_events.wire(blocks, page)
        chat_events.wire(blocks, page, opened)
        profile_events.wire(blocks, page)
        model_panel.wire(blocks, shared.studio, page.model)
        details.build(shared, page)
        use_value.wire(page)
    for other in OTHERS:
        with blocks.route(other.name, other.path):
            gr.Navbar(main_page_name="Chat")
            other.build(blocks, shared)
    _show_progress_nowhere(blocks)
    return blocks


def _show_progress_nowhere(blocks: gr.Blocks) -> None:
    """Where an event is to show no progress, the browser would still note each of its steps with
    everything that any event so far has changed, a copy of all that is shown there included: more
    than a quarter of its work when a conversation is opened. So it notes them nowhere.
    """
    for event in blocks.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = []
