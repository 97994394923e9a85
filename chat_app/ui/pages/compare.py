"""Compare: one question under two to four profiles, written, measured and kept side by side."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from chat_app.chat.compare import (
    MOST,
    Comparison,
    compare,
    comparison,
    keep,
    score_columns,
    speaker_of,
    speakers,
)
from chat_app.chat.model_library import library
from chat_app.chat.send import Delta, Started
from chat_app.chat.switch import switch_model
from chat_app.ui.guard import Tab, guarded, tell
from chat_app.ui.loading import ticking
from chat_app.ui.pages.compare_view import (
    LOADED,
    CompareView,
    choices,
    chosen,
    lay_out,
    seed_of,
    wishes_html,
)
from chat_app.ui.pages.frame import frame
from chat_app.ui.services import Services

_TICK_S = 0.4
_UPDATE_S = 0.1  # of one column: four of them make as many updates as a chat has


def build(blocks: gr.Blocks, services: Services) -> None:
    """Lay the page out in the current route and wire it."""
    with frame(
        "Compare",
        "Ask one question under two to four profiles, or of several models, see the replies side "
        "by side, and keep the one to go on with.",
    ):
        view = lay_out()
        gr.HTML(
            '<p class="vf-hint">Columns are written model by model, from the left: another one is '
            "loaded beside the one of the chat and let go again. The Models page has more.</p>",
            js_on_load=None,
        )
    _wire_run(services, view, _wire_settings(blocks, services, view))
    for i, column in enumerate(view.columns):
        column.keep.click(
            guarded(partial(_kept, services, i)),
            view.question_id,
            view.kept,
            show_progress="hidden",
        ).success(None, view.kept, None, js="(id) => valueflow.chat(id)")


def _kept(services: Services, column: int, question_id: str) -> str:
    """The conversation goes on with the column's reply, and with the model that wrote it."""
    studio = services.studio
    message_id = comparison(studio.database, question_id).columns[column].message_id
    if source := speaker_of(studio, message_id):
        switch_model(studio, source)
    return keep(studio.database, message_id)


def _wire_settings(blocks: gr.Blocks, services: Services, view: CompareView) -> Any:
    """The columns' fields; returns the event after which they offer what is kept."""
    database = services.studio.database

    def offer(*names: str) -> list[Any]:
        known = choices(database)
        there = {value for _, value in known}
        profiles = [gr.Dropdown(choices=known, value=n if n in there else "") for n in names]
        return [*profiles, *offer_models()]

    def offer_models() -> list[gr.Dropdown]:
        settings = services.studio.settings
        others = [(m.name, m.source) for m in library(settings) if not m.in_use]
        return [
            gr.Dropdown(choices=[LOADED, *others], value="", visible=bool(others))
            for _ in view.columns
        ]

    def count(number: int) -> list[gr.Column]:
        return [gr.Column(visible=i < number) for i in range(len(view.columns))]

    def wishes(name: str) -> str:
        return wishes_html(chosen(database, 1, name, "")[0])

    profiles = [column.profile for column in view.columns]
    models = [column.model for column in view.columns]
    offered = blocks.load(guarded(offer), profiles, [*profiles, *models], show_progress="hidden")
    view.count.input(
        count, view.count, [c.box for c in view.columns], show_progress="hidden", queue=False
    )
    for column in view.columns:
        column.profile.input(guarded(wishes), column.profile, column.wishes, show_progress="hidden")
    return offered


def _wire_run(services: Services, view: CompareView, offered: Any) -> None:
    def ask(text: str, tab: Tab, *settings: Any) -> Iterator[dict[Any, Any]]:
        yield from _run(services, view, tab, text, *settings)

    def stop(tab: Tab) -> None:
        if tab.cancel:
            tab.cancel.set()

    def start(question_id: str, tab: Tab) -> Iterator[dict[Any, Any]]:
        if question_id:
            found = comparison(services.studio.database, question_id)
            tab.turn_page()
            models = speakers(services.studio, found)
            asked = view.restore(services.studio.database, found, models)
            yield {view.box: found.question, **asked}
            yield from _followed(services, view, tab, question_id)

    asked = [view.tab, *view.settings]
    view.box.submit(
        guarded(ask), [view.box, *asked], view.shown, show_progress="hidden", concurrency_limit=None
    )
    for button in view.examples:
        button.click(
            guarded(ask), [button, *asked], view.shown, show_progress="hidden",
            concurrency_limit=None,
        )  # fmt: skip
    view.box.stop(stop, view.tab, None, queue=False)
    view.question_id.change(None, view.question_id, None, js="(id) => valueflow.compared(id)")
    offered.then(
        guarded(start),
        [view.question_id, view.tab],
        [*view.shown, *view.asking],
        js="(_, tab) => [valueflow.comparison(), tab]",
        show_progress="hidden",
        concurrency_limit=None,
    )


def _run(
    services: Services,
    view: CompareView,
    tab: Tab,
    text: str,
    same_seed: bool,
    seed: str,
    count: int,
    *fields: str,
) -> Iterator[dict[Any, Any]]:
    """A comparison as page updates: the replies as they grow, then what is stored and measured."""
    if tab.cancel or not text.strip():
        return
    first_seed = seed_of(seed)
    models, fields = fields[:MOST], fields[MOST:]
    profiles = chosen(services.studio.database, count, *fields)
    tab.turn_page()
    cancel = tab.cancel = threading.Event()
    columns = view.columns[:count]
    said, shown_at, question_id = [""] * count, [0.0] * count, ""
    yield {
        view.box: gr.Textbox(value=text, submit_btn=False, stop_btn="Stop"),
        view.table: "",
        view.tries: gr.Column(visible=False),
        **_waiting(columns, services.loading.words()),
    }
    turn = compare(
        services.studio,
        text,
        profiles,
        models=models[:count],
        seed=first_seed,
        same_seed=same_seed,
        cancel=cancel,
    )
    try:
        for heard in ticking(turn, _TICK_S):
            if heard is None:
                idle = [c for c, words in zip(columns, said, strict=True) if not words]
                yield _waiting(idle, services.loading.words()) if idle else gr.skip()
                continue
            i, event = heard.column, heard.event
            if isinstance(event, Started) and not question_id:
                question_id = event.user_message_id
                yield {view.question_id: question_id}
            elif isinstance(event, Delta):
                said[i] += event.text
                if time.monotonic() - shown_at[i] >= _UPDATE_S:
                    shown_at[i] = time.monotonic()
                    yield columns[i].grow(said[i])
    except Exception as error:
        tell(error)
    finally:
        cancel.set()
        tab.cancel = None
    yield {view.box: gr.Textbox(submit_btn="Compare", stop_btn=False)}
    if question_id:
        yield from _followed(services, view, tab, question_id)
    else:
        yield {column.reply: gr.Column(visible=False) for column in columns}


def _waiting(columns: Any, words: str) -> dict[Any, Any]:
    return {part: new for column in columns for part, new in column.wait(words).items()}


def _followed(
    services: Services, view: CompareView, tab: Tab, question_id: str
) -> Iterator[dict[Any, Any]]:
    """What is stored, while another tab still writes it and until all of it is measured."""
    database, page = services.studio.database, tab.view
    found = comparison(database, question_id)
    yield view.show(found)
    while found.writing:
        time.sleep(_TICK_S)
        found = comparison(database, question_id)
        if tab.view != page:
            return
        yield view.show(found)
    scored: Comparison | None
    for scored in ticking(score_columns(services.studio, question_id), _TICK_S):
        if tab.view != page:
            return
        yield view.show(scored) if scored else gr.skip()
