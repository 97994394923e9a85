"""The frame of the pages beside the chat: a heading, one sentence on what it is for, a width."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import gradio as gr

from chat_app.ui.text import escape

Width = Literal["reading", "wide"]


@contextmanager
def frame(title: str, lead: str, *, width: Width = "wide") -> Iterator[None]:
    """What is laid out inside stands below ``title`` and ``lead``, in a column that is as wide as
    a text may be ("reading", 860 pixels) or as tables and columns need ("wide", 1240)."""
    with gr.Column(elem_id="vf-page", elem_classes=f"vf-page-{width}"):
        gr.HTML(
            f'<header class="vf-page-head"><h1>{escape(title)}</h1><p>{escape(lead)}</p></header>',
            js_on_load=None,
        )
        yield


def empty_html(title: str, what_to_do: str) -> str:
    """What stands where nothing is yet: what will be there, and how it comes about."""
    return f'<div class="vf-empty"><h2>{escape(title)}</h2><p>{escape(what_to_do)}</p></div>'
