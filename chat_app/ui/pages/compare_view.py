"""The components of the Compare page, and what they show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from chat_app.chat.compare import FEWEST, MOST, Column, Comparison
from chat_app.chat.presets import PRESETS
from chat_app.chat.profiles import list_profiles, load_profile
from chat_app.db.database import Database
from chat_app.errors import ValueflowError
from chat_app.llm.thinking import told_apart
from chat_app.ui.chips import Chip, chips_html, summary_html, value_words
from chat_app.ui.examples import EXAMPLES
from chat_app.ui.guard import Tab
from chat_app.ui.hidden import hidden_text
from chat_app.ui.pages.compare_table import LETTERS, notes_of, table_html
from chat_app.ui.text import escape, markdown_without_html
from chat_app.ui.thought import thought_html
from chat_app.values.profile import Profile

LOADED = ("The loaded one", "")
UNSTEERED = Profile("Unsteered", {}, method="none")
# What the columns begin with: something to see the others against, and two that differ.
_FIRST = ("", "Caring friend", "Blunt coach", "Cautious planner")
_METHODS = [
    ("As saved", ""),
    ("Vector", "vector"),
    ("Prompt", "prompt"),
    ("Both", "vector+prompt"),
    ("Texts", "exemplar"),
]


@dataclass(frozen=True)
class ColumnView:
    """One column: what it asks under, its reply, what is said below it."""

    box: gr.Column
    profile: gr.Dropdown
    method: gr.Dropdown
    model: gr.Dropdown
    wishes: gr.HTML
    reply: gr.Column
    thought: gr.HTML
    text: gr.Markdown
    foot: gr.HTML
    keep: gr.Button

    def show(self, column: Column) -> dict[Any, Any]:
        """The updates that show a stored reply."""
        if column.status == "writing" and not column.text:
            return self.wait("Thinking")
        thought = thought_html(
            column.thought, seconds=column.thought_s, message_id=column.message_id
        )
        chips = [
            Chip(
                label=value_words(value),
                target=target,
                intensity=s.intensity if (s := column.scores.get(value)) else None,
                stderr=s.stderr if s else None,
            )
            for value, target in column.profile.targets.items()
            if column.text.strip() and column.status != "writing"
        ]
        made = (
            f"{column.model or 'no model'} · seed {column.seed}" if column.seed is not None else ""
        )
        foot = chips_html(chips, notes_of(column))
        return {
            self.reply: gr.Column(visible=True),
            self.text: markdown_without_html(column.text),
            self.thought: thought,
            self.foot: f'{foot}<p class="vf-made">{escape(made)}</p>',
            self.keep: gr.Button(visible=column.status != "writing" and bool(column.text.strip())),
        }

    def grow(self, text: str) -> dict[Any, Any]:
        """The update of a reply that is being written."""
        said = told_apart(text, growing=True)
        if not said.reply:
            return self.wait("Thinking")
        return {self.text: markdown_without_html(said.reply), self.thought: "", self.foot: ""}

    def wait(self, words: str) -> dict[Any, Any]:
        """The updates while nothing is there yet; ``words`` say why."""
        dots = '<span class="vf-pulse"><i></i><i></i><i></i></span>'
        return {
            self.reply: gr.Column(visible=True),
            self.thought: "",
            self.text: "",
            self.foot: f'<div class="vf-loading" role="status">{dots} {escape(words)}</div>',
            self.keep: gr.Button(visible=False),
        }


@dataclass(frozen=True)
class CompareView:
    """The components that events read and change. ``question_id``: what is shown, "" for
    nothing; ``kept``: the conversation to go to."""

    tab: gr.State
    question_id: gr.Textbox
    kept: gr.Textbox
    box: gr.Textbox
    count: gr.Radio
    same_seed: gr.Checkbox
    seed: gr.Textbox
    columns: tuple[ColumnView, ...]
    tries: gr.Column
    examples: tuple[gr.Button, ...]
    table: gr.HTML

    @property
    def settings(self) -> list[Any]:
        """The seed's two fields, how many columns, each one's model, and what ``chosen`` takes."""
        models = [column.model for column in self.columns]
        each = [part for column in self.columns for part in (column.profile, column.method)]
        return [self.same_seed, self.seed, self.count, *models, *each]

    @property
    def asking(self) -> list[Any]:
        """Every component that ``restore`` changes."""
        parts = [(c.box, c.profile, c.method, c.model, c.wishes) for c in self.columns]
        return [self.count, *(part for each in parts for part in each)]

    def restore(
        self, database: Database, found: Comparison, models: Sequence[str]
    ) -> dict[Any, Any]:
        """The updates that ask again what was asked: as many columns, their profiles, and their
        ``models`` (sources, "" for the one that is loaded).

        A profile that is not kept under its name any more leaves its field empty.
        """
        count = max(FEWEST, len(found.columns))
        updates: dict[Any, Any] = {self.count: count}
        for i, view in enumerate(self.columns):
            updates[view.box] = gr.Column(visible=i < count)
        kept = {value for _, value in choices(database)}
        for view, column, source in zip(self.columns, found.columns, models, strict=False):
            profile, name = column.profile, column.profile.name
            updates |= {view.wishes: wishes_html(profile), view.model: source}
            if not profile.targets:
                updates |= {view.profile: "", view.method: ""}
            elif name in kept:
                own = load_profile(database, name).method == profile.method
                updates |= {view.profile: name, view.method: "" if own else profile.method}
            else:
                updates |= {view.profile: None, view.method: ""}
        return updates

    @property
    def shown(self) -> list[Any]:
        """Every component that ``show`` and a run change."""
        parts = [(c.reply, c.thought, c.text, c.foot, c.keep) for c in self.columns]
        own = [self.question_id, self.box, self.table, self.tries]
        return [*own, *(part for each in parts for part in each)]

    def show(self, found: Comparison) -> dict[Any, Any]:
        """The updates that show what is stored."""
        updates: dict[Any, Any] = {
            self.question_id: found.question_id,
            self.table: table_html(found),
            self.tries: gr.Column(visible=False),
        }
        for view, column in zip(self.columns, found.columns, strict=False):
            updates |= view.show(column)
        for view in self.columns[len(found.columns) :]:
            updates[view.reply] = gr.Column(visible=False)
        return updates


def chosen(database: Database, count: int, *fields: str) -> list[Profile]:
    """The profiles that the first ``count`` columns name. ``fields``: (profile, method) of each.

    Raises UnknownProfile for one that was deleted meanwhile.
    """
    profiles = []
    for name, method in list(zip(fields[::2], fields[1::2], strict=True))[:count]:
        profile = load_profile(database, name) if name else UNSTEERED
        if method and profile.targets:
            profile = replace(profile, method=method)  # type: ignore[arg-type]  # Profile checks it
        profiles.append(profile)
    return profiles


def seed_of(words: str) -> int | None:
    """The seed that somebody wrote; None for a random one. Raises ValueflowError for no number."""
    if not (words := words.strip()):
        return None
    if not (words.isascii() and words.isdigit()):
        raise ValueflowError("The seed is a whole number, 0 or above; leave it empty for any.")
    return int(words)


def choices(database: Database) -> list[tuple[str, str]]:
    """What a column may ask under: nothing, the saved profiles, those that come with us."""
    saved = [each.name for each in list_profiles(database)]
    given = [each.name for each in PRESETS if each.name not in saved]
    return [("Unsteered", ""), *((name, name) for name in (*saved, *given))]


def wishes_html(profile: Profile) -> str:
    """The targets of a column, in one line."""
    if not profile.targets:
        return '<p class="vf-summary vf-none">As the model is by itself.</p>'
    return summary_html({value_words(v): t for v, t in profile.targets.items() if t})


def lay_out() -> CompareView:
    """Make the components in the current context."""
    question_id = hidden_text("vf-question-id")
    kept = hidden_text("vf-kept")
    box = gr.Textbox(
        show_label=False,
        label="Your question",
        placeholder="Ask one question of all columns",
        lines=1,
        max_lines=6,
        submit_btn="Compare",
        elem_id="vf-compare-box",
        elem_classes="vf-ask",
    )
    with gr.Row(elem_classes="vf-options"):
        count = gr.Radio(
            [(str(n), n) for n in range(FEWEST, MOST + 1)],
            value=3,
            label="Columns",
            elem_id="vf-count",
            elem_classes="vf-segments",
        )
        same_seed = gr.Checkbox(
            value=True,
            label="Same luck in each column",
            info="One seed for all, so that they differ by their profile alone.",
            elem_id="vf-same-seed",
        )
        seed = gr.Textbox(
            label="Seed",
            placeholder="random",
            max_lines=1,
            max_length=10,
            elem_id="vf-seed",
            elem_classes="vf-plain",
        )
    with gr.Row(elem_classes="vf-columns", elem_id="vf-columns"):
        columns = tuple(_column(i, shown=i < 3) for i in range(MOST))
    with gr.Column(elem_classes="vf-tries") as tries:
        gr.HTML(
            '<p class="vf-hint">Choose a profile for each column, write a question and press '
            "Compare. Or try one of these:</p>",
            js_on_load=None,
        )
        with gr.Row(elem_classes="vf-try-row"):
            examples = tuple(
                gr.Button(each.question, size="sm", elem_classes="vf-try") for each in EXAMPLES
            )
    table = gr.HTML("", js_on_load=None, elem_id="vf-compared")
    return CompareView(
        gr.State(Tab()), question_id, kept, box, count, same_seed, seed, columns, tries, examples,
        table,
    )  # fmt: skip


def _column(number: int, *, shown: bool) -> ColumnView:
    letter, first = LETTERS[number], _FIRST[number]
    names: Sequence[tuple[str, str]] = [("Unsteered", ""), *((p.name, p.name) for p in PRESETS)]
    preset = next((each for each in PRESETS if each.name == first), UNSTEERED)
    with gr.Column(
        visible=shown, elem_id=f"vf-column-{number}", elem_classes="vf-column", min_width=240
    ) as box:
        with gr.Column(elem_classes="vf-column-head"):
            with gr.Row(elem_classes="vf-asks"):
                profile = gr.Dropdown(
                    list(names),
                    value=first,
                    label=f"{letter} · profile",
                    interactive=True,
                    elem_classes="vf-plain",
                    min_width=120,
                    scale=3,
                )
                method = gr.Dropdown(
                    list(_METHODS),
                    value="",
                    label="Steer by",
                    interactive=True,
                    elem_classes="vf-plain",
                    min_width=90,
                    scale=2,
                )
            model = gr.Dropdown(
                [LOADED],
                value="",
                label=f"{letter} · model",
                interactive=True,
                visible=False,
                elem_classes="vf-plain vf-compare-model",
            )
            wishes = gr.HTML(wishes_html(preset), js_on_load=None)
        with gr.Column(visible=False, elem_classes="vf-answer") as reply:
            thought = gr.HTML("", js_on_load=None)
            text = gr.Markdown(
                "",
                sanitize_html=True,
                latex_delimiters=[],
                line_breaks=True,
                elem_classes="vf-said",
            )
            foot = gr.HTML("", js_on_load=None)
            keep = gr.Button(
                f"Keep {letter} and go on",
                size="sm",
                visible=False,
                elem_id=f"vf-keep-{number}",
                elem_classes="vf-keep",
            )
    return ColumnView(box, profile, method, model, wishes, reply, thought, text, foot, keep)
