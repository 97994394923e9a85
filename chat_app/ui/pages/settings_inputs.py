"""The inputs of the Settings page: a control for each setting, and what it does in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from chat_app.chat.preferences import Preference
from chat_app.errors import ValueflowError
from chat_app.ui.pages.settings_html import section_html


@dataclass(frozen=True)
class Input:
    """``kind``: "slider" (low, high, step), "number" (low), "switch" or "choice"."""

    label: str
    info: str
    kind: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    optional: str = ""


_RANKERS = [
    ("HIVES: quick, built in", "hives"),
    ("A local model as judge", "llm"),
    ("A judge elsewhere", "remote"),
]

INPUTS: dict[str, Input] = {
    "temperature": Input(
        "Temperature",
        "How freely words are drawn: 0 always takes the likeliest one.",
        "slider", 0, 2, 0.05,
    ),
    "top_p": Input(
        "Top-p", "Draws among the likeliest words that together have this share; 1 is off.",
        "slider", 0, 1, 0.01,
    ),
    "min_p": Input(
        "Min-p", "Leaves out words less likely than this share of the likeliest; 0 is off.",
        "slider", 0, 1, 0.01,
    ),
    "repeat_penalty": Input(
        "Repetition penalty", "Above 1 makes words that were just used less likely.",
        "slider", 0.8, 1.5, 0.01,
    ),
    "top_k": Input("Top-k", "Draws among this many of the likeliest words; 0 is off.", "number", 0),
    "max_tokens": Input(
        "Longest reply", "In tokens, about three quarters of a word each.", "number", 1
    ),
    "seed": Input(
        "Seed",
        "The same seed gives the same reply; leave it empty for another one each time.",
        "number", 0, optional="empty: another each time",
    ),
    "think": Input(
        "Let models think first",
        "Those that can think aloud before a reply. It is slower, and counts towards the longest "
        "reply: give that 2,000 or more.",
        "switch",
    ),
    "scoring": Input(
        "Measure replies by themselves",
        "After each reply, in the background. Off: only where you ask for it under a reply.",
        "switch",
    ),
    "ranker": Input(
        "Measured by",
        "A judge elsewhere gets each reply sent, at the address in VALUEFLOW_JUDGE_URL.",
        "choice",
    ),
    "n_ctx": Input(
        "Context size", "Tokens of one conversation that the model reads.", "number", 64
    ),
    "n_threads": Input(
        "Threads", "Processor cores that write a reply.",
        "number", 1, optional="empty: a good guess",
    ),
    "n_gpu_layers": Input(
        "Layers on the graphics card", "−1: as many as fit; 0: none.", "number", -1
    ),
}  # fmt: skip

_SECTIONS = (
    ("Writing", "Holds from the next reply.", (
        ("temperature", "top_p"), ("min_p", "repeat_penalty"), ("top_k", "max_tokens", "seed"),
        ("think",),
    )),
    ("Measuring", "Holds from the next reply; what is measured already stays.", (
        ("scoring", "ranker"),
    )),
    ("Model", "Holds when the model is loaded next.", (("n_ctx", "n_threads", "n_gpu_layers"),)),
)  # fmt: skip


def build_inputs() -> dict[str, Any]:
    """The controls by name, in the order of INPUTS, laid out in sections."""
    made: dict[str, Any] = {}
    for title, when, lines in _SECTIONS:
        gr.HTML(section_html(title, when), js_on_load=None)
        for names in lines:
            with gr.Row(elem_classes="vf-set-row"):
                for name in names:
                    made[name] = _control(name, INPUTS[name])
    return {name: made[name] for name in INPUTS}


def shown_inputs(inputs: Mapping[str, Any], known: Mapping[str, Preference]) -> dict[Any, Any]:
    """The updates that show the settings as they are; what the environment rules is locked."""
    return {
        control: type(control)(value=known[name].value, interactive=known[name].locked is None)
        for name, control in inputs.items()
    }


def read_inputs(given: Sequence[Any]) -> dict[str, Any]:
    """{name: value} of what the controls hold. Raises ValueflowError for an empty number."""
    read: dict[str, Any] = {}
    for (name, about), value in zip(INPUTS.items(), given, strict=True):
        if value is None and not about.optional:
            raise ValueflowError(f"{about.label} is empty: write a number.")
        whole = about.kind == "number" and value is not None
        read[name] = int(value) if whole else value
    return read


def _control(name: str, about: Input) -> Any:
    common: dict[str, Any] = {
        "label": about.label,
        "info": about.info,
        "elem_id": f"vf-set-{name.replace('_', '-')}",
        "elem_classes": "vf-set-input",
        "interactive": True,
    }
    if about.kind == "slider":
        return gr.Slider(about.low, about.high, step=about.step, buttons=[], **common)
    if about.kind == "number":
        return gr.Number(
            minimum=about.low, precision=0, placeholder=about.optional or None, **common
        )
    if about.kind == "switch":
        return gr.Checkbox(**common)
    return gr.Radio(_RANKERS, **common)
