"""The page: its layout, and which event does what.

Nothing about a person is kept here: what is stored comes from the database, what is shown lives
in the browser, and a `Tab` holds what one tab's running reply needs.
"""

import gradio as gr

from chat_app.chat.studio import Studio
from chat_app.ui import chat_events, conversation_events, model_panel, profile_events
from chat_app.ui.layout import lay_out


def build_page(studio: Studio) -> gr.Blocks:
    """The page for ``studio``, laid out and wired, not yet served."""
    with gr.Blocks(title="Valueflow Chat", analytics_enabled=False, fill_width=True) as blocks:
        page = lay_out(studio)
        opened = conversation_events.wire(blocks, page)
        chat_events.wire(page, opened)
        profile_events.wire(blocks, page)
        model_panel.wire(blocks, studio, page.model)
    return blocks
