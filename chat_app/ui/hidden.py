"""Fields that nobody sees, by which the page's scripts and the server hand each other a text."""

import gradio as gr


def hidden_text(elem_id: str | None = None) -> gr.Textbox:
    """A hidden field for one line: the height of a taller one Gradio measures at each change,
    for which the browser has to lay the whole page out."""
    return gr.Textbox(visible="hidden", show_label=False, max_lines=1, elem_id=elem_id)
