"""From the text of a file to conversations; which program it comes from is seen by its content."""

import json
from typing import Any

from chat_app.chat.foreign.chatgpt import chatgpt_chat, is_chatgpt
from chat_app.chat.foreign.chats import ForeignChat, ForeignError
from chat_app.chat.foreign.lists import is_list, list_chat
from chat_app.chat.foreign.open_webui import is_open_webui, open_webui_chat

_READERS = ((is_chatgpt, chatgpt_chat), (is_open_webui, open_webui_chat), (is_list, list_chat))
MOST_CHATS = 100_000


def read_chats(data: Any) -> list[ForeignChat]:
    """The conversations in parsed JSON, or in the list of a JSONL file's lines; those without a
    message are left out.

    Raises ForeignError, one sentence, where it is of no known kind, or where one is not whole.
    """
    items = _items(data)
    if len(items) > MOST_CHATS:
        raise ForeignError(f"It has {len(items):,} conversations: {MOST_CHATS:,} are the most.")
    found = [_read(number, item) for number, item in enumerate(items, start=1)]
    chats = [chat for chat in found if chat.messages]
    if not chats:
        raise ForeignError("It holds no conversation in which anything was said.")
    return chats


def parse(text: str) -> Any:
    """JSON, or JSONL as the list of its lines. Raises ForeignError."""
    text = text.removeprefix("\ufeff")
    try:
        return _parse(text)
    except json.JSONDecodeError as whole:
        lines = [line for line in text.split("\n") if line.strip()]
        try:
            if len(lines) < 2:
                raise whole
            return [_parse(line) for line in lines]
        except json.JSONDecodeError:
            raise ForeignError(
                f"It is neither JSON nor JSONL: {whole.msg} at line {whole.lineno}, column "
                f"{whole.colno}."
            ) from None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        raise ForeignError("Its JSON is nested too deeply, or has too long a number.") from None


def _items(data: Any) -> list[Any]:
    """The conversations; a list of bare messages is one."""
    items = data if isinstance(data, list) else [data]
    bare = [isinstance(each, dict) and "role" in each and "content" in each for each in items]
    return [{"messages": items}] if items and all(bare) else items


def _read(number: int, item: Any) -> ForeignChat:
    for fits, read in _READERS:
        if fits(item):
            try:
                return read(item)
            except ForeignError as error:
                raise ForeignError(f"Conversation {number} is not whole: {error}") from None
    raise ForeignError(
        f"Conversation {number} is of no kind that is known here: ChatGPT's export, Open WebUI's, "
        "ShareGPT's, or a list of messages."
    )
