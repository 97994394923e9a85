"""The part of the Settings page that chooses the encoder and the anchors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.artefacts import PAPER_HIVES, PAPER_VIDB, to_fetch, use_artefacts
from chat_app.settings import variable
from chat_app.ui.guard import guarded
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.pages.settings_html import line_html, section_html
from chat_app.ui.services import Services
from chat_app.ui.text import escape

_TICK_S = 0.4
_HIVES = [
    ("The built-in one that fits the model", "auto"),
    ("Built in, for any text", "general"),
    (f"The paper's, {PAPER_HIVES}", PAPER_HIVES),
]
_VIDB = [("Built in", "builtin"), (f"The paper's, {PAPER_VIDB}", PAPER_VIDB)]


@dataclass(frozen=True)
class Artefacts:
    """The components: the two choices, what to know before a download, the button, the outcome."""

    hives: gr.Dropdown
    vidb: gr.Dropdown
    licence: gr.HTML
    use: gr.Button
    said: gr.HTML


def build_artefacts() -> Artefacts:
    """Lay the choices out in the current context."""
    gr.HTML(
        section_html(
            "Measured and steered with",
            "Another choice is fetched if it is not on this computer, and then holds at once. "
            "Stored scores stay.",
        ),
        js_on_load=None,
    )
    with gr.Row(elem_classes="vf-set-row"):
        hives = _choice(
            "Encoder (HIVES)",
            "Reads the values in a text. Also a folder, or another name on Hugging Face.",
            _HIVES,
        )
        vidb = _choice(
            "Anchors (VIDB)",
            "Texts of known intensity. Also a file, a folder, or a name on Hugging Face.",
            _VIDB,
        )
    licence = gr.HTML("", elem_id="vf-set-licence", js_on_load=None)
    with gr.Row(elem_classes="vf-set-act"):
        said = gr.HTML("", elem_id="vf-set-artefacts-said", js_on_load=None)
        use = gr.Button("Use these", size="sm", elem_id="vf-set-artefacts")
    return Artefacts(hives, vidb, licence, use, said)


def _choice(label: str, info: str, choices: list[tuple[str, str]]) -> gr.Dropdown:
    return gr.Dropdown(
        choices,
        label=label,
        info=info,
        allow_custom_value=True,
        interactive=True,
        elem_id=f"vf-set-{label.split('(')[1].rstrip(')').lower()}",
        elem_classes="vf-set-input",
    )


def wire_artefacts(blocks: gr.Blocks, shared: Services, shown: Artefacts) -> None:
    """Connect them; one change at a time."""
    studio = shared.studio

    def show() -> dict[Any, Any]:
        given = studio.settings
        return {
            shown.hives: gr.Dropdown(value=given.hives, interactive=variable("hives") is None),
            shown.vidb: gr.Dropdown(value=given.vidb, interactive=variable("vidb") is None),
            shown.licence: _licences_html(shared, given.hives, given.vidb),
            shown.said: "",
        }

    def use(hives: str, vidb: str) -> Iterator[dict[Any, Any]]:
        yield {shown.said: line_html("", "Loading …"), shown.use: gr.Button(interactive=False)}
        chosen = {"hives": (hives or "auto").strip(), "vidb": (vidb or "builtin").strip()}

        def change() -> bool:
            use_artefacts(studio, **chosen)
            return True

        try:
            for done in ticking(iter_of(change), _TICK_S):
                if done is None and (news := shared.loading.news()):
                    yield {shown.said: line_html("", f"{news} …")}
        except Exception:
            yield {shown.said: "", shown.use: gr.Button(interactive=True)}
            raise
        words = "They hold from now on. Replies are measured by them when you ask for it."
        yield {
            shown.said: line_html("", words),
            shown.licence: _licences_html(shared, **chosen),
            shown.use: gr.Button(interactive=True),
        }

    blocks.load(
        guarded(show),
        None,
        [shown.hives, shown.vidb, shown.licence, shown.said],
        show_progress="hidden",
    )
    for choice in (shown.hives, shown.vidb):
        choice.change(
            guarded(lambda hives, vidb: _licences_html(shared, hives, vidb)),
            [shown.hives, shown.vidb],
            shown.licence,
            show_progress="hidden",
            queue=False,
        )
    shown.use.click(
        guarded(use),
        [shown.hives, shown.vidb],
        [shown.said, shown.licence, shown.use],
        show_progress="hidden",
        concurrency_limit=1,
        concurrency_id="vf-artefacts",
    )


def _licences_html(shared: Services, hives: str | None, vidb: str | None) -> str:
    """What must be fetched for a choice, and under which licence."""
    chosen = {"hives": hives or "auto", "vidb": vidb or "builtin"}
    missing = to_fetch(shared.studio.settings.model_copy(update=chosen))
    return "".join(
        f'<p class="vf-set-notice"><b>{escape(each.id)}</b> will be fetched from Hugging Face. '
        f"{escape(each.licence)}</p>"
        for each in missing
    )
