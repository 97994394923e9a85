"""Values in a person's own words on the profile panel: a box to write one, and their sliders.

Gradio's components are made once, so a few sliders wait unseen for words. A profile may hold more
of such values than there are sliders (a file can); those keep their targets and are not shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from chat_app.ui.text import escape, plain_as_markdown
from chat_app.values.custom import custom_words, is_custom

SLIDERS = 6
# Where a new value's slider stands: at 0 it would be no target.
FIRST = 6
_PLAIN = "A value in your own words."


@dataclass(frozen=True)
class Own:
    """Which values have a slider, in the sliders' order, and the targets of those that have none.

    ``meanings``: {value: one sentence}, for those whose meaning was looked up on this page.
    """

    shown: tuple[str, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)

    def targets(self, intensities: Sequence[float]) -> dict[str, float]:
        """The targets of sliders that stand at ``intensities``, then the others."""
        moved = {v: float(t) for v, t in zip(self.shown, intensities, strict=False) if t}
        return {**moved, **self.others}


@dataclass(frozen=True)
class OwnValues:
    """The components: the words' box, what was made of them, the sliders, and which is whose."""

    words: gr.Textbox
    note: gr.HTML
    own: gr.State
    sliders: tuple[gr.Slider, ...]

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` changes."""
        return [self.own, self.note, *self.sliders]

    def show(self, own: Own, targets: Mapping[str, float], note: str = "") -> dict[Any, Any]:
        """The updates that put the values of ``own`` on the sliders, at their ``targets``."""
        updates: dict[Any, Any] = {self.own: own, self.note: note_html(note)}
        for i, slider in enumerate(self.sliders):
            if i < len(own.shown):
                value = own.shown[i]
                updates[slider] = gr.Slider(
                    value=targets.get(value, 0),
                    label=custom_words(value),
                    info=plain_as_markdown(own.meanings.get(value, _PLAIN)),
                    visible=True,
                )
            else:
                updates[slider] = gr.Slider(value=0, visible=False)
        return updates


def own_of(targets: Mapping[str, float], known: Own | None = None) -> Own:
    """``targets``' values in one's own words, as many as fit on sliders; meanings as ``known``."""
    custom = [value for value in targets if is_custom(value)]
    others = {value: targets[value] for value in custom[SLIDERS:]}
    return Own(tuple(custom[:SLIDERS]), others, known.meanings if known else {})


def own_slider_id(place: int) -> str:
    """The element of the slider at ``place``, from 0."""
    return f"vf-own-{place}"


def note_html(text: str, *, wrong: bool = False) -> str:
    """A sentence under the box, "" for none."""
    kind = " vf-wrong" if wrong else ""
    return f'<p class="vf-own-note{kind}" role="status">{escape(text)}</p>' if text else ""


def build_own_values() -> OwnValues:
    """Lay the box and its sliders out in the current context."""
    words = gr.Textbox(
        label="In your own words",
        placeholder="Your own value, such as living simply",
        max_lines=1,
        max_length=200,
        submit_btn="Add",
        elem_id="vf-own",
        elem_classes="vf-offer",
    )
    note = gr.HTML("", elem_id="vf-own-note", js_on_load=None)
    sliders = tuple(
        gr.Slider(
            -10,
            10,
            value=0,
            step=1,
            label=f"Own value {i + 1}",
            info=_PLAIN,
            buttons=[],
            visible=False,
            elem_id=own_slider_id(i),
            elem_classes="vf-slider",
        )
        for i in range(SLIDERS)
    )
    return OwnValues(words, note, gr.State(Own()), sliders)
