"""A conversation as a file: JSON and JSONL whole, the others the branch that is shown."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chat_app.chat import chain
from chat_app.chat.conversations import (
    ConversationView,
    MessageView,
    ScoreView,
    open_conversation,
)
from chat_app.chat.export_html import html_page
from chat_app.chat.transcript import transcript
from chat_app.chat.wording import (
    SPEAKERS,
    THOUGHT,
    profile_line,
    score_line,
    status_line,
    targeted,
)
from chat_app.db.database import Database
from chat_app.errors import ValueflowError
from chat_app.files import written_whole

MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}
FORMATS = tuple(MEDIA_TYPES)

_COLUMNS = (
    "conversation",
    "message",
    "parent",
    "role",
    "created",
    "status",
    "text",
    "profile",
    "method",
    "model",
    "seed",
    "vector",
    "value",
    "target",
    "intensity",
    "stderr",
    "ranker",
    "vidb",
    "thought",
)
# With these a spreadsheet begins a formula; the wide ones do in some languages.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def export_conversation(database: Database, id: str, form: str) -> str:
    """A conversation as text in one of FORMATS.

    Raises ValueflowError for another format, DatabaseError where there is no such conversation.
    """
    if form in ("json", "jsonl"):
        data = transcript(database, id)
        return _json(data) if form == "json" else _jsonl(data)
    writers: dict[str, Callable[[ConversationView], str]] = {
        "md": _markdown,
        "csv": _csv,
        "html": html_page,
    }
    if form not in writers:
        raise ValueflowError(f"There is no format {form!r}: it is one of {', '.join(FORMATS)}.")
    return writers[form](open_conversation(database, id))


def write_export(database: Database, id: str, form: str, path: Path) -> None:
    """Write a conversation to ``path``; the file appears whole or not at all.

    Raises ValueflowError where it cannot be written, and as ``export_conversation`` does.
    """
    text = export_conversation(database, id, form)
    try:
        with written_whole(path) as fresh:
            fresh.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ValueflowError(f"{path} cannot be written: {error.strerror or error}.") from error


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _jsonl(data: dict[str, Any]) -> str:
    """The conversation in the first line, then a message a line."""
    head = {key: item for key, item in data.items() if key != "messages"}
    return "".join(
        json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *data["messages"])
    )


def _csv(view: ConversationView) -> str:
    """A row for each message and value, every text in quotes and none a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    for message in view.messages:
        for cells in _cells(view, message):
            writer.writerow([defused(c) if isinstance(c, str) else c for c in cells])
    return text.getvalue()


def _cells(view: ConversationView, message: MessageView) -> Iterator[list[str | float | None]]:
    reply = message.role == "assistant"
    about: list[str | float | None] = [
        view.id,
        message.id,
        message.parent_id,
        message.role,
        chain.timestamp(message.created),
        message.status,
        message.text,
        message.profile.name if reply else None,
        message.profile.method if reply else None,
        message.model,
        message.seed,
        message.vector_hash,
    ]
    if not (values := targeted(message)):
        yield [*about, None, None, None, None, None, None, message.thought]
    for value, target, score in values:
        yield [*about, value, target, *_measured(score), message.thought]


def _measured(score: ScoreView | None) -> list[str | float | None]:
    if score is None:
        return [None, None, None, None]
    return [round(score.intensity, 4), round(score.stderr, 4), score.ranker, score.vidb_version]


def defused(cell: str) -> str:
    """``cell`` as a spreadsheet shows it as text: after an apostrophe where it would be a formula.

    >>> defused("=1+1"), defused("1+1")
    ("'=1+1", '1+1')
    """
    begins = cell.lstrip(" \u00a0\u3000\ufeff\u200b")[:1]
    return f"'{cell}" if begins and begins in _FORMULA else cell


def _markdown(view: ConversationView) -> str:
    """Words as quotations, so that nothing in them can pass for another turn."""
    parts = [f"# {_plain(view.title)}", f"Profile: {_plain(profile_line(view.profile))}"]
    for message in view.messages:
        parts.append(f"## {SPEAKERS[message.role]}")
        if message.thought:
            parts += [f"*{THOUGHT}:*", _quoted(message.thought)]
            parts += ["*The reply:*"] if message.text else []
        parts.append(_quoted(message.text))
        lines = [f"- {_plain(score_line(*each))}" for each in targeted(message)]
        if lines:
            parts.append("\n".join(lines))
        if status := status_line(message):
            parts.append(f"*{_plain(status)}*")
    return "\n\n".join(part for part in parts if part) + "\n"


def _quoted(text: str) -> str:
    # splitlines() knows every character at which some reader of Markdown begins a line.
    return "\n".join(f"> {_without_html(line)}".rstrip() for line in text.splitlines())


def _without_html(text: str) -> str:
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def _plain(line: str) -> str:
    """One line that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#|&])", r"\\\1", " ".join(line.split()))
