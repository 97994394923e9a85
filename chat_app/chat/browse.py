"""The list of conversations as a person browses it: pinned ones, then by the day, or found."""

from calendar import month_name
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from chat_app.chat.conversations import storable
from chat_app.db.database import Database
from chat_app.db.listing import Listed, count_archived, listed, tags_in_use

# Conversations that are shown at once: of all, and of those that were looked for, which change with
# each letter and of which one reads the first.
PAGE, FOUND = 60, 30


@dataclass
class Browsing:
    """What one tab's list shows: a shelf, a tag ("" is all), words to find, and how many."""

    archived: bool = False
    tag: str = ""
    words: str = ""
    limit: int = PAGE


@dataclass(frozen=True)
class Group:
    """Conversations under one heading."""

    name: str
    conversations: tuple[Listed, ...]


@dataclass(frozen=True)
class Listing:
    """What ``browsing`` came to. ``more``: whether there are others below; ``tags``: {tag: how
    many have it}; ``archived``: how many are on that shelf."""

    browsing: Browsing
    groups: tuple[Group, ...]
    more: bool
    tags: dict[str, int]
    archived: int

    @property
    def found(self) -> list[Listed]:
        return [each for group in self.groups for each in group.conversations]


def browse(database: Database, browsing: Browsing, today: date | None = None) -> Listing:
    """The conversations that ``browsing`` asks for; ``today`` as it is here.

    Words are looked for on both shelves, but for the archive alone when that is open.
    """
    words = storable(browsing.words).strip()
    with database.read() as session:
        found = listed(
            session,
            archived=None if words and not browsing.archived else browsing.archived,
            tag=browsing.tag,
            words=words,
            limit=browsing.limit + 1,
        )
        tags, archived = tags_in_use(session), count_archived(session)
    groups = _grouped(found[: browsing.limit], browsing, today or date.today())
    return Listing(browsing, tuple(groups), len(found) > browsing.limit, tags, archived)


def day_name(moment: datetime, today: date) -> str:
    """How long ago ``moment`` was, as a heading, by the days of this computer's time zone.

    >>> day_name(datetime(2026, 3, 1, 12), date(2026, 3, 1))
    'Today'
    >>> day_name(datetime(2025, 12, 24, 12), date(2026, 3, 1))
    'December 2025'
    """
    day = moment.astimezone().date()
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    for days in (7, 30):
        if day >= today - timedelta(days=days):
            return f"Previous {days} days"
    return f"{month_name[day.month]} {day.year}"


def _grouped(found: Iterable[Listed], browsing: Browsing, today: date) -> Iterable[Group]:
    def heading(each: Listed) -> str:
        if each.archived and not browsing.archived:
            return "Archived"
        return "Pinned" if each.pinned else day_name(each.updated, today)

    for name, conversations in groupby(found, heading):
        yield Group(name, tuple(conversations))
