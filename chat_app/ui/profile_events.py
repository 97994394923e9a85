"""Events of the profile: its summary, one's own values, clear, save, load, duplicate, delete."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from chat_app.chat.conversations import set_profile
from chat_app.chat.explained import in_a_sentence
from chat_app.chat.forecast import forecast, reach
from chat_app.chat.presets import PRESETS
from chat_app.chat.profiles import (
    delete_profile,
    duplicate_profile,
    list_profiles,
    load_profile,
    save_profile,
)
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.layout import Page
from chat_app.ui.loading import iter_of, ticking
from chat_app.ui.marks import legend_html, marks_html, outlook_html
from chat_app.ui.own_values import FIRST, SLIDERS, Own, note_html, own_slider_id
from chat_app.ui.profile_panel import NAMELESS, read_profile
from chat_app.ui.text import escape
from chat_app.values.custom import custom_id, custom_words

_TICK_S = 0.4  # how often a wait for an encoder looks at its progress


def wire(blocks: gr.Blocks, page: Page) -> None:
    """Connect the right side."""
    _wire_targets(blocks, page)
    _wire_own(page)
    _wire_saved(blocks, page)
    _wire_delete(page)


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
        }

    def clear() -> dict[Any, Any]:
        cleared = {**dict.fromkeys(panel.values.sliders, 0), **panel.own.show(Own(), {})}
        return {**cleared, **panel.summarise({})}

    # A drag, or a profile that is loaded, changes a slider many times: the page asks once, when
    # it has come to rest. (Gradio's own trigger_mode="always_last" never stops asking again where
    # changes come faster than answers.)
    gr.on(
        [
            *(slider.change for slider in (*panel.values.sliders, *panel.own.sliders)),
            panel.strength.change,
            panel.method.change,
            panel.name.input,
        ],
        None,
        js="() => valueflow.soon('vf-changed')",
    )
    rested = panel.changed.click(
        guarded(changed, queued=False),
        [page.open_id, *panel.inputs],
        [panel.summary, *panel.values.tabs.values()],
        trigger_mode="multiple",  # a click while the one before is answered counts too
        show_progress="hidden",
        queue=False,
    )
    for event in (blocks.load, rested.then):
        event(
            guarded(foresee),
            panel.inputs,
            [panel.outlook, panel.values.marks, panel.values.legend],
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


def _wire_saved(blocks: gr.Blocks, page: Page) -> None:
    panel, database = page.profile, page.studio.database

    def save(*fields: Any) -> dict[Any, Any]:
        profile = read_profile(*fields)
        if profile.name == NAMELESS:
            raise ValueflowError("The profile has no name yet: write one above the Save button.")
        save_profile(database, profile)
        gr.Info(f"Saved “{escape(profile.name)}”.", duration=3)
        return {panel.saved: _choices(page, profile.name), panel.name: profile.name}

    def load(name: str | None) -> dict[Any, Any]:
        return panel.show(load_profile(database, name)) if name else gr.skip()

    def duplicate(name: str) -> dict[Any, Any]:
        copy = duplicate_profile(database, name.strip())
        return {panel.saved: _choices(page, copy.name), **panel.show(copy)}

    blocks.load(lambda: _choices(page, None), None, panel.saved, show_progress="hidden")
    panel.save.click(guarded(save), panel.inputs, [panel.saved, panel.name], show_progress="hidden")
    for choice in (panel.saved, panel.presets):
        choice.input(guarded(load), choice, panel.shown, show_progress="hidden")
    panel.duplicate.click(
        guarded(duplicate), panel.name, [panel.saved, *panel.shown], show_progress="hidden"
    )


def _wire_delete(page: Page) -> None:
    panel, database = page.profile, page.studio.database

    def ask(name: str) -> dict[Any, Any]:
        load_profile(database, name.strip())
        question = (
            f"Delete the profile “{escape(name.strip())}”? Conversations keep their own copy."
        )
        return {
            panel.question: f'<p class="vf-question">{question}</p>',
            panel.confirm: gr.Column(visible=True),
        }

    def delete(name: str) -> dict[Any, Any]:
        delete_profile(database, name.strip())
        return {
            panel.saved: _choices(page, None),
            panel.name: "",
            panel.confirm: gr.Column(visible=False),
        }

    panel.delete.click(guarded(ask), panel.name, [panel.question, panel.confirm])
    panel.really.click(
        guarded(delete),
        panel.name,
        [panel.saved, panel.name, panel.confirm],
        show_progress="hidden",
    )
    panel.keep.click(lambda: gr.Column(visible=False), None, panel.confirm, queue=False)


def _choices(page: Page, chosen: str | None) -> gr.Dropdown:
    """The saved profiles, then those that come with the program."""
    saved = [each.name for each in list_profiles(page.studio.database)]
    given = [each.name for each in PRESETS if each.name not in saved]
    return gr.Dropdown(choices=[*saved, *given], value=chosen)
