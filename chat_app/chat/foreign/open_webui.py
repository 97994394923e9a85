"""Open WebUI's export: a list of chats, each with its messages as a tree or as a flat list.

``chat.history.messages`` maps ids to {parentId, role, content, timestamp}, ``currentId`` is the
end of the branch in sight; older chats have ``chat.messages`` alone.
"""

from collections.abc import Mapping
from typing import Any

from chat_app.chat.foreign.chats import (
    ForeignChat,
    ForeignError,
    ForeignMessage,
    Node,
    clean,
    from_nodes,
    in_a_row,
    moment,
    words,
)
from chat_app.chat.foreign.lists import SPEAKERS, content_text

# Around what the model thought before it spoke, which is no part of its reply.
_THOUGHT, _THOUGHT_ENDS = '<details type="reasoning"', "</details>"


def is_open_webui(item: Any) -> bool:
    chat = item.get("chat") if isinstance(item, dict) else None
    return isinstance(chat, dict) and ("history" in chat or "messages" in chat)


def open_webui_chat(item: Mapping[str, Any]) -> ForeignChat:
    """Raises ForeignError for a tree that is none."""
    chat = item["chat"]
    history = chat.get("history")
    tree = history.get("messages") if isinstance(history, dict) else None
    if isinstance(tree, dict) and tree:
        current = history.get("currentId")
        nodes = {key: _node(key, message) for key, message in tree.items()}
        messages, shown = from_nodes(nodes, current if isinstance(current, str) else None)
    else:
        flat = chat.get("messages")
        if not isinstance(flat, list):
            raise ForeignError("it has no list of messages.")
        messages, shown = in_a_row(
            (made.role, made.text, message.get("timestamp"))
            for message in flat
            if (made := _node("", message).message)
        )
    return ForeignChat(
        program="Open WebUI",
        key=words(item.get("id") or chat.get("id")),
        title=words(item.get("title") or chat.get("title")),
        messages=tuple(messages),
        shown=shown,
        created=moment(item.get("created_at")) or moment(chat.get("timestamp")),
        updated=moment(item.get("updated_at")),
        archived=item.get("archived") is True,
    )


def _node(key: str, message: Any) -> Node:
    if not isinstance(message, dict):
        raise ForeignError("a message is no object.")
    parent = message.get("parentId")
    if parent is not None and not isinstance(parent, str):
        raise ForeignError("a message's parentId is no id.")
    role = SPEAKERS.get(str(message.get("role")))
    text = clean(without_thoughts(content_text(message.get("content"))))
    if role is None or not text:
        return Node(parent, None)
    made = ForeignMessage(
        key=key,
        parent=None,
        role=role,
        text=text,
        created=moment(message.get("timestamp")),
        model=words(message.get("model")) or None,
    )
    return Node(parent, made)


def without_thoughts(text: str) -> str:
    """``text`` without its closed thoughts; cut once, as a search for each would never end where
    somebody wrote thousands of openings."""
    said, *thoughts = text.split(_THOUGHT)
    parts = [said]
    for part in thoughts:
        thought, closed, reply = part.partition(_THOUGHT_ENDS)
        parts.append(reply.lstrip() if closed else f"{_THOUGHT}{thought}")
    return "".join(parts)
