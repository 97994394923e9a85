"""Conversations as other programs export them, in the layouts that they really have."""

import io
import json
import zipfile

BEGAN = 1_700_000_000.0


def node(id, parent, role, *parts, at=0.0, **given):
    """A node of ChatGPT's mapping; ``given`` goes into its message."""
    content = given.pop("content", {"content_type": "text", "parts": list(parts)})
    message = {
        "id": id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": BEGAN + at,
        "update_time": None,
        "content": content,
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
        **given,
    }
    return {"id": id, "message": message, "parent": parent, "children": []}


def chatgpt():
    """Two conversations; the first has all that must not come through, a tool's turn, a picture,
    an answer with two versions and a question in two wordings, of which the first are shown."""
    hidden = {"is_visually_hidden_from_conversation": True}
    nodes = [
        {"id": "root", "message": None, "parent": None, "children": ["sys"]},
        node("sys", "root", "system", "", metadata=hidden),
        node("custom", "sys", "user", metadata=hidden,
             content={"content_type": "user_editable_context", "user_profile": "I am secret."}),
        node("q1", "custom", "user", {"content_type": "image_asset_pointer", "asset_pointer": "x"},
             "What is in this picture?", at=1,
             metadata={"attachments": [{"id": "f", "name": "cat.png"}]}),
        node("think", "q1", "assistant", at=2,
             content={"content_type": "thoughts", "thoughts": [{"content": "A secret thought."}]}),
        node("say", "think", "assistant", "Let me look.", at=3, metadata={"model_slug": "gpt-4o"}),
        node("call", "say", "assistant", at=4, recipient="python",
             content={"content_type": "code", "text": "open('secret.png')"}),
        node("tool", "call", "tool", at=5,
             content={"content_type": "execution_output", "text": "secret output"}),
        node("a1", "tool", "assistant", "A cat.", at=6, metadata={"model_slug": "gpt-4o"}),
        node("q2", "a1", "user", "Is it kind?", at=7),
        node("a2", "q2", "assistant", "Very kind.", at=8, metadata={"model_slug": "gpt-4o"}),
        node("a2b", "q2", "assistant", "Not at all.", at=9, metadata={"model_slug": "gpt-4"}),
        node("q2b", "a1", "user", "Is it mine?", at=10),
        node("a3", "q2b", "assistant", "Ask it.", at=11),
    ]  # fmt: skip
    plain = [
        node("p", None, "user", "Hello, ", "world"),
        node("r", "p", "assistant", "Hello.", metadata={"model_slug": "gpt-4"}),
    ]
    return [
        {
            "title": "The cat — in the picture",
            "create_time": BEGAN,
            "update_time": BEGAN + 99,
            "mapping": {each["id"]: each for each in nodes},
            "current_node": "a2",
            "conversation_id": "conv-1",
            "id": "conv-1",
            "moderation_results": [],
        },
        {
            "title": None,
            "create_time": BEGAN + 1000,
            "update_time": BEGAN + 1001,
            "mapping": {each["id"]: each for each in plain},
            "current_node": "r",
            "id": "conv-2",
            "is_archived": True,
        },
    ]


def chatgpt_zip(name="conversations.json"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zip:
        zip.writestr("chat.html", "<html></html>")
        zip.writestr("user.json", "{}")
        zip.writestr(name, json.dumps(chatgpt()))
    return packed.getvalue()


def open_webui():
    """A chat that is a tree, with a thought before a reply; and one of old, flat."""
    seconds = int(BEGAN)
    thought = '<details type="reasoning" done="true" duration="2">\n<summary>Thought</summary>\n'
    tree = {
        "u1": {"id": "u1", "parentId": None, "childrenIds": ["a1", "a2"], "role": "user",
               "content": "Should I lend him money?", "timestamp": seconds},
        "a1": {"id": "a1", "parentId": "u1", "childrenIds": [], "role": "assistant",
               "content": "No.", "model": "llama3.2:3b", "timestamp": seconds + 1},
        "a2": {"id": "a2", "parentId": "u1", "childrenIds": [], "role": "assistant",
               "content": thought + "> secret\n</details>\nYes, if you can.",
               "model": "qwen3:4b", "timestamp": seconds + 2},
    }  # fmt: skip
    flat = [
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "I see."},
    ]
    return [
        {
            "id": "w-1",
            "user_id": "u",
            "title": "Money",
            "created_at": seconds,
            "updated_at": seconds + 9,
            "archived": False,
            "chat": {
                "title": "Money",
                "models": ["qwen3:4b"],
                "history": {"messages": tree, "currentId": "a2"},
                "messages": [tree["u1"], tree["a2"]],
                "timestamp": seconds * 1000,
            },
        },
        {"id": "w-2", "title": "Old", "chat": {"messages": flat, "timestamp": seconds * 1000}},
    ]


def sharegpt():
    return [
        {
            "id": "s_0",
            "conversations": [
                {"from": "system", "value": "You are kind."},
                {"from": "human", "value": "Help me?"},
                {"from": "function_call", "value": "secret()"},
                {"from": "gpt", "value": "Gladly."},
            ],
        },
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
    ]


def openai_messages():
    return [
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Why help?"},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "content": "secret"},
                {"role": "assistant", "content": "Why not?"},
            ]
        },
        {"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]},
    ]


def lines(items):
    return "".join(json.dumps(item) + "\n" for item in items)
