"""Models that other programs keep on this computer. They are read and never touched.

huggingface_hub's cache, LM Studio's and llama.cpp's folders hold .gguf files; Ollama keeps a
manifest for each name, which says the checksum by which the model's file is called.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chat_app.llm.facts import is_chat_model, model_header
from chat_app.llm.gguf_header import GgufError
from chat_app.llm.gguf_names import choices, shard_stem
from chat_app.llm.hub import RemoteFile, cache_folder

_OLLAMA_MODEL = "application/vnd.ollama.image.model"


@dataclass(frozen=True)
class FoundModel:
    """A whole chat model: the ``name`` by which its program's users know it, where it lies
    (``place``: "Models folder", "Hugging Face", "LM Studio", "Ollama", "llama.cpp"), its first
    file, and the bytes of all its parts. ``source`` names it to ``resolve_model``."""

    name: str
    place: str
    path: Path
    size: int
    source: str


def found_models(models_dir: Path | None = None) -> list[FoundModel]:
    """Every whole chat model on this computer, of ``models_dir`` first; each file once.

    A file counts when its header can be read, all bytes are there, and it is a model that can
    chat: no vision part, no embedding model, no vector. One whose path is no text could be named
    to nobody, and is left out.
    """
    found: dict[Path, FoundModel] = {}
    for model in _everywhere(models_dir):
        real = model.path.resolve()
        if real not in found and _is_text(real) and _chats(model.path):
            found[real] = model
    return list(found.values())


def named(name: str, models: Sequence[FoundModel]) -> list[FoundModel]:
    """The models that a person calls ``name``: their name, or that of their file."""
    low = name.lower()
    return [
        each
        for each in models
        if low in (each.name.lower(), each.path.name.lower(), each.path.stem.lower())
    ]


def _everywhere(models_dir: Path | None) -> Iterator[FoundModel]:
    if models_dir:
        yield from _folder(models_dir, "Models folder")
    yield from _hugging_face()
    for folder in lm_studio_folders():
        yield from _folder(folder, "LM Studio")
    yield from _ollama(ollama_folder())
    yield from _folder(llama_cpp_folder(), "llama.cpp")


def lm_studio_folders() -> list[Path]:
    """Where LM Studio keeps models, now and in its earlier versions."""
    return [Path.home() / ".lmstudio" / "models", Path.home() / ".cache" / "lm-studio" / "models"]


def ollama_folder() -> Path:
    given = os.environ.get("OLLAMA_MODELS")
    return Path(given).expanduser() if given else Path.home() / ".ollama" / "models"


def llama_cpp_folder() -> Path:
    given = os.environ.get("LLAMA_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "llama.cpp"


def _folder(folder: Path, place: str) -> Iterator[FoundModel]:
    """The .gguf files below ``folder``; names are the paths inside it, as LM Studio shows them."""
    for first, size in _gguf_files(folder):
        inside = first.relative_to(folder)
        name = inside.with_name(shard_stem(first.name) or first.stem).as_posix()
        yield FoundModel(name, place, first, size, str(first))


def _hugging_face() -> Iterator[FoundModel]:
    for root in sorted(cache_folder("x/y").parent.glob("models--*--*")):
        repo = root.name.removeprefix("models--").replace("--", "/", 1)
        for commit in sorted((root / "snapshots").glob("*")):
            for first, size in _gguf_files(commit):
                source = f"{repo}:{first.relative_to(commit).as_posix()}"
                yield FoundModel(source, "Hugging Face", first, size, source)


def _gguf_files(folder: Path) -> list[tuple[Path, int]]:
    """(first file, bytes of all parts) of the models whose parts are all below ``folder``."""
    try:
        paths = [path for path in folder.rglob("*") if path.suffix.lower() == ".gguf"]
        files = [
            RemoteFile(path.relative_to(folder).as_posix(), path.stat().st_size)
            for path in sorted(paths)
            if path.is_file()
        ]
    except OSError:  # a folder that another program keeps to itself
        return []
    return sorted((folder / each.name, each.size) for each in choices(files))


def _ollama(folder: Path) -> Iterator[FoundModel]:
    """Manifests lie at manifests/REGISTRY/NAMESPACE/MODEL/TAG, files at blobs/sha256-..."""
    manifests = folder / "manifests"
    try:
        paths = sorted(path for path in manifests.rglob("*") if path.is_file())
    except OSError:
        return
    for manifest in paths:
        blob = _ollama_blob(folder, manifest)
        if blob is None:
            continue
        *_, namespace, model, tag = ("", "", "", *manifest.relative_to(manifests).parts)
        name = f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"
        yield FoundModel(name, "Ollama", blob, blob.stat().st_size, str(blob))


def _ollama_blob(folder: Path, manifest: Path) -> Path | None:
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digests = [each["digest"] for each in layers if each["mediaType"] == _OLLAMA_MODEL]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if len(digests) != 1 or not isinstance(digests[0], str):
        return None
    blob = folder / "blobs" / Path(digests[0].replace(":", "-")).name
    return blob if blob.is_file() else None


def _is_text(path: Path) -> bool:
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:  # bytes of another encoding than the system's
        return False


def _chats(path: Path) -> bool:
    stat = path.stat()
    return _chats_as_it_is(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _chats_as_it_is(path: Path, _size: int, _changed: int) -> bool:
    """Whether all parts of the file are whole and make a chat model; a header takes a tenth of a
    second where the vocabulary is large, so it is read once."""
    try:
        return is_chat_model(model_header(path))
    except GgufError:
        return False
