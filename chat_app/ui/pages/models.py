"""The Models page: what is on this computer, what can be fetched, and the download of now."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.downloads import Downloads
from chat_app.chat.model_library import ModelDetails, details, library, offers, remove
from chat_app.chat.offered import Offered, offered
from chat_app.chat.studio import Studio
from chat_app.chat.switch import switch_model
from chat_app.errors import ValueflowError
from chat_app.llm.estimate import Estimate, free_memory, gigabytes, shortage
from chat_app.ui.guard import guarded
from chat_app.ui.hidden import hidden_text
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.pages.frame import frame
from chat_app.ui.pages.models_html import (
    download_html,
    here_html,
    note_html,
    offered_html,
    offers_html,
    offline_html,
)
from chat_app.ui.pages.settings_html import section_html
from chat_app.ui.services import Services

_TICK_S = 0.4
_LOOK_S = 0.7  # between two looks at a running download


@dataclass(frozen=True)
class _View:
    offline: gr.HTML
    note: gr.HTML
    download: gr.HTML
    stop: gr.Button
    go_on: gr.Button
    dismiss: gr.Button
    here: gr.HTML
    offers: gr.HTML
    wanted: gr.Textbox
    found: gr.HTML
    clock: gr.Timer
    act: gr.Button

    @property
    def following(self) -> list[Any]:
        """What a download changes while it runs."""
        return [self.download, self.stop, self.go_on, self.dismiss, self.clock]

    @property
    def all(self) -> list[Any]:
        return [*self.following, self.offline, self.note, self.here, self.offers, self.found]


def build(blocks: gr.Blocks, shared: Services) -> None:
    """Lay the page out in the current context, and wire it."""
    with frame(
        "Models",
        "Which model answers: those on this computer, and others to fetch once and then use "
        "without the internet.",
        width="reading",
    ):
        offline = gr.HTML("", js_on_load=None)
        with gr.Column(elem_id="vf-m-running"):
            download = gr.HTML("", js_on_load=None, elem_id="vf-m-download")
            with gr.Row(elem_id="vf-m-running-acts"):
                stop = gr.Button("Stop", size="sm", visible=False, elem_id="vf-m-stop")
                go_on = gr.Button("Go on", size="sm", visible=False, elem_id="vf-m-go-on")
                dismiss = gr.Button("Close", size="sm", visible=False, elem_id="vf-m-dismiss")
        gr.HTML(
            section_html("On this computer", "Found in the usual places; nothing is copied."),
            js_on_load=None,
        )
        note = gr.HTML("", js_on_load=None, elem_id="vf-m-said")
        here = gr.HTML("", js_on_load=None, elem_id="vf-m-here")
        gr.HTML(
            section_html(
                "To fetch",
                "A short list to begin with, from Hugging Face. Sizes and memory are about right.",
            ),
            js_on_load=None,
        )
        offers_ = gr.HTML("", js_on_load=None, elem_id="vf-m-offers")
        wanted = gr.Textbox(
            label="Another one on Hugging Face",
            info="org/repo, org/repo:file.gguf, or the address of its page. You see its licence "
            "and sizes before anything is fetched.",
            placeholder="org/repo",
            max_lines=1,
            max_length=400,
            submit_btn="Look it up",
            elem_id="vf-m-wanted",
            elem_classes="vf-offer",
        )
        found = gr.HTML("", js_on_load=None, elem_id="vf-m-found")
        clock = gr.Timer(_LOOK_S, active=False)
        act = gr.Button("Act", visible="hidden", elem_id="vf-m-pressed")
    view = _View(
        offline, note, download, stop, go_on, dismiss, here, offers_, wanted, found, clock, act
    )
    _wire(blocks, shared.studio, shared.downloads, view)


def _wire(blocks: gr.Blocks, studio: Studio, downloads: Downloads, view: _View) -> None:
    pressed = hidden_text()

    def show() -> dict[Any, Any]:
        return {
            **_lists(studio, view),
            **_following(downloads, view),
            view.note: "",
            view.found: "",
        }

    def follow() -> dict[Any, Any]:
        was = downloads.running
        news = _following(downloads, view)
        return news if was else {**news, **_lists(studio, view)}

    def press(what: str) -> Iterator[dict[Any, Any]]:
        data = json.loads(what or "{}")
        act, source = str(data.get("act")), str(data.get("source"))
        if act == "fetch":
            downloads.begin(source)
            yield _following(downloads, view)
        elif act == "use":
            yield from use(source)
        elif act == "remove":
            freed = remove(studio.settings, source)
            yield {
                **_lists(studio, view),
                view.note: note_html(f"Removed: {gigabytes(freed)} are free again."),
            }

    def use(source: str) -> Iterator[dict[Any, Any]]:
        name = next((m.name for m in library(studio.settings) if m.source == source), None)
        if name is None:
            raise ValueflowError(
                "That model is not on this computer any more: load the page again."
            )
        yield {view.note: note_html(f"Loading {name} …")}
        try:
            for said in ticking(iter_of(lambda: switch_model(studio, source)), _TICK_S):
                if said is not None:
                    downloads.forget()
                    yield {
                        **_lists(studio, view),
                        **_following(downloads, view),
                        view.note: note_html(f"{name} answers from now on. {said}".strip()),
                    }
        except Exception:
            yield {view.note: ""}
            raise

    def look_up(text: str) -> Iterator[dict[Any, Any]]:
        if not text.strip():
            return
        yield {view.found: note_html("Asking Hugging Face …")}
        answer: Offered | None
        try:
            for answer in ticking(iter_of(lambda: offered(text)), _TICK_S):
                if answer is not None:
                    yield {view.found: offered_html(answer, offline=_offline())}
        except ValueflowError as error:
            yield {view.found: note_html(str(error))}

    def go_on() -> dict[Any, Any]:
        if latest := downloads.latest:
            downloads.begin(latest.source)
        return _following(downloads, view)

    def dismiss() -> dict[Any, Any]:
        downloads.forget()
        return _following(downloads, view)

    blocks.load(guarded(show), None, view.all, show_progress="hidden")
    view.act.click(
        guarded(press),
        pressed,
        view.all,
        js="() => vfModels.pressed()",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    view.wanted.submit(
        guarded(look_up), view.wanted, view.found, show_progress="hidden", concurrency_limit=None
    )
    view.stop.click(downloads.stop, None, None, queue=False)
    view.go_on.click(guarded(go_on), None, view.following, show_progress="hidden")
    view.dismiss.click(guarded(dismiss), None, view.following, show_progress="hidden")
    view.clock.tick(
        guarded(follow, queued=False),
        None,
        [*view.following, view.offline, view.here, view.offers],
        show_progress="hidden",
        queue=False,
    )


def _lists(studio: Studio, view: _View) -> dict[Any, Any]:
    from chat_app.llm.devices import devices

    settings, offline = studio.settings, _offline()
    here, others = library(settings), offers(settings)
    about: dict[str, ModelDetails | str] = {}
    for model in here:
        try:
            about[model.source] = details(settings, model.source)
        except ValueflowError as error:
            about[model.source] = str(error)
    free, cards = free_memory(), devices()
    warnings = {}
    for each in others:
        wants = Estimate(each.size, max(0, each.memory - each.size), 0)
        if short := shortage(wants, cards, free):
            warnings[each.source] = short
    return {
        view.offline: offline_html() if offline else "",
        view.here: here_html(here, about),
        view.offers: offers_html(others, warnings, room=free, offline=offline),
    }


def _following(downloads: Downloads, view: _View) -> dict[Any, Any]:
    latest = downloads.latest
    running, broke = downloads.running, latest is not None and latest.state in ("stopped", "failed")
    return {
        view.download: download_html(latest) if latest else "",
        view.stop: gr.Button(visible=running),
        view.go_on: gr.Button(visible=broke),
        view.dismiss: gr.Button(visible=latest is not None and not running),
        view.clock: gr.Timer(active=running),
    }


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())
