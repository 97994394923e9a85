"""Calibrate: measure how the loaded model answers to doses, watch it, and look at the curves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.calibrated import (
    Kept,
    curve,
    delete_calibration,
    doses,
    find_kept,
    list_calibrations,
    ranges,
)
from chat_app.chat.calibrating import Calibrating
from chat_app.chat.trials import Course, builtin_prompts, read_prompts
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.pages.calibrate_html import (
    facts_html,
    list_label,
    news_html,
    plan_html,
    reach_html,
    wrong_html,
)
from chat_app.ui.pages.calibrate_view import (
    QUICK,
    NewCalibration,
    Progress,
    Shelf,
    build_new,
    build_progress,
    build_shelf,
)
from chat_app.ui.pages.curves import curve_figure, ranges_figure
from chat_app.ui.pages.frame import frame
from chat_app.ui.services import Services
from chat_app.ui.text import escape
from chat_app.values.custom import value_label

_TICK_S = 0.4


@dataclass(frozen=True)
class _Page:
    """What the events of the page work with."""

    services: Services
    calibrating: Calibrating
    new: NewCalibration
    progress: Progress
    shelf: Shelf

    @property
    def database(self) -> Any:
        return self.services.studio.database

    @property
    def listed(self) -> list[Any]:
        return [self.shelf.list, self.shelf.empty]

    @property
    def opened(self) -> list[Any]:
        shelf = self.shelf
        return [shelf.id, shelf.opened, shelf.facts, shelf.value, shelf.said, shelf.plot,
                shelf.ranges, shelf.resume, shelf.delete, shelf.confirm]  # fmt: skip

    @property
    def watched(self) -> list[Any]:
        progress = self.progress
        return [progress.box, progress.news, progress.stop, progress.value, progress.plot,
                self.new.start, *self.listed, *self.opened]  # fmt: skip


def build(blocks: gr.Blocks, services: Services) -> None:
    """Lay the page out in the current route and wire it."""
    with frame(
        "Calibrate",
        "Measure how far the loaded model goes at each dose of a value, so that what you set in a "
        "profile is what you get.",
    ):
        with gr.Column(elem_classes="vf-card"):
            new = build_new()
        progress = build_progress()
        shelf = build_shelf()
    page = _Page(services, Calibrating(services.studio), new, progress, shelf)
    _wire_new(blocks, page)
    _wire_progress(blocks, page)
    _wire_shelf(blocks, page)


def read_plan(
    method: str, replies: int, questions: str, own: str, *groups: list[str]
) -> tuple[str, tuple[str, ...], Course]:
    """(method, values, course) as chosen. Raises ValueflowError for too few questions."""
    values = tuple(value for group in groups for value in group)
    if questions == "own":
        prompts = read_prompts(own or "", "Your list")
    else:
        prompts = builtin_prompts()[: QUICK if questions == "quick" else None]
    return method, values, Course(prompts, int(replies))


def _wire_new(blocks: gr.Blocks, page: _Page) -> None:
    new, calibrating = page.new, page.calibrating

    def estimate(*fields: Any) -> str:
        try:
            method, values, course = read_plan(*fields)
        except ValueflowError as error:
            return wrong_html(str(error))
        seconds = calibrating.seconds(method, doses(method, values) * course.n)
        return plan_html(method, values, course, seconds)

    def speed(*fields: Any) -> Iterator[Any]:
        method, values, course = read_plan(*fields)
        if not values:
            raise ValueflowError("No value is chosen: tick those that you want to measure.")
        work = iter_of(lambda: calibrating.try_speed(method, values[0], course))
        for _ in ticking(work, _TICK_S):
            words = page.services.loading.words()
            said = "Trying a few replies" if words == "Thinking" else words
            yield f'<p class="vf-plan" role="status">{escape(said)} …</p>'
        yield estimate(*fields)

    def start(*fields: Any) -> dict[Any, Any]:
        method, values, course = read_plan(*fields)
        calibrating.start(method, values, course)
        return _look(page, "", None)

    quiet: dict[str, Any] = {"show_progress": "hidden"}
    changes = [new.method, new.replies, new.questions, *new.values.values()]
    gr.on(
        [blocks.load, *(each.change for each in changes), new.own.blur],
        estimate, new.inputs, new.estimate, queue=False, trigger_mode="always_last", **quiet,
    )  # fmt: skip
    new.questions.input(
        lambda chosen: gr.Textbox(visible=chosen == "own"), new.questions, new.own, queue=False,
        **quiet,
    )  # fmt: skip
    new.speed.click(guarded(speed), new.inputs, new.estimate, **quiet)
    new.start.click(guarded(start), new.inputs, page.watched, **quiet)


def _wire_progress(blocks: gr.Blocks, page: _Page) -> None:
    progress = page.progress
    seen = gr.State(None)

    def look(value: str, opened: str, before: Any) -> Any:
        now = _mark(page, value)
        if now == before:
            return gr.skip()
        updates = {seen: now, **_look(page, value, before)}
        # What is open was perhaps measured just now.
        if before and before[0] != now[0]:
            for kept in list_calibrations(page.database):
                if kept.id == opened:
                    updates |= _open(page, kept)
        return updates

    def stop(value: str) -> dict[Any, Any]:
        page.calibrating.stop()
        return _look(page, value, _mark(page, value))

    for event in (blocks.load, progress.timer.tick, progress.value.input):
        event(
            guarded(look, queued=False), [progress.value, page.shelf.id, seen],
            [seen, *page.watched], show_progress="hidden", queue=False,
        )  # fmt: skip
    progress.stop.click(
        guarded(stop), progress.value, page.watched, show_progress="hidden", queue=False
    )


def _mark(page: _Page, value: str) -> Any:
    """What the progress shows depends on; what was shown under the same mark need not be again."""
    now = page.calibrating.now
    if now is None:
        return ("idle",)
    loading = "" if now.of else page.services.loading.words()
    return (now.state, now.done, now.done // now.course.n, value, loading)


def _look(page: _Page, value: str, before: Any) -> dict[Any, Any]:
    """The run as it is now; its curve where a dose has been added since ``before``."""
    progress, now = page.progress, page.calibrating.now
    if now is None:
        return _listed(page)
    mark = _mark(page, value)
    updates: dict[Any, Any] = {
        progress.box: gr.Column(visible=True),
        progress.news: news_html(now, page.services.loading.words()),
        progress.stop: gr.Button(visible=now.active),
        page.new.start: gr.Button(interactive=not now.active),
    }
    old = before if isinstance(before, tuple) and len(before) == len(mark) else None
    if old and (old[0], *old[2:4]) == (mark[0], *mark[2:4]):
        return updates
    kept = page.calibrating.kept()
    begun = kept.begun if kept else ()
    choices = [("The one being measured", ""), *((value_label(v), v) for v in begun)]
    chosen = value if value in begun else ""
    updates[progress.value] = gr.Dropdown(choices=choices, value=chosen, visible=bool(begun))
    updates[progress.plot] = gr.Plot(visible=False)
    if kept and begun:
        found = curve(page.database, kept.id, chosen or begun[-1])
        if found:
            updates[progress.plot] = gr.Plot(value=curve_figure(found), visible=True)
    return {**updates, **_listed(page)}


def _listed(page: _Page) -> dict[Any, Any]:
    """The list as it is stored; what is chosen in it stays so."""
    choices = _choices(page)
    empty = gr.HTML(visible=not choices["visible"])
    return {page.shelf.list: gr.Radio(**choices), page.shelf.empty: empty}


def _choices(page: _Page) -> dict[str, Any]:
    kept = list_calibrations(page.database)
    return {"choices": [(list_label(each), each.id) for each in kept], "visible": bool(kept)}


def _wire_shelf(blocks: gr.Blocks, page: _Page) -> None:
    shelf, database = page.shelf, page.database

    def open_one(id: str) -> Any:
        return _open(page, find_kept(database, id)) if id else gr.skip()

    def show(id: str, value: str) -> dict[Any, Any]:
        return _drawn(page, id, value)

    def resume(id: str) -> dict[Any, Any]:
        page.calibrating.resume(find_kept(database, id))
        return _look(page, "", None)

    def ask(id: str) -> dict[Any, Any]:
        label = escape(list_label(find_kept(database, id)))
        words = f"Delete “{label}” with all that was measured for it? This cannot be undone."
        return {
            shelf.question: f'<p class="vf-question">{words}</p>',
            shelf.confirm: gr.Column(visible=True),
        }

    def delete(id: str) -> dict[Any, Any]:
        if page.calibrating.now and page.calibrating.now.active:
            raise ValueflowError("A calibration is running: stop it before you delete one.")
        delete_calibration(database, id)
        return {
            **_listed(page),
            shelf.list: gr.Radio(**_choices(page), value=None),
            shelf.id: "",
            shelf.opened: gr.Column(visible=False),
            shelf.confirm: gr.Column(visible=False),
        }

    quiet: dict[str, Any] = {"show_progress": "hidden"}
    shelf.list.input(guarded(open_one), shelf.list, page.opened, **quiet)
    shelf.value.input(guarded(show), [shelf.id, shelf.value], [shelf.said, shelf.plot], **quiet)
    shelf.resume.click(guarded(resume), shelf.id, page.watched, **quiet)
    shelf.delete.click(guarded(ask), shelf.id, [shelf.question, shelf.confirm], **quiet)
    shelf.really.click(guarded(delete), shelf.id, [*page.listed, *page.opened], **quiet)
    shelf.keep.click(lambda: gr.Column(visible=False), None, shelf.confirm, queue=False)


def _drawn(page: _Page, id: str, value: str | None) -> dict[Any, Any]:
    """One value's curve, and what it says in words."""
    found = curve(page.database, id, value) if value else None
    plot = gr.Plot(value=curve_figure(found), visible=True) if found else gr.Plot(visible=False)
    return {page.shelf.said: reach_html(found), page.shelf.plot: plot}


def _open(page: _Page, kept: Kept) -> dict[Any, Any]:
    shelf = page.shelf
    value = kept.begun[0] if kept.begun else None
    reach = ranges(page.database, kept.id)
    choices = [(value_label(each), each) for each in kept.begun]
    several = len(reach) > 1
    return {
        shelf.id: kept.id,
        shelf.opened: gr.Column(visible=True),
        shelf.facts: facts_html(kept),
        shelf.value: gr.Dropdown(choices=choices, value=value, visible=bool(value)),
        **_drawn(page, kept.id, value),
        shelf.ranges: gr.Plot(value=ranges_figure(reach), visible=True)
        if several
        else gr.Plot(visible=False),
        shelf.resume: gr.Button(visible=not (kept.builtin or kept.whole)),
        shelf.delete: gr.Button(visible=not kept.builtin),
        shelf.confirm: gr.Column(visible=False),
    }
