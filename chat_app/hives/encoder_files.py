"""Where an encoder's folder is, what state its files are in, and whether it must be fetched."""

import hashlib
import json
import re
from pathlib import Path

from chat_app.errors import ValueflowError
from chat_app.llm.checksums import file_sha256
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


def encoder_folder(source: str) -> Path:
    """The folder of "builtin" or "general", of a path, or of a Hugging Face id ("org/name").

    A folder is taken as it is, and an id that was downloaded before too, both without touching
    the network; else the id is fetched. Raises EncoderError.
    """
    ours = BUILT_IN.get(source)
    folder = data_path("models", ours) if ours else Path(source).expanduser()
    if not folder.is_dir():
        if ours or not _HUB_ID.fullmatch(source):
            raise EncoderError(
                f"No encoder at {folder}: give the folder of a sentence-transformers model, or "
                "its id on Hugging Face, such as snu-aidas/HiVES-2."
            )
        folder = _downloaded(source) or _download(source)
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


def _downloaded(source: str) -> Path | None:
    """The folder of an earlier download, if it came to its end."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(source, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if _has_weights(folder) else None


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


def _download(source: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, ignore_patterns=_NOT_READ))
    except LocalEntryNotFoundError as error:
        raise EncoderError(
            f"The encoder {source} is not on this computer and Hugging Face cannot be reached: "
            "check the connection, or give the folder of a sentence-transformers model."
        ) from error
    except Exception as error:  # no such model, no access, no room on the disk
        raise EncoderError(
            f"There is no folder {source}, and it cannot be had from Hugging Face: {line(error)}"
        ) from error


def line(error: Exception) -> str:
    """The first line of an error's message, as the end of our sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."
