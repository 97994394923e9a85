"""The replies in a file of conversations, of ours or of another program, to be scored as they are.

Nothing is stored. A person's own words in a reply's place are no reply, and are left out; so is
what a model thought before it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chat_app.chat.bundle import read_bundle
from chat_app.chat.chain import timestamp
from chat_app.chat.foreign.chats import ForeignChat
from chat_app.chat.importing import OURS, Content, read_content
from chat_app.chat.transcript import TranscriptError, verify_transcript
from chat_app.llm.thinking import told_apart


@dataclass(frozen=True)
class FoundReply:
    """A reply. ``conversation``: the id in its program, or else the number in the file;
    ``message``: the number in its conversation, from 1; ``targets``: {} where nothing was asked."""

    conversation: str
    title: str
    message: int
    created: str | None
    program: str
    model: str | None
    model_sha256: str | None
    text: str
    targets: Mapping[str, float]


def replies_in(file: bytes | str) -> list[FoundReply]:
    """Every reply of a file, in its order, of all branches.

    Raises ValueflowError for a file of no known kind, and for a transcript that was altered.
    """
    content = read_content(file)
    found = _ours(content) if content.program == OURS else _others(content)
    return [reply for reply in found if reply.text.strip()]


def _ours(content: Content) -> Iterator[FoundReply]:
    for text in content.texts:
        for data in read_bundle(text):
            if problems := verify_transcript(data):
                raise TranscriptError(problems[0])
            yield from _of_transcript(data)


def _of_transcript(data: Mapping[str, Any]) -> Iterator[FoundReply]:
    head = data["conversation"]
    for number, message in enumerate(data["messages"], start=1):
        steering, model = message.get("steering", {}), message.get("model", {})
        if message["role"] != "assistant" or "edited" in steering:
            continue
        origin = steering.get("imported", {})
        yield FoundReply(
            conversation=head["id"],
            title=head["title"],
            message=number,
            created=message["created"],
            program=origin.get("program", OURS),
            model=model.get("name") or origin.get("model"),
            model_sha256=model.get("sha256"),
            text=told_apart(message["text"]).reply,
            targets=message.get("profile", {}).get("targets", {}),
        )


def _others(content: Content) -> Iterator[FoundReply]:
    for place, chat in enumerate(content.chats, start=1):
        yield from _of_chat(str(place), chat)


def _of_chat(place: str, chat: ForeignChat) -> Iterator[FoundReply]:
    for number, message in enumerate(chat.messages, start=1):
        if message.role == "assistant":
            yield FoundReply(
                conversation=chat.key or place,
                title=chat.title,
                message=number,
                created=timestamp(message.created) if message.created else None,
                program=chat.program,
                model=message.model,
                model_sha256=None,
                text=told_apart(message.text).reply,
                targets={},
            )
