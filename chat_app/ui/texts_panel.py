"""From my texts: what somebody has written, read for its values, as a profile."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.profile_texts import texts_of_file, values_in
from chat_app.chat.studio import Studio
from chat_app.evaluation.extraction import Extraction, split_texts
from chat_app.ui.bars import Bar, bars_html
from chat_app.ui.guard import guarded
from chat_app.ui.kept_panel import forget, taken
from chat_app.ui.loading import Loading, iter_of, ticking
from chat_app.ui.own_values import note_html
from chat_app.values.profile import Profile

_TICK_S = 0.4
_LARGEST_FILE = 20_000_000  # bytes
_NAME = "From my texts"
_SHOWN = 12  # values that the result draws; the profile has all of them


@dataclass(frozen=True)
class TextsPanel:
    """The components; ``found`` holds the profile that was read, or None."""

    words: gr.Textbox
    upload: gr.UploadButton
    read: gr.Button
    note: gr.HTML
    result: gr.HTML
    use: gr.Button
    found: gr.State


def build_texts_panel() -> TextsPanel:
    """Lay the panel out in the current context, closed."""
    with gr.Accordion("From my texts", open=False, elem_id="vf-texts"):
        gr.HTML(
            '<p class="vf-hint">Paste what you have written, a text a paragraph, or upload a '
            ".txt, .csv or .jsonl file. It is read on this computer and not kept.</p>",
            js_on_load=None,
        )
        words = gr.Textbox(
            label="Texts",
            show_label=False,
            placeholder="Posts, letters, answers: twenty or more say most",
            lines=4,
            max_lines=10,
            max_length=2_000_000,
            elem_id="vf-texts-words",
        )
        with gr.Row(elem_classes="vf-buttons"):
            read = gr.Button("Read them", size="sm", elem_id="vf-texts-read")
            upload = gr.UploadButton(
                "Upload a file",
                size="sm",
                file_types=[".txt", ".md", ".csv", ".jsonl"],
                elem_id="vf-texts-file",
            )
        note = gr.HTML("", elem_id="vf-texts-note", js_on_load=None)
        result = gr.HTML("", elem_id="vf-texts-result", js_on_load=None)
        use = gr.Button(
            "Use as profile", size="sm", variant="primary", visible=False, elem_id="vf-texts-use"
        )
    return TextsPanel(words, upload, read, note, result, use, gr.State(None))


def wire(panel: TextsPanel, studio: Studio, loading: Loading) -> None:
    """Connect the reading; using what was found is the profile's (``profile_events``)."""
    shown = [panel.note, panel.result, panel.use, panel.found]

    def read(texts: list[str]) -> Iterator[dict[Any, Any]]:
        cleared = {panel.result: "", panel.use: gr.Button(visible=False), panel.found: None}
        if not texts:
            yield {**cleared, panel.note: note_html("Paste some texts first.", wrong=True)}
            return
        many = f"{len(texts)} text{'' if len(texts) == 1 else 's'}"
        yield {**cleared, panel.note: note_html(f"Reading {many} …")}
        found: Extraction | None = None
        try:
            for found in ticking(iter_of(lambda: values_in(studio, texts)), _TICK_S):
                if found is None:
                    told = loading.news()
                    yield {panel.note: note_html(told or f"Reading {many} …")}
        except Exception:
            yield {panel.note: ""}
            raise
        assert found is not None
        yield {panel.note: "", **_found(panel, found)}

    def pasted(words: str) -> Iterator[dict[Any, Any]]:
        yield from read(split_texts(words))

    def uploaded(path: str) -> Iterator[dict[Any, Any]]:
        try:
            texts = texts_of_file(taken(path, _LARGEST_FILE))
        finally:
            forget(path)
        yield from read(texts)

    panel.read.click(
        guarded(pasted), panel.words, shown, show_progress="hidden", concurrency_limit=1
    )
    panel.upload.upload(
        guarded(uploaded), panel.upload, shown, show_progress="hidden", concurrency_limit=1
    )


def _found(panel: TextsPanel, found: Extraction) -> dict[Any, Any]:
    if not found.found:
        words = (
            f"No value shows in these {found.n_texts} texts: a value needs three texts that speak "
            "of it and agree."
        )
        return {panel.note: note_html(words)}
    bars = [Bar(e.value, e.intensity, e.low, e.high) for e in found.found[:_SHOWN]]
    caption = f"What {found.n_texts} texts show, with 95% intervals"
    return {
        panel.result: bars_html(bars, caption),
        panel.use: gr.Button(visible=True),
        panel.found: _profile(found),
    }


def _profile(found: Extraction) -> Profile:
    return found.profile(_NAME)
