"""An encoder: texts to unit vectors, by any sentence-transformers model.

The real one is ``snu-aidas/HiVES-2``: Qwen3-Embedding-0.6B, 1024 numbers a text, read off the
last token. Which tokens, which side is padded, how the states are pooled and what stands before
a text are the model's own files' to say; sentence-transformers follows them.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.encoder_files import (
    BUILT_IN,
    EncoderError,
    encoder_folder,
    folder_version,
    kept_from,
    line,
)
from chat_app.hives.head import Head, HeadError, read_head
from chat_app.llm.download import Progress

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

__all__ = ["Encoder", "EncoderError", "load_encoder"]

# A batch holds at most so many tokens, padding counted. Two processor cores are busy with a few
# hundred, a graphics card wants many.
_TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 32768}
_MOST_TEXTS = 256


Loaded = tuple["SentenceTransformer", Head | None]


class Encoder:
    """An encoder; ``load`` makes it when it is first asked for more than what names it.

    name: what it was asked for by; version: 12 hex digits of a hash over its files (and its
    numbers' precision where that is not float32), so that cached embeddings never outlive what
    made them; held_out: the share of texts, by ``dataset.held_out``, that it was kept from in
    training, 0 if unknown.
    """

    def __init__(
        self, load: Callable[[], Loaded], name: str, version: str, held_out: float = 0.0
    ) -> None:
        self._load = load
        self._loaded: Loaded | None = None
        # Fast tokenizers keep padding settings in shared state and fail when two threads meet.
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self.name, self.version, self.held_out = name, version, held_out

    def _parts(self) -> Loaded:
        """The model and its head, loaded now if need be. Raises EncoderError."""
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded

    @property
    def _model(self) -> "SentenceTransformer":
        return self._parts()[0]

    @property
    def head(self) -> Head | None:
        """What reads intensities off its vectors, where one comes with it."""
        return self._parts()[1]

    @property
    def dim(self) -> int:
        """The length of its vectors."""
        return _dim(self._model)

    @property
    def prompt(self) -> str:
        """What is put before each text."""
        return text_prompt(self._model.prompts, self._model.default_prompt_name)

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0", "mps:0"."""
        return str(self._model.device)

    def encode(
        self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Unit vectors of ``texts``: float32 [n, dim]. ``progress(done, total)`` after a batch.

        Raises EncoderError where a text comes out as no number, as half precision can overflow.
        """
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        done = 0
        for some in self._batches(texts):
            with self._lock:
                rows[some] = self._model.encode_document(
                    [texts[i] for i in some],
                    prompt=self.prompt,
                    batch_size=len(some),
                    show_progress_bar=False,
                    normalize_embeddings=True,
                )
            if not np.isfinite(rows[some]).all():
                raise EncoderError(
                    f"The encoder {self.name} gives no numbers for some texts on {self.device}: "
                    "set VALUEFLOW_HIVES_DEVICE=cpu, where it computes in full precision."
                )
            done += len(some)
            if progress:
                progress(done, len(texts))
        return rows

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Rows of texts of like length, so that little is padded and a batch's size is known."""
        lengths = self.lengths(texts)
        room = _TOKENS.get(self._model.device.type, _TOKENS["cpu"])
        batch: list[int] = []
        for row in sorted(range(len(texts)), key=lambda i: lengths[i]):
            # The rows come by length: this one is the longest of its batch.
            if batch and (len(batch) == _MOST_TEXTS or (len(batch) + 1) * lengths[row] > room):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, the prompt's among them."""
        whole = [self.prompt + text for text in texts]
        tokenizer: Any = self._model.tokenizer
        with self._lock:
            if hasattr(tokenizer, "encode_batch"):  # a static model's, of the tokenizers library
                return [len(found.ids) for found in tokenizer.encode_batch(whole)]
            if not callable(tokenizer) or not whole:
                return [1 + len(text.encode()) // 3 for text in whole]
            longest = self._model.max_seq_length or 512
            return [len(ids) for ids in _ids(tokenizer, whole, longest)]


def _ids(tokenizer: Any, texts: list[str], longest: int) -> list[list[int]]:
    found: list[list[int]] = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
    return found


def text_prompt(prompts: dict[str, str], default: str | None) -> str:
    """What to put before each text: the default prompt of the model, else its documents' prompt.

    Texts are compared with texts here, never a question with answers, so all of them are read in
    one way: as the model's maker says where nothing else is asked (``default_prompt_name``), else
    as a document. The "query" prompt of Qwen3-Embedding asks for passages that answer a question
    of the web, which is another task; its documents have no prompt.
    """
    names = [default] if default else ["document", "passage", "corpus"]
    return next((prompts[name] for name in names if prompts.get(name)), "")


def load_encoder(
    source: str = "builtin",
    *,
    device: str = "auto",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Encoder:
    """The encoder at ``source``: "builtin", a folder, or a Hugging Face id ("org/name").

    ``device``: "auto" (CUDA, else Metal, else the processor; for what comes with the program the
    processor) or what torch calls one. A local folder is read without touching the network, and no
    code that comes with a model is ever run. ``cache_dir`` keeps the hashes of large files;
    ``progress(what, bytes done, in all)`` is told of a download. Raises EncoderError (of what comes
    with the program, when it is first used), and HubError where it cannot be fetched.
    """
    folder = encoder_folder(source, progress)
    if source in BUILT_IN and device in ("auto", "cpu"):
        # These are small, and the calibration that comes with the program holds for their float32
        # alone. So it is known what they would be without torch, whose import takes seconds: a
        # first reply needs no more than what is kept of them.
        version = _version(folder, "float32", cache_dir)
        return Encoder(lambda: _open(folder, _device("cpu")), source, version, kept_from(folder))
    chosen = _device(device)
    loaded = _open(folder, chosen)
    version = _version(folder, str(_dtype(chosen)).removeprefix("torch."), cache_dir)
    return Encoder(lambda: loaded, source, version, kept_from(folder))


def _open(folder: Path, device: "torch.device") -> Loaded:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    dtype = _dtype(device)
    try:
        model = SentenceTransformer(
            str(folder),
            device=str(device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype},
        )
        # Layers beside the transformer (a projection, static vectors) come as their file has them.
        model = model.to(dtype=dtype).eval()
    except Exception as error:  # whatever a damaged folder makes the libraries raise
        raise EncoderError(f"The encoder in {folder} cannot be loaded: {line(error)}") from error
    try:
        return model, read_head(folder, _dim(model))
    except HeadError as error:
        raise EncoderError(str(error)) from error


def _dim(model: "SentenceTransformer") -> int:
    dim = model.get_embedding_dimension()
    if dim is None:
        raise EncoderError("This encoder does not say how long its embeddings are.")
    return dim


def _device(wanted: str) -> "torch.device":
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except Exception as error:  # no such device, not compiled in, not there
        raise EncoderError(
            f"The encoder cannot run on {wanted!r}: {line(error)} Set VALUEFLOW_HIVES_DEVICE to "
            "auto, cpu, cuda or mps."
        ) from error
    return device


def _dtype(device: "torch.device") -> "torch.dtype":
    """Half precision where the hardware computes in it; float32 elsewhere, whatever the file has.

    transformers would keep a bfloat16 file's type on a processor, too, which then converts back
    and forth at each step.
    """
    import torch

    if device.type != "cuda":
        return torch.float32
    major, _ = torch.cuda.get_device_capability(device)
    return torch.bfloat16 if major >= 8 else torch.float16 if major >= 7 else torch.float32


def _version(folder: Path, precision: str, cache_dir: Path | None) -> str:
    files = folder_version(folder, cache_dir)
    if precision == "float32":
        return files[:12]
    return hashlib.sha256(f"{files} {precision}".encode()).hexdigest()[:12]
