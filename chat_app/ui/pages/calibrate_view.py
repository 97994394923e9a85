"""The components of the Calibrate page, and what they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.trials import builtin_prompts
from chat_app.ui.profile_panel import confirmation
from chat_app.ui.text import escape
from chat_app.values.taxonomy import STEERED, THEORIES, get_value

METHODS = [
    ("Vector", "vector"),
    ("Prompt", "prompt"),
    ("Both", "vector+prompt"),
    ("Texts", "exemplar"),
]
METHOD_NAMES = {method: name for name, method in METHODS}
QUICK = 12  # questions


@dataclass(frozen=True)
class NewCalibration:
    """What is to be measured: a box of values a theory, the method, the questions."""

    values: Mapping[str, gr.CheckboxGroup]
    method: gr.Radio
    replies: gr.Radio
    questions: gr.Radio
    own: gr.Textbox
    estimate: gr.HTML
    speed: gr.Button
    start: gr.Button

    @property
    def inputs(self) -> list[Any]:
        """What ``read_plan`` takes."""
        return [self.method, self.replies, self.questions, self.own, *self.values.values()]


@dataclass(frozen=True)
class Progress:
    """The run under way: visible while there is one, and after it until the page is left."""

    box: gr.Column
    news: gr.HTML
    stop: gr.Button
    value: gr.Dropdown
    plot: gr.Plot
    timer: gr.Timer


@dataclass(frozen=True)
class Shelf:
    """The calibrations that are kept, and the one that is open.

    ``id``: the open one's, "" for none; the list itself may name one that was deleted meanwhile,
    which Gradio would refuse to hand on.
    """

    empty: gr.HTML
    list: gr.Radio
    id: gr.State
    opened: gr.Column
    facts: gr.HTML
    value: gr.Dropdown
    said: gr.HTML
    plot: gr.Plot
    ranges: gr.Plot
    resume: gr.Button
    delete: gr.Button
    confirm: gr.Column
    question: gr.HTML
    really: gr.Button
    keep: gr.Button


def section(title: str, words: str) -> None:
    """A part's heading and one sentence."""
    gr.HTML(
        f'<h2 class="vf-section">{escape(title)}</h2><p class="vf-hint">{escape(words)}</p>',
        js_on_load=None,
    )


def build_new() -> NewCalibration:
    """Lay out what is chosen before a run."""
    section(
        "Measure",
        "Each value is asked for at several doses, and every reply is scored. A curve through "
        "them then turns the intensities you set into doses.",
    )
    with gr.Row(elem_classes="vf-picks"):
        values = {
            theory: gr.CheckboxGroup(
                [(get_value(v).label, v) for v in STEERED if get_value(v).theory == theory],
                label=THEORIES[theory].label,
                show_select_all=True,
                elem_id=f"vf-pick-{theory}",
                elem_classes="vf-pick",
                min_width=200,
            )
            for theory in THEORIES
        }
    with gr.Row(elem_classes="vf-options"):
        method = gr.Radio(
            METHODS, value="vector", label="Steer by", elem_id="vf-cal-method",
            elem_classes="vf-segments",
        )  # fmt: skip
        questions = gr.Radio(
            [
                (f"All {len(builtin_prompts())}", "all"),
                (f"{QUICK}, quick and rough", "quick"),
                ("My own", "own"),
            ],
            value="all",
            label="Questions at each dose",
            elem_id="vf-questions",
            elem_classes="vf-segments",
        )
        replies = gr.Radio(
            [("1", 1), ("2", 2), ("3", 3)],
            value=1,
            label="Replies to each question",
            elem_id="vf-replies",
            elem_classes="vf-segments",
        )
    own = gr.Textbox(
        label="My questions, one a line, five at least",
        lines=6,
        max_lines=14,
        max_length=40_000,
        visible=False,
        elem_id="vf-own-questions",
        elem_classes="vf-plain",
    )
    estimate = gr.HTML("", js_on_load=None, elem_id="vf-estimate")
    with gr.Row(elem_classes="vf-go"):
        start = gr.Button("Start", variant="primary", size="md", elem_id="vf-cal-start")
        speed = gr.Button("How long will it take?", size="md", elem_id="vf-cal-speed")
    return NewCalibration(values, method, replies, questions, own, estimate, speed, start)


def build_progress() -> Progress:
    """Lay out the run under way, hidden."""
    with gr.Column(visible=False, elem_id="vf-running", elem_classes="vf-card") as box:
        news = gr.HTML("", js_on_load=None, elem_id="vf-cal-news")
        with gr.Row(elem_classes="vf-go"):
            value = gr.Dropdown(
                [("The one being measured", "")],
                value="",
                label="Show the curve of",
                interactive=True,
                elem_id="vf-live-value",
                elem_classes="vf-plain",
            )
            stop = gr.Button("Stop", size="md", elem_id="vf-cal-stop")
        plot = gr.Plot(show_label=False, label="Curve so far", elem_id="vf-live-plot")
    return Progress(box, news, stop, value, plot, gr.Timer(1.0))


def build_shelf() -> Shelf:
    """Lay out what is kept."""
    section("Kept", "Open one to see its curves. The chat goes by the latest that fits its model.")
    empty = gr.HTML(
        '<p class="vf-hint">Nothing is measured yet: choose values above and press Start.</p>',
        visible=False,
        js_on_load=None,
    )
    chosen = gr.Radio(
        [],
        label="Calibrations",
        show_label=False,
        elem_id="vf-calibrations",
        elem_classes="vf-list",
        visible=False,
        interactive=True,
    )
    with gr.Column(visible=False, elem_id="vf-opened", elem_classes="vf-card") as opened:
        facts = gr.HTML("", js_on_load=None)
        with gr.Row(elem_classes="vf-go"):
            value = gr.Dropdown(
                [], label="Show the curve of", interactive=True, elem_id="vf-cal-value",
                elem_classes="vf-plain",
            )  # fmt: skip
            resume = gr.Button("Resume", variant="primary", size="md", elem_id="vf-cal-resume")
            delete = gr.Button("Delete", size="md", elem_id="vf-cal-delete")
        confirm, question, really, keep = confirmation("vf-confirm-calibration")
        said = gr.HTML("", js_on_load=None, elem_id="vf-cal-said")
        plot = gr.Plot(show_label=False, label="Curve", elem_id="vf-cal-plot")
        ranges = gr.Plot(show_label=False, label="In reach", elem_id="vf-cal-ranges")
    return Shelf(
        empty, chosen, gr.State(""), opened, facts, value, said, plot, ranges, resume, delete,
        confirm, question, really, keep,
    )  # fmt: skip
