"""An encoder: texts to unit vectors, by any sentence-transformers model."""

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.settings import data_path

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH = 64
# Weights in other frameworks' formats, which a hub folder may carry beside the ones we read.
_NOT_READ = ["*.onnx", "*.onnx_data", "openvino/*", "*.h5", "*.msgpack", "*.ot", "*.gguf"]


class EncoderError(ValueflowError):
    """An encoder that cannot be loaded."""


class Encoder:
    """A loaded encoder.

    name: what it was asked for by; version: 12 hex digits of a hash over its files, so that
    cached embeddings never outlive the model that made them; dim: length of its vectors.
    """

    def __init__(self, model: "SentenceTransformer", name: str, version: str) -> None:
        dim = model.get_embedding_dimension()
        if dim is None:
            raise EncoderError(f"{name} does not say how long its embeddings are.")
        self._model = model
        # Fast tokenizers keep padding settings in shared state and fail when two threads meet.
        self._lock = threading.Lock()
        self.name, self.version, self.dim = name, version, dim

    def encode(
        self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors of ``texts``: float32 [n, dim]. ``progress(done, total)`` after a batch."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        # Texts of like length share a batch: less padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            with self._lock:
                rows[some] = self._model.encode(
                    [texts[i] for i in some],
                    batch_size=_BATCH,
                    show_progress_bar=False,
                    normalize_embeddings=True,
                )
            if progress:
                progress(start + len(some), len(order))
        return rows


def load_encoder(source: str = "builtin") -> Encoder:
    """The encoder at ``source``: "builtin", a folder, or a Hugging Face id ("org/name").

    A local folder is read without touching the network. Raises EncoderError.
    """
    folder = data_path("models", "hives-mini") if source == "builtin" else Path(source).expanduser()
    if not folder.is_dir():
        if source == "builtin" or not _is_hub_id(source):
            raise EncoderError(
                f"No encoder at {folder}: give the folder of a sentence-transformers model."
            )
        folder = _download(source)
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise EncoderError(
            f"{folder} is not a sentence-transformers model: it has no modules.json."
        )

    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    try:
        model = SentenceTransformer(str(folder), local_files_only=True)
    except Exception as error:  # whatever a damaged folder makes the libraries raise
        raise EncoderError(f"The encoder in {folder} cannot be loaded: {_line(error)}") from error
    return Encoder(model, source, _hash_folder(folder))


def _is_hub_id(source: str) -> bool:
    return source.count("/") == 1 and not source.startswith((".", "/", "~"))


def _download(source: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, ignore_patterns=_NOT_READ))
    except Exception as error:  # no network, no such model, no access
        raise EncoderError(
            f"There is no folder {source}, and it cannot be had from Hugging Face: {_line(error)}"
        ) from error


def _line(error: Exception) -> str:
    """The first line of an error's message, as the end of our sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".") + "."


def _hash_folder(folder: Path) -> str:
    """12 hex digits of sha256 over every file's relative path and content."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
