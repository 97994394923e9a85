"""Measured intensities over time: of one conversation's replies, or of all that are stored."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from chat_app.chat import chain
from chat_app.chat.conversations import open_conversation
from chat_app.chat.export import defused
from chat_app.db import trends as query
from chat_app.db.database import Database
from chat_app.db.trends import Sums, Which
from chat_app.values.taxonomy import STEERED

CELLS = 20  # of one point each
_MOST_CONVERSATIONS = 300
_MOST_ROWS = 20_000

_COLUMNS = query.Row._fields


@dataclass(frozen=True)
class Summary:
    """All replies' intensities for one value: ``cells`` counts them, a point each from -10 up;
    ``spread`` is their standard deviation; ``target``: the mean of what was asked for, with the
    least and the most; ``missed``: the mean distance from it. None where nothing was asked."""

    value: str
    n: int
    mean: float
    spread: float
    cells: tuple[int, ...]
    target: float | None
    targets: tuple[float, float] | None
    missed: float | None


@dataclass(frozen=True)
class Point:
    """One reply's intensity: ``turn`` counts the conversation's replies from 1."""

    turn: int
    target: float | None
    intensity: float
    stderr: float


@dataclass(frozen=True)
class Line:
    """One value through a conversation, with the summary of its points."""

    value: str
    points: tuple[Point, ...]
    replies: int


@dataclass(frozen=True)
class Choices:
    """What there is to filter by: (id, title) of conversations, names of profiles and models."""

    conversations: tuple[tuple[str, str], ...]
    profiles: tuple[str, ...]
    models: tuple[str, ...]


def choices(database: Database) -> Choices:
    with database.read() as session:
        return Choices(
            tuple(query.measured_conversations(session, _MOST_CONVERSATIONS)),
            tuple(query.profile_names(session)),
            tuple(query.model_names(session)),
        )


def summaries(database: Database, which: Which) -> list[Summary]:
    """A summary a value, in the taxonomy's order, a person's own values last."""
    with database.read() as session:
        found = query.sums(session, which)
    groups: dict[str, list[Sums]] = {}
    for each in found:
        groups.setdefault(each.value, []).append(each)
    return [_summary(value, groups[value]) for value in _ordered(groups)]


def lines(database: Database, conversation_id: str, *, targeted: bool = True) -> list[Line]:
    """The values of a conversation through the replies of the branch that is shown.

    Raises DatabaseError where there is no such conversation.
    """
    view = open_conversation(database, conversation_id)
    replies = [message for message in view.messages if message.role == "assistant"]
    found: dict[str, list[Point]] = {}
    for turn, message in enumerate(replies, 1):
        for score in message.scores:
            if targeted and score.target is None:
                continue
            point = Point(turn, score.target, score.intensity, score.stderr)
            found.setdefault(score.value, []).append(point)
    return [Line(value, tuple(found[value]), len(replies)) for value in _ordered(found)]


def csv_of(database: Database, which: Which) -> str:
    """The scores themselves as CSV, the latest replies first, at most 20,000 of them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    with database.read() as session:
        for row in query.rows(session, which, _MOST_ROWS):
            cells = row._replace(
                created=chain.timestamp(row.created),  # type: ignore[arg-type]
                intensity=round(row.intensity, 4),
                stderr=round(row.stderr, 4),
            )
            writer.writerow([defused(c) if isinstance(c, str) else c for c in cells])
    return text.getvalue()


def _summary(value: str, found: Sequence[Sums]) -> Summary:
    n = sum(each.scores for each in found)
    mean = sum(each.total for each in found) / n
    variance = sum(each.squares for each in found) / n - mean**2
    cells = [0] * CELLS
    for each in found:
        cells[each.cell] += each.scores
    asked = sum(each.asked for each in found)
    lowest = [each.lowest_target for each in found if each.lowest_target is not None]
    highest = [each.highest_target for each in found if each.highest_target is not None]
    return Summary(
        value=value,
        n=n,
        mean=mean,
        spread=sqrt(max(variance, 0.0)),
        cells=tuple(cells),
        target=sum(each.targets for each in found) / asked if asked else None,
        targets=(min(lowest), max(highest)) if asked else None,
        missed=sum(each.missed for each in found) / asked if asked else None,
    )


def _ordered(values: Iterable[str]) -> list[str]:
    places = {value: place for place, value in enumerate(STEERED)}
    return sorted(values, key=lambda value: (places.get(value, len(places)), value))
