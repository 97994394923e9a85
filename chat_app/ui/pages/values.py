"""The Values page: the four theories as a tree, and all there is to know of a value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.atlas import dose_response, examples, neighbours, search
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.hidden import hidden_text
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.pages.dose_chart import dose_html
from chat_app.ui.pages.frame import frame
from chat_app.ui.pages.values_html import (
    about_html,
    found_html,
    near_html,
    problem_html,
    tree_html,
    wait_html,
)
from chat_app.ui.services import Services
from chat_app.values.taxonomy import STEERED, get_value

_TICK_S = 0.4


@dataclass(frozen=True)
class _Parts:
    tree: gr.HTML
    chosen: gr.Textbox
    about: gr.HTML
    near: gr.HTML
    dose: gr.HTML
    load: gr.Button

    @property
    def shown(self) -> list[Any]:
        return [self.chosen, self.about, self.near, self.dose, self.load]


def build(blocks: gr.Blocks, shared: Services) -> None:
    """Lay the page out in the current context, and wire it."""
    with frame(
        "Values",
        "Four theories of what people care about. Pick a value to see what it means here, what "
        "lies near it, and how far the model goes with it.",
    ):
        asked = hidden_text()
        chosen = hidden_text()
        choose = gr.Button("Choose", visible="hidden", elem_id="vf-v-choose")
        with gr.Row(elem_id="vf-v-columns"):
            with gr.Column(elem_id="vf-v-list"):
                words = gr.Textbox(
                    label="Search values",
                    placeholder="Search: family, privacy, rules …",
                    max_lines=1,
                    elem_id="vf-v-search",
                )
                tree = gr.HTML(tree_html(""), elem_id="vf-v-tree", js_on_load=None)
            with gr.Column(elem_id="vf-v-value"):
                parts = _Parts(
                    tree=tree,
                    chosen=chosen,
                    about=gr.HTML("", elem_id="vf-v-about", js_on_load=None),
                    near=gr.HTML("", elem_id="vf-v-near", js_on_load=None),
                    dose=gr.HTML("", elem_id="vf-v-dose", js_on_load=None),
                    load=gr.Button(
                        "Load the model and look",
                        size="sm",
                        visible=False,
                        elem_id="vf-v-load",
                    ),
                )
    _wire(blocks, shared, parts, asked, choose, words)


def _wire(
    blocks: gr.Blocks,
    shared: Services,
    parts: _Parts,
    asked: gr.Textbox,
    choose: gr.Button,
    words: gr.Textbox,
) -> None:
    studio = shared.studio

    def show(name: str) -> Iterator[dict[Any, Any]]:
        value = get_value(name or STEERED[0])
        yield {
            parts.chosen: value.id,
            parts.about: about_html(value, examples(studio.vidb, value.id)),
            parts.near: wait_html("Its neighbours", "Looking"),
            parts.dose: "",
            parts.load: gr.Button(visible=False),
        }
        yield from _near(shared, parts, value.id)
        if value.steered and studio.loaded_model:
            yield from _dose(shared, parts, value.id)
        elif value.steered:
            yield {parts.dose: problem_html(
                "What the model does with it",
                "The chat model is not loaded, so its answers to this value are not looked up.",
            ), parts.load: gr.Button(visible=True)}  # fmt: skip

    def open_first(name: str) -> Iterator[dict[Any, Any]]:
        try:
            value = get_value(name).id if name else STEERED[0]
        except ValueflowError as error:
            gr.Warning(str(error))
            value = STEERED[0]
        yield {parts.tree: tree_html(value)}
        yield from show(value)

    def look(value: str) -> Iterator[dict[Any, Any]]:
        yield {parts.load: gr.Button(visible=False)}
        yield from _dose(shared, parts, value)

    def find(typed: str, value: str) -> str:
        return found_html(search(typed), value) if typed.strip() else tree_html(value)

    whole = [parts.tree, *parts.shown]
    blocks.load(
        guarded(open_first),
        asked,
        whole,
        js="() => new URLSearchParams(location.search).get('v') || ''",
        show_progress="hidden",
        concurrency_limit=None,
    )
    choose.click(
        guarded(show),
        asked,
        parts.shown,
        js="() => vfValues.chosen",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    parts.load.click(
        guarded(look),
        parts.chosen,
        parts.shown,
        show_progress="hidden",
        concurrency_limit=None,
    )
    words.change(
        guarded(find, queued=False),
        [words, parts.chosen],
        parts.tree,
        trigger_mode="always_last",
        show_progress="hidden",
        queue=False,
    )


def _near(shared: Services, parts: _Parts, value: str) -> Iterator[dict[Any, Any]]:
    title = "Its neighbours"
    try:
        for found in ticking(iter_of(lambda: (neighbours(shared.studio, value),)), _TICK_S):
            if found is None:
                yield {parts.near: wait_html(title, _words(shared, "Loading the value encoder"))}
            else:
                yield {parts.near: near_html(title, found[0])}
    except ValueflowError as error:
        yield {parts.near: problem_html(title, str(error))}


def _dose(shared: Services, parts: _Parts, value: str) -> Iterator[dict[Any, Any]]:
    title = "What the model does with it"
    try:
        for found in ticking(iter_of(lambda: (dose_response(shared.studio, value),)), _TICK_S):
            if found is None:
                yield {parts.dose: wait_html(title, _words(shared, "Loading the model"))}
            else:
                info = shared.studio.loaded_model
                yield {parts.dose: dose_html(title, found[0], info.name if info else "the model")}
    except ValueflowError as error:
        yield {parts.dose: problem_html(title, str(error))}


def _words(shared: Services, otherwise: str) -> str:
    """What is being loaded, in the loader's own words where it has some."""
    words = shared.loading.words()
    return words if "%" in words else otherwise
