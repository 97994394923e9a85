"""The model that is talked to: what it is, and a box for another one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.studio import Studio
from chat_app.ui.guard import guarded
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.own_values import note_html
from chat_app.ui.text import escape

_TICK_S = 0.4
_MILLION = 1_000_000


@dataclass(frozen=True)
class ModelPanel:
    """The components: what is loaded, the box, and what became of it."""

    accordion: gr.Accordion
    about: gr.HTML
    source: gr.Textbox
    note: gr.HTML


def build_model_panel(studio: Studio) -> ModelPanel:
    """Lay the panel out in the current context, closed."""
    with gr.Accordion("Model", open=False, elem_id="vf-model") as accordion:
        about = gr.HTML(about_html(studio), js_on_load=None)
        source = gr.Textbox(
            label="Use another one",
            placeholder="A .gguf file, or org/repo:file.gguf",
            max_lines=1,
            max_length=1000,
            submit_btn="Load",
            elem_id="vf-model-source",
            elem_classes="vf-offer",
        )
        note = gr.HTML("", js_on_load=None)
    return ModelPanel(accordion, about, source, note)


def about_html(studio: Studio) -> str:
    """Name and size of the model; of one that is not loaded yet, what was asked for."""
    loaded = studio.loaded_model
    if loaded is None:
        name = studio.settings.model
        asked = "The built-in model" if name == "builtin" else name
        return f'<p class="vf-hint">{escape(asked)}: loads with your first message.</p>'
    size = loaded.n_params / _MILLION
    words = f"{size / 1000:.1f} billion" if size >= 1000 else f"{size:.3g} million"
    steered = "" if loaded.steerable else " It takes no vectors: steer it by prompt."
    return f'<p class="vf-hint"><b>{escape(loaded.name)}</b>, {words} parameters.{steered}</p>'


def wire(blocks: gr.Blocks, studio: Studio, panel: ModelPanel) -> None:
    """Connect the box. Another model is loaded beside the old one, then takes its place."""

    def change(source: str) -> Iterator[dict[Any, Any]]:
        source = source.strip()
        if not source:
            return
        yield {panel.note: note_html(f"Loading {source}")}
        try:
            for _ in ticking(iter_of(lambda: studio.use_model(source)), _TICK_S):
                yield gr.skip()  # what keeps the connection, and says nothing new
        except Exception:
            yield {panel.note: ""}
            raise
        name = studio.model.info.name
        yield {
            panel.source: "",
            panel.about: about_html(studio),
            panel.note: note_html(f"{name} answers from now on, in every conversation."),
        }

    panel.source.submit(
        guarded(change),
        panel.source,
        [panel.source, panel.about, panel.note],
        show_progress="hidden",
        concurrency_limit=1,
    )
    # It may have been loaded since, by a message or on another tab.
    for event in (blocks.load, panel.accordion.expand):
        event(lambda: about_html(studio), None, panel.about, show_progress="hidden", queue=False)
