"""The pages beside the chat, in the order of the navigation bar."""

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from chat_app.ui.pages import calibrate, compare, models, settings, trends, values
from chat_app.ui.services import Services


@dataclass(frozen=True)
class Other:
    """A page: what the bar calls it, the end of its address, and what lays it out and wires it."""

    name: str
    path: str
    build: Callable[[gr.Blocks, Services], None]


OTHERS: tuple[Other, ...] = (
    Other("Compare", "compare", compare.build),
    Other("Values", "values", values.build),
    Other("Calibrate", "calibrate", calibrate.build),
    Other("Trends", "trends", trends.build),
    Other("Models", "models", models.build),
    Other("Settings", "settings", settings.build),
)
