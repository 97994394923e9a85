"""What a model says of itself in the head of its file, without being loaded."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from gguf.constants import GGMLQuantizationType, LlamaFileType

from chat_app.llm.checksums import file_sha256
from chat_app.llm.gguf_header import GgufError, Header, read_header
from chat_app.llm.gguf_names import quantisation, shard_names, shard_stem

# Files of these kinds carry no model that writes text from left to right.
_NO_CHAT = {
    "adapter", "bert", "clip", "controlvector", "eurobert", "gemma-embedding", "imatrix",
    "jina-bert-v2", "jina-bert-v3", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe",
    "t5encoder", "wavtokenizer-dec",
}  # fmt: skip


@dataclass(frozen=True)
class ModelFacts:
    """``title``: the name in the file, "" without one; ``n_params``: how many numbers;
    ``n_ctx_train``: tokens that it was taught to look back; ``quantisation``: how its numbers are
    kept, "Q4_K_M"; ``licence``: its short name, or None where the file does not say; ``size``:
    bytes of all ``parts``."""

    path: Path
    title: str
    architecture: str
    n_params: int
    n_layer: int
    n_ctx_train: int
    quantisation: str
    has_template: bool
    licence: str | None
    size: int
    parts: int


def model_facts(path: Path) -> ModelFacts:
    """The facts of the model whose (first) file is ``path``.

    Raises GgufError, naming the file, where one of its files is missing or not whole.
    """
    return facts_of(model_header(path))


def model_header(path: Path) -> Header:
    """The head of a model: that of its file, or of its first part with the tensors of all.

    Raises GgufError, naming the file, where a part is missing or not whole.
    """
    paths = [path.with_name(name) for name in shard_names(path.name)]
    headers = [read_header(each) for each in paths]
    if len(headers) == 1:
        return headers[0]
    said = headers[0].metadata.get("split.count", len(headers))
    if said != len(headers):
        raise GgufError(f"{path} says that it is one of {said} parts; its name says otherwise.")
    return replace(
        headers[0],
        tensors=tuple(tensor for header in headers for tensor in header.tensors),
        file_size=sum(header.file_size for header in headers),
    )


def model_sha256(path: Path, cache_dir: Path | None) -> str:
    """The SHA-256 of a model's file; of one in parts, that of all their checksums, joined.

    As ``checksums.file_sha256``, which remembers those of large files in ``cache_dir``.
    """
    sums = [file_sha256(path.with_name(name), cache_dir) for name in shard_names(path.name)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def facts_of(header: Header) -> ModelFacts:
    """The facts that a model's whole header holds. Raises GgufError for one that is damaged."""
    said = header.metadata
    return ModelFacts(
        path=header.path,
        title=str(said.get("general.name") or said.get("general.basename") or ""),
        architecture=header.architecture,
        n_params=sum(math.prod(tensor.shape) for tensor in header.tensors),
        n_layer=header.n_layer,
        n_ctx_train=header.number("context_length"),
        quantisation=_kept_as(header),
        has_template=isinstance(said.get("tokenizer.chat_template"), str),
        licence=_licence(header),
        size=header.file_size,
        parts=len(shard_names(header.path.name)),
    )


def is_chat_model(header: Header) -> bool:
    """Whether it looks like a model that writes text: with layers, a vocabulary and no pooling,
    which embedding models have."""
    said, architecture = header.metadata, header.architecture
    return bool(
        said.get("general.type", "model") == "model"
        and architecture
        and architecture not in _NO_CHAT
        and said.get("tokenizer.ggml.tokens")
        and said.get(f"{architecture}.block_count")
        and not said.get(f"{architecture}.pooling_type")
    )


def display_name(header: Header) -> str:
    """What a person calls the model: its file's name without the ending and the number of its
    part; of a file that is called by its checksum, as Ollama's are, the name inside."""
    path, title = header.path, header.metadata.get("general.name")
    if path.name.startswith("sha256-") and isinstance(title, str) and title:
        return title
    return shard_stem(path.name) or path.stem


def _kept_as(header: Header) -> str:
    """The file's type as it says; else as its name says; else the type of most numbers."""
    try:
        kind = LlamaFileType(int(header.metadata["general.file_type"])).name
        return kind.removeprefix("MOSTLY_").removeprefix("ALL_")
    except (KeyError, ValueError, TypeError, OverflowError):
        pass
    if by_name := quantisation(header.path.name):
        return by_name
    count: Counter[int] = Counter()
    for tensor in header.tensors:
        count[tensor.kind] += math.prod(tensor.shape)
    try:
        return GGMLQuantizationType(count.most_common(1)[0][0]).name
    except (ValueError, IndexError):
        return ""


def _licence(header: Header) -> str | None:
    said = header.metadata
    # "other" says nothing; such a file names its licence apart
    for key in ("general.license.name", "general.license"):
        found = said.get(key)
        if isinstance(found, str) and found and found != "other":
            return found
    return None
