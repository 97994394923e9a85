"""The Trends page: what replies came to, over a conversation or over all that are stored."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.trends import choices, csv_of, lines, summaries
from chat_app.db.trends import Which
from chat_app.errors import ValueflowError
from chat_app.ui.guard import guarded
from chat_app.ui.hidden import hidden_text
from chat_app.ui.pages.frame import empty_html, frame
from chat_app.ui.pages.trends_html import lines_html, summaries_html
from chat_app.ui.services import Services

_ALL, _ANY = "", ""
_TIMES = [("All time", 0), ("Last 24 hours", 1), ("Last 7 days", 7), ("Last 30 days", 30)]
_EMPTY = empty_html(
    "Nothing is measured yet",
    "Ask for some values at the right of the Chat page and get a few replies: what they came to "
    "shows here.",
)
_NONE = empty_html("No reply fits", "Widen the choices above: another time, profile or model.")


@dataclass(frozen=True)
class _View:
    conversation: gr.Dropdown
    profile: gr.Dropdown
    model: gr.Dropdown
    time: gr.Dropdown
    values: gr.Radio
    chart: gr.HTML
    csv: gr.Button

    @property
    def filters(self) -> list[Any]:
        return [self.conversation, self.profile, self.model, self.time, self.values]


def build(blocks: gr.Blocks, shared: Services) -> None:
    """Lay the page out in the current context, and wire it."""
    with frame(
        "Trends",
        "What replies came to beside what was asked for: through one conversation, or over all "
        "that you keep.",
    ):
        with gr.Row(elem_id="vf-t-filters"):
            view = _View(
                conversation=_dropdown("Conversation", [("All conversations", _ALL)], _ALL, "talk"),
                profile=_dropdown("Profile", [("Any profile", _ANY)], _ANY, "profile"),
                model=_dropdown("Model", [("Any model", _ANY)], _ANY, "model"),
                time=_dropdown("Time", _TIMES, 0, "time"),
                values=gr.Radio(
                    [("Asked for", "targeted"), ("All measured", "all")],
                    value="targeted",
                    label="Values",
                    elem_id="vf-t-values",
                    elem_classes="vf-segments",
                ),
                chart=gr.HTML("", elem_id="vf-t-chart", js_on_load=None, render=False),
                csv=gr.Button("Download as CSV", size="sm", elem_id="vf-t-csv", render=False),
            )
        view.chart.render()
        view.csv.render()
    asked = hidden_text()
    file = hidden_text()
    _wire(blocks, shared, view, asked, file)


def _dropdown(label: str, options: list[Any], value: Any, name: str) -> gr.Dropdown:
    return gr.Dropdown(options, value=value, label=label, interactive=True, elem_id=f"vf-t-{name}")


def _wire(
    blocks: gr.Blocks, shared: Services, view: _View, asked: gr.Textbox, file: gr.Textbox
) -> None:
    database = shared.studio.database

    def open_first(conversation: str) -> dict[Any, Any]:
        known = choices(database)
        talks = [(title or "New conversation", id) for id, title in known.conversations]
        if conversation and conversation not in (id for _, id in talks):
            title = open_conversation(database, conversation).title
            talks.insert(0, (title, conversation))
        return {
            view.conversation: gr.Dropdown(
                choices=[("All conversations", _ALL), *talks], value=conversation or _ALL
            ),
            view.profile: gr.Dropdown(choices=[("Any profile", _ANY), *_same(known.profiles)]),
            view.model: gr.Dropdown(choices=[("Any model", _ANY), *_same(known.models)]),
            view.chart: draw(conversation, _ANY, _ANY, 0, "targeted"),
        }

    def draw(conversation: str, *others: Any) -> str:
        which = _which(conversation, *others)
        if conversation and not (which.profile or which.model or which.since):
            found = lines(database, conversation, targeted=which.targeted)
            return lines_html(found) if found else _NONE
        summed = summaries(database, which)
        if summed:
            return summaries_html(summed)
        narrowed = conversation or which.profile or which.model or which.since
        return _NONE if narrowed else _EMPTY

    def save(*filters: Any) -> str:
        text = csv_of(database, _which(*filters))
        return json.dumps({"name": "valueflow-scores.csv", "type": "text/csv", "text": text})

    blocks.load(
        guarded(open_first),
        asked,
        [view.conversation, view.profile, view.model, view.chart],
        js="() => new URLSearchParams(location.search).get('c') || ''",
        show_progress="hidden",
    )
    for control in view.filters:
        control.input(guarded(draw), view.filters, view.chart, show_progress="hidden")
    view.csv.click(guarded(save), view.filters, file, show_progress="hidden")
    file.change(None, file, None, js="(file) => valueflow.download(file)")


def _which(conversation: str, profile: str, model: str, days: int, values: str) -> Which:
    if days not in (days for _, days in _TIMES):
        raise ValueflowError("There is no such time to choose.")
    since = datetime.now(UTC) - timedelta(days=days) if days else None
    return Which(conversation or None, profile or None, model or None, since, values == "targeted")


def _same(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((name, name) for name in names)
