"""The page in the browser: layout and event wiring; what it does is done in ``chat_app.chat``.

The environment is set before Gradio is imported, here and nowhere else: Gradio would otherwise
report each start to its makers.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from chat_app.chat.studio import Studio
    from chat_app.settings import Settings

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_SHARE"] = "False"

__all__ = ["build", "launch"]


def build(studio: Studio) -> gr.Blocks:
    """The page for ``studio``, not yet served."""
    from chat_app.ui.page import build_page

    return build_page(studio)


def launch(settings: Settings, *, open_browser: bool) -> None:
    """Serve the page until Ctrl+C. Raises ValueflowError where the port is taken."""
    # What is imported and laid out stays: to look for garbage in it takes an eighth of the start.
    # ``serve`` switches this on again.
    gc.disable()
    from chat_app.ui.server import serve

    serve(settings, open_browser=open_browser)
