"""Where an encoder's folder is, what state its files are in, and whether it must be fetched."""

import hashlib
import json
import re
from pathlib import Path

from chat_app.errors import ValueflowError
from chat_app.llm.checksums import file_sha256
from chat_app.llm.download import Progress
from chat_app.llm.snapshot import fetch_snapshot, local_snapshot
from chat_app.settings import data_path

# Weights in other frameworks' formats, which a hub folder may carry beside the ones we read.
_NOT_READ = ["*.onnx", "*.onnx_data", "openvino/*", "*.h5", "*.msgpack", "*.ot", "*.gguf"]
# Two come with the program: one that reads the built-in chat model's replies and little else, and
# one that was taught more of the language, for any other text.
BUILT_IN = {"builtin": "hives-mini", "general": "hives-general"}
NOTES = "training.json"  # what an encoder that was trained here was trained on
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class EncoderError(ValueflowError):
    """An encoder that cannot be loaded or run."""


def encoder_folder(source: str, progress: Progress | None = None) -> Path:
    """The folder of "builtin" or "general", of a path, or of a Hugging Face id ("org/name").

    A folder is taken as it is, and an id that was downloaded before too, both without touching
    the network; else the id is fetched, ``progress(what, bytes done, in all)``. Raises
    EncoderError, and HubError where it cannot be fetched.
    """
    ours = BUILT_IN.get(source)
    folder = data_path("models", ours) if ours else Path(source).expanduser()
    if not folder.is_dir():
        if ours or not _HUB_ID.fullmatch(source):
            raise EncoderError(
                f"No encoder at {folder}: give the folder of a sentence-transformers model, or "
                "its id on Hugging Face, such as snu-aidas/HiVES-2."
            )
        folder = local_encoder(source) or fetch_snapshot(
            source, "model", ignore=_NOT_READ, progress=progress
        )
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        raise EncoderError(
            f"{folder} is not a sentence-transformers model: it has no modules.json."
        )
    return folder


def folder_version(folder: Path, cache_dir: Path | None) -> str:
    """64 hexadecimal digits of SHA-256 over every file's relative path and content.

    Hidden files are left out: they are notes of whoever downloaded the folder. Large files are
    read once and remembered in ``cache_dir`` (see ``llm.checksums``).
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            digest.update(name.as_posix().encode() + b"\0")
            digest.update(bytes.fromhex(file_sha256(path, cache_dir)))
    return digest.hexdigest()


def kept_from(folder: Path) -> float:
    """The share of texts that the encoder was kept from in training, 0 where nobody says so."""
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        return float(notes["settings"]["held_out"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def is_hub_id(source: str) -> bool:
    """Whether ``source`` names an encoder on Hugging Face: no folder here is called so."""
    return bool(_HUB_ID.fullmatch(source)) and not Path(source).expanduser().is_dir()


def local_encoder(source: str) -> Path | None:
    """The folder of the encoder ``source`` of Hugging Face, where it is on this computer whole."""
    folder = local_snapshot(source, "model", ignore=_NOT_READ)
    return folder if folder and _has_weights(folder) else None


def _has_weights(folder: Path) -> bool:
    """Whether the weights are there, every shard of them where there are several."""
    for index in folder.rglob("*.index.json"):
        try:
            shards = set(json.loads(index.read_text())["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            return False
        if not all((index.parent / shard).is_file() for shard in shards):
            return False
    return any(p.suffix in (".safetensors", ".bin") for p in folder.rglob("*") if p.is_file())


def line(error: Exception) -> str:
    """The first line of an error's message, as the end of our sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."
