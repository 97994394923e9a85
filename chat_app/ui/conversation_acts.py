"""What a person does to conversations in the list: a command from the page, parsed and done.

The page sends JSON, ``{"do": "pin", "ids": ["01..."]}``. Nothing in it is trusted: ids are looked
up, words are checked where they are stored, and any other shape is refused with a sentence.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat_app.chat import shelf
from chat_app.chat.browse import PAGE, Browsing
from chat_app.chat.bundle import export_bundle
from chat_app.chat.conversations import open_conversation, rename_conversation
from chat_app.chat.export import MEDIA_TYPES, export_conversation
from chat_app.chat.importing import import_conversations
from chat_app.db.database import Database
from chat_app.errors import ValueflowError

_MOST_AT_ONCE = 5000


@dataclass
class ListView(Browsing):
    """One tab's list: what it browses, the HTML that it shows, and what can be taken back."""

    drawn: str = ""
    undo: tuple[str, ...] = ()
    undo_archive: tuple[str, ...] = ()
    # The conversation that was open when it was deleted: taken back, it opens again.
    closed: str = ""


@dataclass(frozen=True)
class Done:
    """What a command came to: a sentence, what its undo is called, a file for the browser, the
    conversation to open, those that are no longer there, those with another title."""

    sentence: str = ""
    undo: str = ""
    file: str = ""
    open: str = ""
    gone: Sequence[str] = ()
    renamed: Sequence[str] = ()


Act = Callable[[Database, ListView, dict[str, Any]], Done]


def perform(database: Database, view: ListView, command: str) -> Done:
    """Do what the page asks for. Raises ValueflowError, with a sentence, where it cannot be."""
    asked = _parsed(command)
    act = _ACTS.get(str(asked.get("do")))
    if act is None:
        raise ValueflowError("The page asked for something unknown: reload it.")
    return act(database, view, asked)


def file_of(name: str, kind: str, text: str) -> str:
    """What the browser makes a file of, as JSON."""
    return json.dumps({"name": name, "type": kind, "text": text})


def _parsed(command: str) -> dict[str, Any]:
    try:
        asked = json.loads(command)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise ValueflowError("The page asked for something unknown: reload it.")
    return asked


def _ids(asked: dict[str, Any]) -> list[str]:
    ids = asked.get("ids")
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise ValueflowError("The page asked for something unknown: reload it.")
    if not ids:
        raise ValueflowError("No conversation is selected: pick one first.")
    if len(ids) > _MOST_AT_ONCE:
        raise ValueflowError(f"{len(ids)} are too many at once: select fewer.")
    return list(dict.fromkeys(ids))


def _text(asked: dict[str, Any], name: str) -> str:
    text = asked.get(name)
    return text if isinstance(text, str) else ""


def _named(database: Database, ids: Sequence[str]) -> str:
    if len(ids) == 1:
        return f"“{_title(database, ids[0])}”"
    return f"{len(ids)} conversations"


def _title(database: Database, id: str) -> str:
    """A conversation's title, cut where it would fill the column."""
    title = open_conversation(database, id).title or "New conversation"
    return title if len(title) <= 60 else title[:59].rstrip() + "…"


def _rename(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    (id, *_) = _ids(asked)
    rename_conversation(database, id, _text(asked, "title"))
    return Done(renamed=[id])


def _pin(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    shelf.pin(database, _ids(asked), on=asked.get("on") is not False)
    return Done()


def _tag(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    (id, *_) = _ids(asked)
    shelf.set_tags(database, id, _text(asked, "tags").split(","))
    return Done()


def _archive(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    ids, on = _ids(asked), asked.get("on") is not False
    shelf.archive(database, ids, on)
    if not on:
        return Done(f"Put {_named(database, ids)} back into the list.")
    view.undo, view.undo_archive, view.closed = (), tuple(ids), ""
    return Done(f"Archived {_named(database, ids)}.", "Undo")


def _delete(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    ids = _ids(asked)
    name = _named(database, ids)
    shelf.delete(database, ids)
    view.undo, view.undo_archive, view.closed = tuple(ids), (), ""
    return Done(f"Deleted {name}.", "Undo", gone=ids)


def _undo(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    if view.undo:
        shelf.restore(database, view.undo)
    if view.undo_archive:
        shelf.archive(database, view.undo_archive, on=False)
    opened = view.closed
    view.undo, view.undo_archive, view.closed = (), (), ""
    return Done(open=opened)


def _hush(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    return Done()


def _export(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    ids = _ids(asked)
    if len(ids) == 1:
        text = export_conversation(database, ids[0], "json")
        return Done(file=file_of(f"valueflow-{ids[0]}.json", MEDIA_TYPES["json"], text))
    text = export_bundle(database, ids)
    name = f"valueflow-{len(ids)}-conversations.jsonl"
    return Done(
        f"Exported {_named(database, ids)}.", file=file_of(name, MEDIA_TYPES["jsonl"], text)
    )


def _import(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    name = _text(asked, "name")[:80]
    try:
        done = import_conversations(database, _file(asked))
    except ValueflowError as error:
        raise ValueflowError(f"{name}: {error}") from None
    _widen(view)
    return Done(done.sentence, open=done.ids[0])


def _file(asked: dict[str, Any]) -> str | bytes:
    """A file's text, or what is in a zip, which comes in base64."""
    if asked.get("large") is True:
        raise ValueflowError("it is too large for the page: use `valueflow import FILE`.")
    if not (packed := _text(asked, "packed")):
        return _text(asked, "text")
    try:
        return b64decode(packed, validate=True)
    except ValueError:
        raise ValueflowError("The page asked for something unknown: reload it.") from None


def _filter(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    tag = _text(asked, "tag")
    view.tag, view.limit = ("" if tag == view.tag else tag), PAGE
    return Done()


def _shelf(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    view.archived, view.tag, view.limit = not view.archived, "", PAGE
    return Done()


def _more(database: Database, view: ListView, asked: dict[str, Any]) -> Done:
    view.limit += PAGE
    return Done()


def _widen(view: ListView) -> None:
    """Show the list from its top, unfiltered, so that what has come is in sight."""
    view.archived, view.tag, view.limit = False, "", PAGE


_ACTS: dict[str, Act] = {
    "rename": _rename,
    "pin": _pin,
    "tag": _tag,
    "archive": _archive,
    "delete": _delete,
    "undo": _undo,
    "hush": _hush,
    "export": _export,
    "import": _import,
    "filter": _filter,
    "shelf": _shelf,
    "more": _more,
}
