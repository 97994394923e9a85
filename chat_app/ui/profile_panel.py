"""The right side: the profile that steers the next reply, and the profiles that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.ui.chips import summary_html, value_words
from chat_app.ui.own_values import Own, OwnValues, build_own_values, own_of
from chat_app.ui.text import escape
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED, THEORIES, get_value
from chat_app.values.tuned import Tuned

# Four tabs share some 330 pixels, so each theory goes by one word there.
_TABS = {"svt": "Schwartz", "mft": "Moral", "duty": "Duties", "right": "Rights"}
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
# A profile must have a name; one that nobody named goes by this and leaves the box empty.
NAMELESS = "Unnamed"
UNSTEERED = Profile(name=NAMELESS, targets={})


@dataclass(frozen=True)
class ProfilePanel:
    """The components of the panel; ``sliders`` are in the order of STEERED, and ``changed`` is
    pressed by the page itself, when they have come to rest."""

    saved: gr.Dropdown
    name: gr.Textbox
    description: gr.State
    tuned: gr.State
    method: gr.Radio
    summary: gr.HTML
    tabs: dict[str, gr.Tab]
    sliders: tuple[gr.Slider, ...]
    own: OwnValues
    changed: gr.Button
    clear: gr.Button
    save: gr.Button
    duplicate: gr.Button
    delete: gr.Button
    confirm: gr.Column
    question: gr.HTML
    really: gr.Button
    keep: gr.Button

    @property
    def inputs(self) -> list[Any]:
        """What ``read_profile`` takes, in its order."""
        known = [self.name, self.description, self.tuned, self.method]
        return [*known, self.own.own, *self.sliders, *self.own.sliders]

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [*self.inputs, self.own.note, self.summary, *self.tabs.values()]

    def show(self, profile: Profile) -> dict[Any, Any]:
        """The updates that put ``profile`` on the panel; a value without target stands at 0."""
        values = {
            slider: profile.targets.get(value, 0)
            for value, slider in zip(STEERED, self.sliders, strict=True)
        }
        return {
            self.name: "" if profile.name == NAMELESS else profile.name,
            self.description: profile.description,
            self.tuned: profile.tuned,
            self.method: profile.method,
            **values,
            **self.own.show(own_of(profile.targets), profile.targets),
            **self.summarise(profile.targets),
        }

    def summarise(self, targets: Mapping[str, float]) -> dict[Any, Any]:
        """The summary line, and on each tab how many of its values are targeted."""
        wanted = {value: t for value, t in targets.items() if t}
        labels = {value_words(value): t for value, t in wanted.items()}
        theories = [value.partition("/")[0] for value in wanted]
        counts = {theory: theories.count(theory) for theory in _TABS}
        tabs = {
            tab: gr.Tab(label=_TABS[theory] + (f" · {counts[theory]}" if counts[theory] else ""))
            for theory, tab in self.tabs.items()
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
    name = gr.Textbox(
        label="Name",
        placeholder="Name this profile to save it",
        max_lines=1,
        max_length=80,
        elem_id="vf-profile-name",
    )
    description = gr.State("")
    tuned = gr.State(())
    with gr.Row(elem_classes="vf-buttons"):
        save = gr.Button("Save", size="sm", variant="primary", elem_id="vf-save")
        duplicate = gr.Button("Duplicate", size="sm", elem_id="vf-duplicate")
        delete = gr.Button("Delete", size="sm", elem_id="vf-delete-profile")
    confirm, question, really, keep = confirmation("vf-confirm-profile")
    method = gr.Radio(
        _METHODS,
        value="vector",
        label="Steer by",
        info=_METHOD_HELP,
        elem_id="vf-method",
        elem_classes="vf-segments",
    )
    with gr.Row(elem_classes="vf-target-line"):
        gr.HTML('<h3 class="vf-subheading">Targets</h3>', js_on_load=None)
        clear = gr.Button("Clear all", size="sm", elem_id="vf-clear", elem_classes="vf-quiet")
    changed = gr.Button("Changed", visible="hidden", elem_id="vf-changed")
    summary = gr.HTML(summary_html({}), elem_id="vf-summary", js_on_load=None)
    own = build_own_values()
    tabs, sliders = _build_sliders()
    return ProfilePanel(
        saved=saved,
        name=name,
        description=description,
        tuned=tuned,
        method=method,
        summary=summary,
        tabs=tabs,
        sliders=sliders,
        own=own,
        changed=changed,
        clear=clear,
        save=save,
        duplicate=duplicate,
        delete=delete,
        confirm=confirm,
        question=question,
        really=really,
        keep=keep,
    )


def _build_sliders() -> tuple[dict[str, gr.Tab], tuple[gr.Slider, ...]]:
    tabs: dict[str, gr.Tab] = {}
    sliders: dict[str, gr.Slider] = {}
    with gr.Tabs(elem_id="vf-theories"):
        for theory, short in _TABS.items():
            # Children are rendered at once: a slider must show its value before its tab opens.
            with gr.Tab(short, id=theory, render_children=True) as tabs[theory]:
                gr.HTML(
                    f'<p class="vf-theory">{escape(THEORIES[theory].label)}</p>', js_on_load=None
                )
                for value in (get_value(id) for id in STEERED if get_value(id).theory == theory):
                    sliders[value.id] = gr.Slider(
                        -10,
                        10,
                        value=0,
                        step=1,
                        label=value.label,
                        info=value.definition,
                        buttons=[],
                        elem_id="vf-" + value.id.replace("/", "-"),
                        elem_classes="vf-slider",
                    )
    return tabs, tuple(sliders[value] for value in STEERED)


def confirmation(elem_id: str) -> tuple[gr.Column, gr.HTML, gr.Button, gr.Button]:
    """A question that is asked before something is deleted: (box, question, delete, keep)."""
    with gr.Column(visible=False, elem_id=elem_id, elem_classes="vf-confirm") as box:
        question = gr.HTML(js_on_load=None)
        with gr.Row(elem_classes="vf-buttons"):
            really = gr.Button("Delete", size="sm", variant="stop")
            keep = gr.Button("Keep it", size="sm")
    return box, question, really, keep


def read_profile(
    name: str, description: str, tuned: tuple[Tuned, ...], method: str, own: Own, *targets: float
) -> Profile:
    """The profile that the panel shows; a slider at 0 is no target. Raises ProfileError.

    What was ``tuned`` stays with it, and holds again when the sliders are where they were.
    """
    known, others = targets[: len(STEERED)], targets[len(STEERED) :]
    chosen = {v: float(t) for v, t in zip(STEERED, known, strict=True) if t}
    return Profile(
        name=(name or "").strip() or NAMELESS,
        description=description,
        method=method,  # type: ignore[arg-type]  # Profile checks it
        targets={**chosen, **own.targets(others)},
        tuned=tuned,
    )
