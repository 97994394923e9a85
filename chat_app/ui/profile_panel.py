"""The right side: the profile that steers the next reply, and the profiles that are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from chat_app.chat.presets import PRESETS
from chat_app.errors import ValueflowError
from chat_app.ui.chips import summary_html, value_words
from chat_app.ui.hidden import hidden_text
from chat_app.ui.kept_panel import KeptPanel, build_kept_panel
from chat_app.ui.own_values import SLIDERS, Own, OwnValues, build_own_values, own_of
from chat_app.ui.texts_panel import TextsPanel, build_texts_panel
from chat_app.ui.value_sliders import TABS, ValueSliders, build_value_sliders
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED
from chat_app.values.tuned import Tuned

_METHODS = [
    ("Vector", "vector"),
    ("Prompt", "prompt"),
    ("Both", "vector+prompt"),
    ("Texts", "exemplar"),
    ("Off", "none"),
]
_METHOD_HELP = (
    "Vector adds a direction inside the model; Prompt asks for the values in words; Both does "
    "both; Texts shows it some that hold them; Off leaves the model alone."
)
_STRENGTH_HELP = "A factor on all targets, for the next reply. The summary shows what is asked."
_CHARACTERS = {each.name for each in PRESETS}
# A profile must have a name; one that nobody named goes by this and leaves the box empty.
NAMELESS = "Unnamed"
UNSTEERED = Profile(name=NAMELESS, targets={})
# The script of an event whose last inputs are ``ProfilePanel.inputs``.
PLACED = "(...given) => [...given.slice(0, -1), vfProfile.places()]"


@dataclass(frozen=True)
class ProfilePanel:
    """The components of the panel; ``changed`` is pressed by the page itself, when the sliders
    have come to rest."""

    saved: gr.Dropdown
    presets: gr.Radio
    name: gr.Textbox
    description: gr.State
    tuned: gr.State
    method: gr.Radio
    strength: gr.Slider
    summary: gr.HTML
    outlook: gr.HTML
    values: ValueSliders
    own: OwnValues
    places: gr.Textbox
    changed: gr.Button
    clear: gr.Button
    save: gr.Button
    duplicate: gr.Button
    delete: gr.Button
    confirm: gr.Column
    question: gr.HTML
    really: gr.Button
    keep: gr.Button
    kept: KeptPanel
    so_far: gr.Accordion
    chart: gr.HTML
    measured: gr.Button
    texts: TextsPanel

    @property
    def _told(self) -> list[Any]:
        return [self.name, self.description, self.tuned, self.method, self.strength, self.own.own]

    @property
    def sliders(self) -> list[gr.Slider]:
        """The sliders of the values, then those of one's own."""
        return [*self.values.sliders, *self.own.sliders]

    @property
    def inputs(self) -> list[Any]:
        """What ``read_profile`` takes, in its order, of an event whose ``js`` is ``PLACED``.

        The sliders are none of them: the page's script knows where they stand. Gradio copies all
        that belongs to every input that any event ever had, at each step of every other event.
        """
        return [*self._told, self.places]

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        known = [*self._told, *self.sliders, self.presets, self.own.note, self.summary]
        return [*known, *self.values.tabs.values()]

    def show(self, profile: Profile) -> dict[Any, Any]:
        """The updates that put ``profile`` on the panel; a value without target stands at 0."""
        values = {
            slider: profile.targets.get(value, 0)
            for value, slider in zip(STEERED, self.values.sliders, strict=True)
        }
        return {
            self.name: "" if profile.name == NAMELESS else profile.name,
            self.description: profile.description,
            self.presets: profile.name if profile.name in _CHARACTERS else None,
            self.tuned: profile.tuned,
            self.method: profile.method,
            self.strength: 100,
            **values,
            **self.own.show(own_of(profile.targets), profile.targets),
            **self.summarise(profile.targets),
        }

    def summarise(self, targets: Mapping[str, float]) -> dict[Any, Any]:
        """The summary line, and on each tab how many of its values are targeted."""
        wanted = {value: t for value, t in targets.items() if t}
        labels = {value_words(value): t for value, t in wanted.items()}
        theories = [value.partition("/")[0] for value in wanted]
        counts = {theory: theories.count(theory) for theory in TABS}
        tabs = {
            tab: gr.Tab(label=TABS[theory] + (f" · {counts[theory]}" if counts[theory] else ""))
            for theory, tab in self.values.tabs.items()
        }
        return {self.summary: summary_html(labels), **tabs}


def build_profile_panel() -> ProfilePanel:
    """Lay the panel out in the current context."""
    gr.HTML('<h2 class="vf-heading">Profile</h2>', elem_id="vf-profile-heading", js_on_load=None)
    saved = gr.Dropdown(
        [],
        value=None,
        label="Load a profile",
        elem_id="vf-saved",
        interactive=True,
    )
    with gr.Accordion("Start from a character", open=False, elem_id="vf-characters"):
        presets = gr.Radio(
            [(f"{each.name}\n{each.description}", each.name) for each in PRESETS],
            label="Characters",
            show_label=False,
            elem_id="vf-presets",
        )
    with gr.Row(elem_id="vf-name-line"):
        name = gr.Textbox(
            label="Name",
            placeholder="Name it to save it",
            max_lines=1,
            max_length=80,
            elem_id="vf-profile-name",
        )
        save = gr.Button("Save", size="sm", variant="primary", elem_id="vf-save")
    description = gr.State("")
    tuned = gr.State(())
    with gr.Row(elem_id="vf-keep"):
        duplicate, delete = (
            gr.Button(label, size="sm", elem_id=id, elem_classes="vf-quiet")
            for label, id in (("Duplicate", "vf-duplicate"), ("Delete", "vf-delete-profile"))
        )
    confirm, question, really, keep = confirmation("vf-confirm-profile")
    kept = build_kept_panel()
    method = gr.Radio(
        _METHODS,
        value="vector",
        label="Steer by",
        info=_METHOD_HELP,
        elem_id="vf-method",
        elem_classes="vf-segments",
    )
    strength = gr.Slider(
        0,
        150,
        value=100,
        step=5,
        label="Overall strength, %",
        info=_STRENGTH_HELP,
        buttons=[],
        elem_id="vf-strength",
        elem_classes="vf-slider",
    )
    with gr.Row(elem_classes="vf-target-line"):
        gr.HTML('<h3 class="vf-subheading">Targets</h3>', js_on_load=None)
        clear = gr.Button("Clear all", size="sm", elem_id="vf-clear", elem_classes="vf-quiet")
    changed = gr.Button("Changed", visible="hidden", elem_id="vf-changed")
    places = hidden_text()
    summary = gr.HTML(summary_html({}), elem_id="vf-summary", js_on_load=None)
    outlook = gr.HTML("", elem_id="vf-outlook", js_on_load=None)
    with gr.Accordion("Asked and measured so far", visible=False, elem_id="vf-so-far") as so_far:
        chart = gr.HTML("", elem_id="vf-chart", js_on_load=None)
    measured = gr.Button("Measured", visible="hidden", elem_id="vf-measured")
    values = build_value_sliders()
    own = build_own_values()
    texts = build_texts_panel()
    return ProfilePanel(
        saved=saved,
        presets=presets,
        name=name,
        description=description,
        tuned=tuned,
        method=method,
        strength=strength,
        summary=summary,
        outlook=outlook,
        values=values,
        own=own,
        places=places,
        changed=changed,
        clear=clear,
        save=save,
        duplicate=duplicate,
        delete=delete,
        confirm=confirm,
        question=question,
        really=really,
        keep=keep,
        kept=kept,
        so_far=so_far,
        chart=chart,
        measured=measured,
        texts=texts,
    )


def confirmation(elem_id: str) -> tuple[gr.Column, gr.HTML, gr.Button, gr.Button]:
    """A question that is asked before something is deleted: (box, question, delete, keep)."""
    with gr.Column(visible=False, elem_id=elem_id, elem_classes="vf-confirm") as box:
        question = gr.HTML(js_on_load=None)
        with gr.Row(elem_classes="vf-buttons"):
            really = gr.Button("Delete", size="sm", variant="stop")
            keep = gr.Button("Keep it", size="sm")
    return box, question, really, keep


def read_profile(
    name: str,
    description: str,
    tuned: tuple[Tuned, ...],
    method: str,
    strength: float,
    own: Own,
    places: str,
) -> Profile:
    """The profile that the panel asks for: its targets times the overall ``strength`` in percent,
    so that a reply is stored with what it was steered by. A slider at 0 is no target.

    ``places``: where the sliders stand, in the order of ``ProfilePanel.sliders``, as JSON. What was
    ``tuned`` stays with it, and holds again when the sliders are where they were. Raises
    ProfileError, and ValueflowError for places that no page would tell.
    """
    targets = _placed(places)
    known, others = targets[: len(STEERED)], targets[len(STEERED) :]
    chosen = {v: float(t) for v, t in zip(STEERED, known, strict=True) if t}
    profile = Profile(
        name=(name or "").strip() or NAMELESS,
        description=description,
        method=method,  # type: ignore[arg-type]  # Profile checks it
        targets={**chosen, **own.targets(others)},
        tuned=tuned,
    )
    return _moved(profile.scaled(strength / 100)) if strength != 100 else profile


def _placed(places: str) -> list[float]:
    """The sliders' numbers; those that the page has not heard of stand at 0."""
    try:
        told = [float(place) for place in json.loads(places)]
    except (TypeError, ValueError, RecursionError):
        raise ValueflowError("The page asked for something unknown: reload it.") from None
    return told + [0.0] * (len(STEERED) + SLIDERS - len(told))


def _moved(profile: Profile) -> Profile:
    """Without the targets that came to 0."""
    return replace(profile, targets={v: t for v, t in profile.targets.items() if t})
