"""Events of the profile: its targets, what they do to each other, what came of them."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation, set_profile
from chat_app.chat.explained import in_a_sentence
from chat_app.chat.forecast import forecast, reach
from chat_app.chat.measured import SoFar, so_far
from chat_app.errors import ValueflowError
from chat_app.ui import kept_events, texts_panel
from chat_app.ui.bars import Bar, bars_html
from chat_app.ui.guard import guarded
from chat_app.ui.layout import Page
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.marks import legend_html, marks_html, outlook_html
from chat_app.ui.model_panel import about_html
from chat_app.ui.own_values import FIRST, SLIDERS, Own, note_html, own_slider_id
from chat_app.ui.profile_panel import PLACED, read_profile
from chat_app.values.code import profile_code
from chat_app.values.custom import custom_id, custom_words

_TICK_S = 0.4  # how often a wait for an encoder looks at its progress


def wire(blocks: gr.Blocks, page: Page) -> None:
    """Connect the right side."""
    _wire_targets(blocks, page)
    _wire_own(page)
    _wire_measured(page)
    _wire_texts(page)
    kept_events.wire(blocks, page)


def _wire_targets(blocks: gr.Blocks, page: Page) -> None:
    panel, studio = page.profile, page.studio

    def changed(conversation_id: str, *fields: Any) -> dict[Any, Any]:
        profile = read_profile(*fields)
        if conversation_id:
            set_profile(studio.database, conversation_id, profile)
        return panel.summarise(profile.targets)

    def foresee(*fields: Any) -> dict[Any, Any]:
        profile = read_profile(*fields)
        known, hoped = reach(studio, profile.method), forecast(studio, profile)
        own: Own = fields[panel.inputs.index(panel.own.own)]
        places = {value: own_slider_id(i) for i, value in enumerate(own.shown)}
        return {
            panel.outlook: outlook_html(hoped),
            panel.values.marks: marks_html(known, hoped, places),
            panel.values.legend: legend_html(known, profile.method),
            panel.kept.code: profile_code(profile),
        }

    def clear() -> dict[Any, Any]:
        cleared = {**dict.fromkeys(panel.values.sliders, 0), **panel.own.show(Own(), {})}
        return {**cleared, **panel.summarise({})}

    # A drag, or a profile that is loaded, changes a slider many times: the page asks once, when
    # it has come to rest. (Gradio's own trigger_mode="always_last" never stops asking again where
    # changes come faster than answers.)
    # Each event is one of its own: for one with many triggers the browser looks at all of these
    # whenever one fires.
    for place, slider in enumerate(panel.sliders):
        slider.change(None, slider, None, js=f"(to) => vfProfile.moved({place}, to)")
    for event in (panel.strength.change, panel.method.change, panel.name.input):
        event(None, None, None, js="() => valueflow.soon('vf-changed')")
    rested = panel.changed.click(
        guarded(changed, queued=False),
        [page.open_id, *panel.inputs],
        [panel.summary, *panel.values.tabs.values()],
        js=PLACED,
        trigger_mode="multiple",  # a click while the one before is answered counts too
        show_progress="hidden",
        queue=False,
    )
    for event in (blocks.load, rested.then):
        event(
            guarded(foresee),
            panel.inputs,
            [panel.outlook, panel.values.marks, panel.values.legend, panel.kept.code],
            js=PLACED,
            show_progress="hidden",
        )
    panel.clear.click(
        clear,
        None,
        [*panel.values.sliders, *panel.own.shown, panel.summary, *panel.values.tabs.values()],
        show_progress="hidden",
    )


def _wire_own(page: Page) -> None:
    """One's own words: what they mean is looked up, which takes a while the first time."""
    own = page.profile.own

    def add(words: str, known: Own, *intensities: float) -> Iterator[dict[Any, Any]]:
        if not words.strip():
            return
        try:
            value = custom_id(words)
            if value.casefold() in (shown.casefold() for shown in (*known.shown, *known.others)):
                raise ValueflowError(f"“{custom_words(value)}” has a slider already.")
            if len(known.shown) == SLIDERS:
                raise ValueflowError(f"The page has room for {SLIDERS} values in your own words.")
            found = None
            for found in ticking(iter_of(lambda: page.studio.custom(value)), _TICK_S):
                if found is None:
                    yield {own.note: note_html(f"{page.loading.words()} …")}
        except ValueflowError as error:
            yield {own.note: note_html(str(error), wrong=True)}
            return
        assert found is not None
        meaning = in_a_sentence(found)
        now = Own((*known.shown, value), known.others, {**known.meanings, value: meaning})
        targets = {**dict(zip(known.shown, intensities, strict=False)), value: FIRST}
        yield {own.words: "", **own.show(now, targets, meaning)}

    own.words.submit(
        guarded(add),
        [own.words, own.own, *own.sliders],
        [own.words, *own.shown],
        show_progress="hidden",
        concurrency_limit=None,
    )


def _wire_measured(page: Page) -> None:
    """What came of the targets in this conversation, told again whenever the chat has come to rest
    after a change: a conversation opened, a reply, its scores."""
    panel = page.profile
    shown = [panel.so_far, panel.chart, page.model.about]

    def measured(conversation_id: str) -> dict[Any, Any]:
        view = open_conversation(page.studio.database, conversation_id) if conversation_id else None
        found = so_far(view) if view else None
        return {
            panel.so_far: gr.Accordion(visible=found is not None),
            panel.chart: so_far_html(found) if found else "",
            page.model.about: about_html(page.studio),
        }

    page.chat.change(None, None, js="() => valueflow.soon('vf-measured')")
    panel.measured.click(
        guarded(measured, queued=False),
        page.open_id,
        shown,
        trigger_mode="multiple",
        show_progress="hidden",
        queue=False,
    )


def _wire_texts(page: Page) -> None:
    panel, texts = page.profile, page.profile.texts
    texts_panel.wire(texts, page.studio, page.loading)
    texts.use.click(
        lambda found: panel.show(found) if found else gr.skip(),
        texts.found,
        panel.shown,
        show_progress="hidden",
    )


def so_far_html(found: SoFar) -> str:
    """Bars of what the last reply's profile has come to."""
    means = {each.value: each for each in found.means}
    bars = [
        Bar(value, mean.mean, mean.low, mean.high, target)
        if (mean := means.get(value))
        else Bar(value, None, target=target)
        for value, target in found.profile.targets.items()
    ]
    many = "1 reply" if found.replies == 1 else f"Mean of {found.replies} replies"
    return bars_html(bars, f"{many} with these targets; the upright mark is what was asked.")
