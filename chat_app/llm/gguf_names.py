"""What the names of GGUF files say: how their numbers are kept, and which are parts of one model.

"Qwen3-4B-Q4_K_M.gguf"; "Llama-3.3-70B-Q8_0-00001-of-00002.gguf" is the first of two parts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from chat_app.llm.hub import RemoteFile

# What most people run: about half a byte a number, and hardly worse than the original.
DEFAULT = "Q4_K_M"
_BY_PREFERENCE = (DEFAULT, "Q4_K_S", "Q4_K_XL", "Q4_0", "IQ4_XS", "MXFP4", "Q5_K_M", "Q8_0")

_SHARD = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_QUANT = re.compile(
    r"(?<![A-Z0-9])((?:UD-)?I?Q[1-8](?:_[A-Z0-9]+)*|MXFP4(?:_MOE)?|BF16|F16|FP16|F32)(?![A-Z0-9])",
    re.IGNORECASE,
)
# Files that lie beside chat models and are none.
_OTHER = re.compile(r"(^|[-_.])(mmproj|imatrix|lora|control.?vector)", re.IGNORECASE)


@dataclass(frozen=True)
class Choice:
    """A model that a repository offers: its files in order (several where it is in parts)."""

    files: tuple[RemoteFile, ...]

    @property
    def name(self) -> str:
        """The first file's path in the repository."""
        return self.files[0].name

    @property
    def quantisation(self) -> str:
        """How its numbers are kept, "Q4_K_M"; "" where its name does not say."""
        return quantisation(self.name)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def choices(files: Sequence[RemoteFile]) -> list[Choice]:
    """The chat models among a repository's files, smallest first; parts that are not complete
    are left out."""
    by_name = {file.name: file for file in files}
    found = []
    for file in files:
        base = PurePosixPath(file.name).name
        if not base.lower().endswith(".gguf") or _OTHER.search(base):
            continue
        parts = shard_names(file.name)
        if parts[0] == file.name and all(part in by_name for part in parts):
            found.append(Choice(tuple(by_name[part] for part in parts)))
    return sorted(found, key=lambda each: each.size)


def pick(found: Sequence[Choice], wanted: str) -> list[Choice]:
    """The choices that ``wanted`` means: a file's name, a quantisation ("Q4_K_M"), a pattern
    ("*Q4_0*"); "" means the default one. None, one, or several that all match."""
    if not wanted:
        for name in _BY_PREFERENCE:
            if matching := [each for each in found if _same(each.quantisation, name)]:
                return matching[:1]
        return list(found)
    low = wanted.lower()
    for matches in (
        lambda each: any(low == file.name.lower() for file in each.files),
        lambda each: low == PurePosixPath(each.name).name.lower(),
        lambda each: _same(each.quantisation, wanted),
        lambda each: fnmatch(each.name.lower(), low),
    ):
        if matching := [each for each in found if matches(each)]:
            return matching
    return []


def _same(quantisation: str, wanted: str) -> bool:
    return quantisation.lower().removeprefix("ud-") == wanted.lower().removeprefix("ud-")


def quantisation(name: str) -> str:
    """How the numbers of the file ``name`` are kept, as its name says; "" where it does not.

    >>> quantisation("Qwen3-4B-Instruct-2507-UD-Q4_K_XL.gguf")
    'UD-Q4_K_XL'
    """
    said = _QUANT.findall(PurePosixPath(name).name)
    return said[-1].upper() if said else ""


def shard_names(name: str) -> list[str]:
    """The names of all parts of the model whose part ``name`` is; itself where it is whole.

    >>> shard_names("a-00002-of-00002.gguf")
    ['a-00001-of-00002.gguf', 'a-00002-of-00002.gguf']
    """
    parts = _SHARD.fullmatch(name)
    if not parts:
        return [name]
    count = parts["count"]
    return [f"{parts['stem']}-{i:05d}-of-{count}.gguf" for i in range(1, int(count) + 1)]


def shard_stem(name: str) -> str | None:
    """What the parts of a model are called before their numbers; None where ``name`` is whole."""
    parts = _SHARD.fullmatch(name)
    return parts["stem"] if parts else None
