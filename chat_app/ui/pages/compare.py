"""Compare: one prompt under two to four profiles, side by side."""

import gradio as gr

from chat_app.ui.pages.frame import empty_html, frame
from chat_app.ui.services import Services


def build(blocks: gr.Blocks, services: Services) -> None:
    """Lay the page out in the current route and wire it."""
    with frame("Compare", "One question, two to four profiles, and how far each one got."):
        gr.HTML(empty_html("Nothing is compared yet", "Ask a question above."), js_on_load=None)
