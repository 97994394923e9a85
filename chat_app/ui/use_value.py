"""``/?value=svt/benevolence``: the chat opens with that value asked for."""

from typing import Any

import gradio as gr

from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.hidden import hidden_text
from chat_app.ui.layout import Page
from chat_app.ui.profile_panel import NAMELESS
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import get_value

_ASKED = 6.0  # a clear wish, short of the strongest


def wire(page: Page) -> None:
    """The page's script presses the button once the chat has been shown."""
    wanted = hidden_text()
    use = gr.Button("Use a value", visible="hidden", elem_id="vf-use-value")

    def show(name: str) -> dict[Any, Any]:
        value = get_value(name)
        if not value.steered:
            raise ValueflowError(f"{value.label} cannot be steered by itself: pick another value.")
        return page.profile.show(Profile(NAMELESS, {value.id: _ASKED}))

    use.click(
        guarded(show),
        wanted,
        page.profile.shown,
        js="() => vfValues.wanted()",
        show_progress="hidden",
    )
