"""Conversations that are lists of turns: ShareGPT's form, and the messages of OpenAI's API.

{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}
{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chat_app.chat.foreign.chats import (
    ForeignChat,
    ForeignError,
    Role,
    clean,
    in_a_row,
    moment,
    words,
)

# Other speakers, tools and functions, say nothing that a person reads.
SPEAKERS: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}


def is_list(item: Any) -> bool:
    return isinstance(item, dict) and (
        isinstance(item.get("conversations"), list) or isinstance(item.get("messages"), list)
    )


def list_chat(item: Mapping[str, Any]) -> ForeignChat:
    """Raises ForeignError for a turn that is none."""
    share = isinstance(item.get("conversations"), list)
    turns = item["conversations"] if share else item["messages"]
    system = item.get("system")
    first = [("system", system, None)] if isinstance(system, str) else []
    messages, shown = in_a_row(_said([*first, *map(_turn, turns)]))
    key = item.get("id")
    return ForeignChat(
        program="ShareGPT" if share else "a list of messages",
        key=str(key) if isinstance(key, int) else words(key),
        title=words(item.get("title")),
        messages=tuple(messages),
        shown=shown,
        created=moment(item.get("create_time") or item.get("created")),
        updated=moment(item.get("update_time") or item.get("updated")),
    )


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts of which some are texts."""
    if isinstance(content, str):
        return content
    return "\n".join(_part(part) for part in content) if isinstance(content, list) else ""


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise ForeignError("a part of a message is no text and no object.")
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = str(part.get("type", ""))
    return "[image]" if "image" in kind else "[audio]" if "audio" in kind else "[attachment]"


def _turn(turn: Any) -> tuple[str, str, Any]:
    if not isinstance(turn, dict):
        raise ForeignError("a turn of it is no object.")
    speaker = turn.get("from", turn.get("role"))
    if not isinstance(speaker, str):
        raise ForeignError("a turn of it does not say who speaks.")
    return speaker, content_text(turn.get("value", turn.get("content"))), turn.get("timestamp")


def _said(turns: list[tuple[str, str, Any]]) -> Iterator[tuple[Role, str, Any]]:
    for speaker, text, when in turns:
        if role := SPEAKERS.get(speaker.lower()):
            yield role, clean(text), when
