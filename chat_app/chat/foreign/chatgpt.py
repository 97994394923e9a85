"""ChatGPT's export: ``conversations.json``, a list of conversations that are trees.

A conversation's ``mapping`` holds nodes {id, parent, children, message}; ``current_node`` is the
end of the branch that was in sight. What no person saw stands among them too: hidden system
nodes, thoughts, calls of tools and their answers. These are left out, and what follows them
follows what came before.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chat_app.chat.foreign.chats import (
    ForeignChat,
    ForeignError,
    ForeignMessage,
    Node,
    Role,
    clean,
    from_nodes,
    moment,
    words,
)

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_SPOKEN = ("text", "multimodal_text", "code")
# What stands in the place of what is no text.
_PLACEHOLDERS = {"image": "[image]", "audio": "[audio]", "video": "[video]"}


def is_chatgpt(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("mapping"), dict)


def chatgpt_chat(item: Mapping[str, Any]) -> ForeignChat:
    """Raises ForeignError for a tree that is none."""
    nodes = {key: _node(key, node) for key, node in item["mapping"].items()}
    current = item.get("current_node")
    messages, shown = from_nodes(nodes, current if isinstance(current, str) else None)
    return ForeignChat(
        program="ChatGPT",
        key=words(item.get("conversation_id") or item.get("id")),
        title=words(item.get("title")),
        messages=tuple(messages),
        shown=shown,
        created=moment(item.get("create_time")),
        updated=moment(item.get("update_time")),
        archived=item.get("is_archived") is True,
    )


def _node(key: str, node: Any) -> Node:
    if not isinstance(node, dict):
        raise ForeignError("a node of its mapping is no object.")
    parent = node.get("parent")
    if parent is not None and not isinstance(parent, str):
        raise ForeignError("a node's parent is no id.")
    message = node.get("message")
    return Node(parent, _message(key, message) if isinstance(message, dict) else None)


def _message(key: str, message: Mapping[str, Any]) -> ForeignMessage | None:
    author, metadata = _object(message, "author"), _object(message, "metadata")
    role = _ROLES.get(str(author.get("role")))
    hidden = metadata.get("is_visually_hidden_from_conversation") is True
    if role is None or hidden or (message.get("recipient") or "all") != "all":
        return None
    text = clean("\n".join(_texts(_object(message, "content"), metadata)))
    if not text:
        return None
    return ForeignMessage(
        key=key,
        parent=None,
        role=role,
        text=text,
        created=moment(message.get("create_time")),
        model=words(metadata.get("model_slug")) or None,
    )


def _texts(content: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    if content.get("content_type") not in _SPOKEN:
        return
    if isinstance(content.get("text"), str):
        yield content["text"]
    parts = content.get("parts")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield part["text"] if isinstance(part.get("text"), str) else _placeholder(part)
    attached = metadata.get("attachments")
    for file in attached if isinstance(attached, list) else []:
        if isinstance(file, dict) and isinstance(file.get("name"), str):
            yield f"[file: {file['name']}]"


def _placeholder(part: Mapping[str, Any]) -> str:
    kind = str(part.get("content_type", "")).partition("_")[0]
    return _PLACEHOLDERS.get(kind, "[attachment]")


def _object(within: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = within.get(key)
    return found if isinstance(found, dict) else {}
