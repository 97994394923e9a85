"""Taking in a file of conversations: our own transcripts, or another program's, also zipped.

What a file is, is seen by its content. It is stored whole or, with a sentence, not at all.
"""

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat_app.chat.bundle import import_bundle
from chat_app.chat.foreign.chats import ForeignChat, ForeignError
from chat_app.chat.foreign.reading import parse, read_chats
from chat_app.chat.foreign.storing import store_chats
from chat_app.db.database import Database

OURS = "Valueflow Chat"
MOST_BYTES = 512 * 2**20  # of text, unpacked

# In ChatGPT's zip; large ones have it in numbered parts.
_CHATGPT = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
# What zipfile raises for one that is damaged, encrypted, or packed in a way that it does not know.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError
)  # fmt: skip
# In the zip of `valueflow export --all`.
_EXPORTED = re.compile(r"conversations/[^/]+\.json")


@dataclass(frozen=True)
class Content:
    """What a file holds: transcripts of our own in ``texts``, or the ``chats`` of ``program``."""

    program: str
    texts: tuple[str, ...] = ()
    chats: tuple[ForeignChat, ...] = ()


@dataclass(frozen=True)
class Imported:
    """The conversations that are ``new``, those that have ``grown``, and those that were ``here``
    already as they are in the file."""

    program: str
    new: tuple[str, ...]
    grown: tuple[str, ...] = ()
    here: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return (*self.new, *self.grown, *self.here)

    @property
    def sentence(self) -> str:
        """'Imported 2 conversations from ChatGPT. 1 conversation was here already.'"""
        parts = []
        if self.new and self.program == OURS:
            parts.append(f"Imported {_count(self.new)}. Every message is as it was written.")
        elif self.new:
            parts.append(f"Imported {_count(self.new)} from {self.program}.")
        if self.grown:
            parts.append(f"{_count(self.grown)} got new messages.")
        if self.here:
            parts.append(f"{_count(self.here)} {_were(self.here)} here already.")
        return " ".join(parts)


def import_conversations(database: Database, file: bytes | str) -> Imported:
    """Store what is in a file. Raises ValueflowError, and then nothing is stored."""
    content = read_content(file)
    if content.program == OURS:
        new, here = import_bundle(database, *content.texts)
        return Imported(OURS, tuple(new), here=tuple(here))
    stored = store_chats(database, content.chats)
    return Imported(content.program, stored.new, stored.grown, stored.here)


def read_content(file: bytes | str) -> Content:
    """What is in a file. Raises ForeignError or TranscriptError, one sentence."""
    texts = _texts(file)
    parsed = [parse(text) for text in texts]
    if any(_is_ours(data) for data in parsed):
        return Content(OURS, tuple(texts))
    chats = read_chats(
        [each for data in parsed for each in (data if isinstance(data, list) else [data])]
    )
    return Content(chats[0].program, chats=tuple(chats))


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} conversation{'' if len(ids) == 1 else 's'}"


def _were(ids: Sequence[str]) -> str:
    return "was" if len(ids) == 1 else "were"


def _is_ours(data: Any) -> bool:
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and str(first.get("format", "")).startswith("valueflow.")


def _texts(file: bytes | str) -> list[str]:
    if isinstance(file, str):
        return [file]
    if file.startswith(b"PK"):
        return _unzipped(file)
    if len(file) > MOST_BYTES:
        raise _too_large()
    return [_decoded(file)]


def _unzipped(file: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as zip:
            members = _wanted(zip.infolist(), _EXPORTED.fullmatch) or _wanted(
                zip.infolist(), _CHATGPT.fullmatch
            )
            if not members:
                raise ForeignError("The zip has no conversations.json, as ChatGPT's export has.")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise _too_large()
            return [_decoded(zip.read(member)) for member in members]
    except _DAMAGE as error:
        raise ForeignError(f"The zip cannot be read: {error}.") from None


def _wanted(
    members: Sequence[zipfile.ZipInfo], fits: Callable[[str], object]
) -> list[zipfile.ZipInfo]:
    return [member for member in members if fits(member.filename)]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ForeignError("It is not UTF-8 text.") from None


def _too_large() -> ForeignError:
    return ForeignError(f"It holds more than {MOST_BYTES // 2**20} MiB: split it first.")
