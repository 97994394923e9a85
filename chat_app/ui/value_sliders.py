"""The 32 sliders: a tab a theory, its values grouped as its hierarchy has them, and a search.

The search runs in the browser (static/profile.js): it looks through words that stand here.
"""

import json
from dataclasses import dataclass
from itertools import groupby

import gradio as gr

from chat_app.ui.text import escape
from chat_app.values.phrases import PHRASES
from chat_app.values.taxonomy import STEERED, THEORIES, Value, descendants, get_value

# Four tabs share some 330 pixels, so each theory goes by one word there.
TABS = {"svt": "Schwartz", "mft": "Moral", "duty": "Duties", "right": "Rights"}


@dataclass(frozen=True)
class ValueSliders:
    """The components; ``sliders`` are in the order of STEERED, ``marks`` holds what is drawn on
    them and ``legend`` says what that means."""

    tabs: dict[str, gr.Tab]
    sliders: tuple[gr.Slider, ...]
    marks: gr.HTML
    legend: gr.HTML


def build_value_sliders() -> ValueSliders:
    """Lay the search, the tabs and their sliders out in the current context."""
    gr.Textbox(
        label="Find a value",
        show_label=False,
        placeholder="Find a value: privacy, promises, fun …",
        max_lines=1,
        max_length=60,
        elem_id="vf-search",
    )
    gr.HTML(_index_html(), elem_id="vf-search-words", visible="hidden", js_on_load=None)
    gr.HTML(
        '<p class="vf-hint">No value is described by these words. Add them below as a value in '
        "your own words.</p>",
        elem_id="vf-search-none",
        js_on_load=None,
    )
    tabs: dict[str, gr.Tab] = {}
    sliders: dict[str, gr.Slider] = {}
    with gr.Tabs(elem_id="vf-theories"):
        for theory, short in TABS.items():
            # Children are rendered at once: a slider must show its value before its tab opens.
            with gr.Tab(short, id=theory, render_children=True) as tabs[theory]:
                sliders |= _build_theory(theory)
    marks = gr.HTML("", elem_id="vf-marks", visible="hidden", js_on_load=None)
    legend = gr.HTML("", elem_id="vf-legend", js_on_load=None)
    return ValueSliders(tabs, tuple(sliders[value] for value in STEERED), marks, legend)


def _build_theory(theory: str) -> dict[str, gr.Slider]:
    known = THEORIES[theory]
    gr.HTML(
        f'<p class="vf-theory" title="{escape(known.definition)}">{escape(known.label)}</p>',
        js_on_load=None,
    )
    sliders = {}
    values = [value for value in known.values if value.steered]
    for above, members in groupby(values, key=lambda value: value.path[:-1]):
        with gr.Column(elem_classes="vf-group"):
            if above:
                gr.HTML(_heading_html(theory, above), js_on_load=None)
            for value in members:
                sliders[value.id] = _slider(value)
    return sliders


def _heading_html(theory: str, above: tuple[str, ...]) -> str:
    *higher, nearest = (
        next(value for value in THEORIES[theory].values if value.name == name) for name in above
    )
    over = "".join(f'<span class="vf-over">{escape(value.label)} · </span>' for value in higher)
    title = escape(nearest.definition)
    return f'<h4 class="vf-group-name" title="{title}">{over}{escape(nearest.label)}</h4>'


def _slider(value: Value) -> gr.Slider:
    return gr.Slider(
        -10,
        10,
        value=0,
        step=1,
        label=value.label,
        info=value.definition,
        buttons=[],
        elem_id=slider_id(value.id),
        elem_classes="vf-slider",
    )


def slider_id(value: str) -> str:
    """The element that holds a value's slider.

    >>> slider_id("svt/hedonism")
    'vf-svt-hedonism'
    """
    return "vf-" + value.replace("/", "-")


def _index_html() -> str:
    """What a search finds each slider by: its own words, those above it and those below it."""
    words = {slider_id(id): _words(get_value(id)) for id in STEERED}
    return f'<span data-words="{escape(json.dumps(words))}"></span>'


def _words(value: Value) -> str:
    below = [get_value(id) for id in descendants(value.id)]
    said = [PHRASES[value.id], *value.path, THEORIES[value.theory].label]
    said += [part for each in (value, *below) for part in (each.label, each.definition)]
    return " ".join(said).replace("_", " ").lower()
