"""One question under several profiles, or to several models, each reply a branch below it.

    compare -> one question stored -> a thread a column: send.regenerate -> merged as they come

So every reply is stored, described, hashed and scored as any other, and the chat shows them as
versions of one another. Columns of one model that stand side by side are written side by side,
the question read once. Another model than the chat's is loaded beside it for its columns, and its
memory given back before the next one is.
"""

import queue
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from chat_app.chat.conversations import (
    ScoreView,
    latest_scores,
    said_in,
    set_profile,
    show_branch,
    storable,
    stored_profile,
    title_from,
)
from chat_app.chat.model_library import details, library
from chat_app.chat.rows import add_question
from chat_app.chat.sampling import default_sampling
from chat_app.chat.scoring import score_message
from chat_app.chat.send import Event, regenerate
from chat_app.db.conversations import get_message, scores_of, tree
from chat_app.db.database import Database
from chat_app.db.tables import Conversation, Message, Score, new_id
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.llm.facts import display_name, model_header, model_sha256
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

FEWEST, MOST = 2, 4


@dataclass(frozen=True)
class Heard:
    """What happened in a column, the first being 0: send's Started, Delta or Finished."""

    column: int
    event: Event


@dataclass(frozen=True)
class Column:
    """A stored reply to the question, with its scores for the values of all columns."""

    message_id: str
    profile: Profile
    text: str
    status: str
    finish: str | None
    error: str | None
    notes: tuple[str, ...]
    seed: int | None
    model: str | None
    scores: Mapping[str, ScoreView]
    thought: str | None = None
    thought_s: float | None = None
    thinking: bool = False

    @property
    def gap(self) -> float | None:
        """Mean distance of measured from target, in intensity units; None where none is known."""
        gaps = [
            abs(self.scores[value].intensity - target)
            for value, target in self.profile.targets.items()
            if value in self.scores
        ]
        return sum(gaps) / len(gaps) if gaps else None


@dataclass(frozen=True)
class Comparison:
    """A question and the replies to it, in the order in which they were asked for."""

    conversation_id: str
    question_id: str
    question: str
    columns: tuple[Column, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """Every value that a column targets, in the columns' order."""
        return tuple(dict.fromkeys(v for c in self.columns for v in c.profile.targets))

    @property
    def of_models(self) -> bool:
        """Whether the columns were written by several models."""
        return len({column.model for column in self.columns if column.model}) > 1

    @property
    def writing(self) -> bool:
        return any(column.status == "writing" for column in self.columns)

    def closest(self, value: str) -> frozenset[int]:
        """The columns that came closest to their target of ``value``, where two or more have one
        and are measured; those that are as close to within 0.05 share it."""
        return _smallest(
            {
                i: abs(column.scores[value].intensity - column.profile.targets[value])
                for i, column in enumerate(self.columns)
                if value in column.profile.targets and value in column.scores
            }
        )

    @property
    def best(self) -> frozenset[int]:
        """The columns whose values lie closest to what was asked of them on average."""
        gaps = {i: column.gap for i, column in enumerate(self.columns)}
        return _smallest({i: gap for i, gap in gaps.items() if gap is not None})


def compare(
    studio: "Studio",
    text: str,
    profiles: Sequence[Profile],
    *,
    models: Sequence[str] = (),
    seed: int | None = None,
    same_seed: bool = True,
    cancel: threading.Event | None = None,
) -> Generator[Heard, None, None]:
    """Ask ``text`` under each of ``profiles`` in a new conversation; what each column says, as it
    comes. First the Started of all columns of a model, then their Delta and Finished.

    ``models``: the source of each column's model, "" for the one that is loaded, as is the rest.
    ``seed``: of the first column, and of the others where it is the ``same_seed``; else each next
    one has a seed higher by 1. None takes a random one. ``cancel`` stops every column, and so
    does closing the iterator. Raises ValueflowError for an empty question or too few profiles.
    """
    words = storable(text).strip()
    if not words:
        raise ValueflowError("The question is empty: write one first.")
    if not FEWEST <= len(profiles) <= MOST:
        raise ValueflowError(f"Compare {FEWEST} to {MOST} profiles, not {len(profiles)}.")
    cancel = cancel or threading.Event()
    sources = [*models, *[""] * len(profiles)][: len(profiles)]
    for source in dict.fromkeys(sources):
        _check_room(studio, source)
    first = default_sampling(studio.settings, seed=seed)
    with studio.database.write() as session:
        conversation = Conversation(id=new_id(), title=title_from(words))
        session.add(conversation)
        question = add_question(session, conversation, None, words, profiles[0])
    asked = [
        Asked(
            i,
            question.id,
            profile,
            default_sampling(studio.settings, seed=first.seed + (0 if same_seed else i)),
        )
        for i, profile in enumerate(profiles)
    ]
    for source, columns in groupby(asked, key=lambda each: sources[each.column]):
        if cancel.is_set():
            return
        with _speaking(studio, source) as speaker:
            yield from _written(speaker, list(columns), cancel)


@dataclass(frozen=True)
class Asked:
    """What a column is asked, before there is a reply."""

    column: int
    question_id: str
    profile: Profile
    sampling: Sampling


@contextmanager
def _speaking(studio: "Studio", source: str) -> Iterator["Studio"]:
    """``studio``, or one with the model ``source`` for the while, with the same database."""
    if source in ("", studio.settings.model):
        yield studio
        return
    other = studio.with_model(source)
    try:
        yield other.at(studio.database)
    finally:
        other.close()


def _check_room(studio: "Studio", source: str) -> None:
    """Raises ValueflowError where there is no model ``source``, or no memory for it beside the one
    that is loaded."""
    if source in ("", studio.settings.model):
        return
    found = details(studio.settings, source)
    if found.warning:
        raise ValueflowError(f"{found.name} cannot be loaded beside the other. {found.warning}")


def _written(studio: "Studio", asked: Sequence[Asked], cancel: threading.Event) -> Iterator[Heard]:
    """The events of columns of one model, side by side."""
    replies = {
        each.column: regenerate(
            studio, each.question_id, each.profile, sampling=each.sampling, cancel=cancel
        )
        for each in asked
    }
    # One after the other, so that the branches are stored in the columns' order.
    for column, reply in replies.items():
        yield Heard(column, next(reply))
    yield from _merged(replies, cancel)


def _merged(
    replies: Mapping[int, Generator[Event, None, None]], cancel: threading.Event
) -> Iterator[Heard]:
    """The events of ``replies``, each read by a thread of its own."""
    heard: queue.SimpleQueue[Heard | BaseException | None] = queue.SimpleQueue()

    def read(column: int) -> None:
        try:
            for event in replies[column]:
                heard.put(Heard(column, event))
            heard.put(None)
        except BaseException as error:
            heard.put(error)

    threads = [
        threading.Thread(target=read, args=(i,), name=f"column {i}", daemon=True) for i in replies
    ]
    for thread in threads:
        thread.start()
    failed: BaseException | None = None
    ended = False
    try:
        running = len(threads)
        while running:
            item = heard.get()
            if isinstance(item, Heard):
                yield item
                continue
            running -= 1
            failed = failed or item
        ended = True
    finally:
        if not ended:
            cancel.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed


def comparison(database: Database, question_id: str) -> Comparison:
    """What is stored of the replies to a question. Raises DatabaseError where there is none."""
    with database.read() as session:
        question = get_message(session, question_id)
        if question.role != "user":
            raise ValueflowError("Only the replies to a question can be compared.")
        found = [
            message
            for message in tree(session, question.conversation_id)
            if message.parent_id == question.id
        ]
        scores = scores_of(session, [message.id for message in found])
    return Comparison(
        conversation_id=question.conversation_id,
        question_id=question.id,
        question=question.text,
        columns=tuple(_column(message, scores[message.id]) for message in found[:MOST]),
    )


def _column(message: Message, scores: Sequence[Score]) -> Column:
    profile, said = stored_profile(message), said_in(message)
    return Column(
        message_id=message.id,
        profile=profile,
        text=said.reply,
        status=message.status,
        finish=message.finish,
        error=message.error,
        notes=tuple((message.steering or {}).get("notes", ())),
        seed=message.seed,
        model=message.model_name,
        scores={score.value: score for score in latest_scores(scores, profile.targets)},
        thought=said.thought,
        thought_s=(message.timings or {}).get("thought_s"),
        thinking=said.thinking,
    )


def unscored(found: Comparison) -> list[str]:
    """The replies that lack a score for a value of any column, so that the table has it."""
    return [
        column.message_id
        for column in found.columns
        if column.status != "writing" and column.text.strip()
        if set(found.values) - column.scores.keys()
    ]


def score_columns(studio: "Studio", question_id: str) -> Iterator[Comparison]:
    """Measure every column for every value that any of them targets; what is known after each.

    An unsteered column is measured too: it is what the others are seen against. Columns of several
    models are all measured by the encoder for texts from anywhere.
    """
    found = comparison(studio.database, question_id)
    by_hives = studio.settings.ranker == "hives"
    same = studio.texts_evaluator if found.of_models and by_hives else None
    for message_id in unscored(found):
        score_message(studio, message_id, found.values, same)
        yield comparison(studio.database, question_id)


def keep(database: Database, message_id: str) -> str:
    """Make a column's reply the one that its conversation goes on from, with its profile; the
    conversation's id. The other columns stay beside it."""
    with database.read() as session:
        message = get_message(session, message_id)
    conversation_id = show_branch(database, message_id)
    set_profile(database, conversation_id, stored_profile(message))
    return conversation_id


def speaker_of(studio: "Studio", message_id: str) -> str | None:
    """The source of the model that wrote a column, where it is not the one that is loaded.

    Raises ValueflowError where it is not on this computer any more.
    """
    with studio.database.read() as session:
        message = get_message(session, message_id)
    sha256, name = message.model_sha256, message.model_name or ""
    if sha256 is None or sha256 == studio.model.info.sha256:
        return None
    # By name first: the checksum of a large file takes a while, where it is not known yet.
    for found in sorted(library(studio.settings), key=lambda each: each.path.stem != name):
        if model_sha256(found.path, studio.settings.cache_dir) == sha256:
            return found.source
    raise ValueflowError(
        f"The model {name} is not on this computer any more, so the talk cannot go on with it."
    )


def speakers(studio: "Studio", found: Comparison) -> tuple[str, ...]:
    """The source of each column's model, found by its name; "" for the one that is in use, and
    where none of that name is on this computer any more."""
    here = sorted(library(studio.settings), key=lambda each: each.in_use)
    names = {display_name(model_header(m.path)): "" if m.in_use else m.source for m in here}
    return tuple(names.get(column.model or "", "") for column in found.columns)


def _smallest(gaps: Mapping[int, float]) -> frozenset[int]:
    if len(gaps) < 2:
        return frozenset()
    least = min(gaps.values())
    return frozenset(i for i, gap in gaps.items() if gap <= least + 0.05)
