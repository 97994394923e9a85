"""The one form that every program's conversations are read into: a tree of plain messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from chat_app.chat.conversations import storable
from chat_app.errors import ValueflowError

Role = Literal["system", "user", "assistant"]

MOST_MESSAGES = 20_000  # of one conversation
LONGEST_TEXT = 2_000_000  # characters of one message
# Before it, a number of seconds is taken for none; so many digits more say what smaller unit it is.
_EARLIEST, _UNITS = 100_000_000.0, (1.0, 1e3, 1e6, 1e9)


class ForeignError(ValueflowError):
    """A file of conversations that cannot be taken in; the message says where and why."""


@dataclass(frozen=True)
class ForeignMessage:
    """``key`` names it within its conversation, ``parent`` the message that it follows."""

    key: str
    parent: str | None
    role: Role
    text: str
    created: datetime | None = None
    model: str | None = None


@dataclass(frozen=True)
class ForeignChat:
    """``key``: its name in the ``program`` that it comes from, "" where it has none; ``messages``
    each after its parent; ``shown``: the key of the last message that was in sight."""

    program: str
    key: str
    title: str
    messages: tuple[ForeignMessage, ...]
    shown: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    archived: bool = False


@dataclass(frozen=True)
class Node:
    """A place in a program's own tree; ``message``: None where nothing is to be taken from it."""

    parent: str | None
    message: ForeignMessage | None


def from_nodes(nodes: Mapping[str, Node], shown: str | None) -> tuple[list[ForeignMessage], str]:
    """The messages of a tree in order, with those left out that hold nothing, and what of one side
    follows itself made one; and the key of the last that is ``shown`` ("" of none).

    Raises ForeignError for a tree that runs in a circle, or is too large.
    """
    if len(nodes) > MOST_MESSAGES:
        raise ForeignError(f"it has {len(nodes):,} messages, and {MOST_MESSAGES:,} are the most.")
    nearest: dict[str, str | None] = {}  # the kept message at a node, or above it
    kept: list[ForeignMessage] = []
    for key in _downwards(nodes):
        node = nodes[key]
        above = nearest.get(node.parent or "")
        nearest[key] = above
        if node.message is not None:
            nearest[key] = key
            kept.append(replace(node.message, key=key, parent=above))
    joined, into = _joined(kept)
    at = nearest.get(shown or "") or (kept[-1].key if kept else "")
    return joined, into.get(at, at)


def _downwards(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Every node after its parent, branches in the order of the file."""
    children: dict[str | None, list[str]] = {}
    for key, node in nodes.items():
        children.setdefault(node.parent if node.parent in nodes else None, []).append(key)
    waiting, seen = children.get(None, [])[::-1], 0
    while waiting:
        key = waiting.pop()
        seen += 1
        yield key
        waiting += children.get(key, [])[::-1]
    if seen < len(nodes):
        raise ForeignError("its messages run in a circle.")


def _joined(messages: Sequence[ForeignMessage]) -> tuple[list[ForeignMessage], dict[str, str]]:
    """``messages`` with a turn in several messages, as around a tool's call, made one; and {key:
    key of the one that it became part of}."""
    followers: dict[str | None, int] = {}
    for message in messages:
        followers[message.parent] = followers.get(message.parent, 0) + 1
    found: dict[str, ForeignMessage] = {}
    into: dict[str, str] = {}
    for message in messages:
        parent = into.get(message.parent or "", message.parent)
        before = found.get(parent or "")
        alone = followers[message.parent] == 1
        if before and before.role == message.role != "system" and alone:
            assert parent is not None
            found[parent] = replace(before, text=f"{before.text}\n\n{message.text}")
            into[message.key] = parent
        else:
            found[message.key] = replace(message, parent=parent)
    return list(found.values()), into


def in_a_row(messages: Iterable[tuple[Role, str, Any]]) -> tuple[list[ForeignMessage], str]:
    """As ``from_nodes``, of (role, text, time) one after the other."""
    nodes: dict[str, Node] = {}
    last = None
    for number, (role, text, when) in enumerate(messages):
        key = str(number)
        made = ForeignMessage(key, last, role, text, moment(when)) if text.strip() else None
        nodes[key] = Node(last, made)
        last = key
    return from_nodes(nodes, last)


def clean(text: str) -> str:
    """``text`` as it can be stored. Raises ForeignError for one that is far too long."""
    if len(text) > LONGEST_TEXT:
        raise ForeignError(
            f"a message has {len(text):,} characters: {LONGEST_TEXT:,} are the most."
        )
    return storable(text).strip()


def words(said: Any) -> str:
    """A name or a title as it can be stored; "" where it is no text."""
    return storable(said) if isinstance(said, str) else ""


def moment(number: Any) -> datetime | None:
    """The time that a number says, in seconds since 1970 or in thousandths, millionths or
    billionths of them; None for what is none.

    >>> moment(1700000000) == moment(1700000000000) == moment(1700000000000000000)
    True
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    for unit in _UNITS:
        try:
            seconds = number / unit
        except OverflowError:  # JSON's whole numbers may have thousands of digits
            return None
        if _EARLIEST <= seconds < 100 * _EARLIEST:
            return datetime.fromtimestamp(round(seconds, 3), UTC)
    return None
