"""The model that is talked to: what it is, and a choice of others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.models import LoadedModel, known_models, loaded_model
from chat_app.chat.studio import Studio
from chat_app.chat.switch import switch_model
from chat_app.ui.guard import guarded
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.own_values import note_html
from chat_app.ui.text import escape

_TICK_S = 0.4
_MILLION = 1_000_000


@dataclass(frozen=True)
class ModelPanel:
    """The components: what is loaded, the models known, the box, and what became of it."""

    accordion: gr.Accordion
    about: gr.HTML
    known: gr.Dropdown
    source: gr.Textbox
    note: gr.HTML


def build_model_panel(studio: Studio) -> ModelPanel:
    """Lay the panel out in the current context, closed."""
    with gr.Accordion("Model", open=False, elem_id="vf-model") as accordion:
        about = gr.HTML(about_html(studio), elem_id="vf-model-about", js_on_load=None)
        known = gr.Dropdown(
            known_models(studio.settings),
            value=studio.settings.model,
            label="Switch to",
            interactive=True,
            elem_id="vf-model-known",
        )
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
    return ModelPanel(accordion, about, known, source, note)


def about_html(studio: Studio) -> str:
    """What the model is; of one that is not loaded yet, what was asked for."""
    found = loaded_model(studio)
    if found is None:
        name = studio.settings.model
        asked = "The built-in model" if name == "builtin" else name
        return f'<p class="vf-hint">{escape(asked)}: loads with your first message.</p>'
    facts = "".join(f"<dt>{term}</dt><dd>{fact}</dd>" for term, fact in _facts(found))
    return (
        f'<p class="vf-hint"><b>{escape(found.name)}</b>, {_size(found.n_params)} parameters.</p>'
        f'<dl class="vf-facts">{facts}</dl>'
    )


def _facts(found: LoadedModel) -> Iterator[tuple[str, str]]:
    size = found.file_bytes / _MILLION
    yield "Weights", f"{size / 1000:.1f} GB" if size >= 1000 else f"{size:.0f} MB"
    if found.on_gpu >= found.layers:
        yield "Runs on", "the graphics card"
    elif found.on_gpu:
        yield "Runs on", f"graphics card and processor, {found.on_gpu} of {found.layers} layers"
    else:
        yield "Runs on", "the processor"
    if found.tokens_per_s is not None:
        yield "Speed", f"{found.tokens_per_s:.0f} tokens a second, last reply"
    yield "Memory", f"{found.n_ctx:,} tokens of conversation"
    yield (
        "Steering",
        "by vector and by prompt" if found.steerable else "It takes no vectors: steer it by prompt",
    )


def _size(n_params: int) -> str:
    size = n_params / _MILLION
    return f"{size / 1000:.1f} billion" if size >= 1000 else f"{size:.3g} million"


def wire(blocks: gr.Blocks, studio: Studio, panel: ModelPanel) -> None:
    """Connect the choices. Another model is loaded beside the old one, then takes its place."""

    def change(source: str) -> Iterator[dict[Any, Any]]:
        source = (source or "").strip()
        if not source:
            return
        yield {panel.note: note_html(f"Loading {source}")}
        try:
            for _ in ticking(iter_of(lambda: switch_model(studio, source)), _TICK_S):
                yield gr.skip()  # what keeps the connection, and says nothing new
        except Exception:
            yield {panel.note: "", panel.known: _choices(studio)}
            raise
        name = studio.model.info.name
        yield {
            panel.source: "",
            panel.known: _choices(studio),
            panel.about: about_html(studio),
            panel.note: note_html(f"{name} answers from now on, in every conversation."),
        }

    for event, source in ((panel.source.submit, panel.source), (panel.known.input, panel.known)):
        event(
            guarded(change),
            source,
            [panel.source, panel.known, panel.about, panel.note],
            show_progress="hidden",
            concurrency_limit=1,
            concurrency_id="vf-model",
        )
    # It may have been loaded since, by a message or on another tab.
    for event in (blocks.load, panel.accordion.expand):
        event(
            lambda: {panel.about: about_html(studio), panel.known: _choices(studio)},
            None,
            [panel.about, panel.known],
            show_progress="hidden",
            queue=False,
        )


def _choices(studio: Studio) -> gr.Dropdown:
    return gr.Dropdown(choices=known_models(studio.settings), value=studio.settings.model)
