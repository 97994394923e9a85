"""The activation bank: every VIDB text as the model's own answer, and its hidden states.

Each text is read as the assistant's reply to :data:`BANK_QUESTION` after a system prompt that
says, with the text's own sign and strength, what its speaker thinks of its value. One pass
serves every direction of the model: all values, custom values, every method.

Where the hidden state is read: ``mean`` over the text's tokens, its ``last`` token, or the token
``before`` it, which has seen the system prompt and the question alone (so that texts under the
same prompt have the same state there).
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from chat_app.files import written_whole
from chat_app.llm.hidden_states import Span, span_states
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Turn, lay_out
from chat_app.steering.prompts import BANK_QUESTION, intensity_prompt
from chat_app.vidb.loading import Anchor, Vidb

logger = logging.getLogger(__name__)

Read = Literal["mean", "last", "before"]
READS: tuple[Read, ...] = get_args(Read)

_FORMAT = 2  # of the cached file; raise it when what is stored changes its meaning
_LONGEST = 1024  # tokens of prompt and text

# The tokens of a text in its dialogue, and the span that is read.
Reading = tuple[tuple[int, ...], Span]


@dataclass(frozen=True, eq=False)
class Bank:
    """``states``: float16 [n_texts, n_layer, n_embd] in the order of ``vidb.anchors``, the mean
    over the tokens that are read, divided by its layer's ``norms`` (so that float16 can hold it).

    ``norms``: float32 [n_layer], the typical length of such a token's hidden state: the median
    over texts of the mean over tokens.
    """

    model_sha256: str
    architecture: str
    vidb_version: str
    states: np.ndarray
    norms: np.ndarray
    read: Read = "mean"


def build_bank(
    model: ChatModel,
    vidb: Vidb,
    cache_dir: Path | None,
    progress: Callable[[int, int], None] | None = None,
    *,
    read: Read = "mean",
    shipped: Path | None = None,
) -> Bank:
    """Read VIDB's texts through ``model``, or take them from ``cache_dir`` or what is ``shipped``.

    The cached file is named by the model and by the very tokens that were read, so that another
    VIDB, template or wording of the prompts makes another one. ``progress(done, of)`` counts texts.
    """
    readings = [reading(model, anchor, read) for anchor in vidb.anchors]
    unique = list(dict.fromkeys(readings))
    name, shape = f"bank-{_key(model, unique)}.npz", (len(unique), model.n_layer, model.n_embd)
    found = (_load(folder / name, shape) for folder in (cache_dir, shipped) if folder)
    stored = next((each for each in found if each), None)
    if stored is None:
        stored = _read(model, unique, progress)
        if cache_dir:
            _save(cache_dir / name, *stored)
    elif progress:
        progress(len(unique), len(unique))
    states, norms = stored
    if len(unique) < len(readings):
        place = {one: i for i, one in enumerate(unique)}
        states = states[[place[one] for one in readings]]
    return Bank(model.info.sha256, model.info.architecture, vidb.version, states, norms, read)


def reading(model: ChatModel, anchor: Anchor, read: Read = "mean") -> Reading:
    """What is read of ``anchor``, and where."""
    turns = [
        Turn("system", intensity_prompt({anchor.value: anchor.intensity})),
        Turn("user", BANK_QUESTION),
    ]
    prompt = [cell.token for cell in lay_out(model, turns, None)]
    room = min(_LONGEST, model.n_ctx_train) - len(prompt)
    tokens = (*prompt, *model.tokenize(anchor.text)[: max(1, room)])
    if read == "before":
        return tuple(prompt), (len(prompt) - 1, len(prompt))
    return tokens, (len(tokens) - 1 if read == "last" else len(prompt), len(tokens))


def _key(model: ChatModel, readings: Sequence[Reading]) -> str:
    digest = hashlib.sha256(f"{_FORMAT}/{model.info.sha256}".encode())
    for tokens, span in readings:
        digest.update(np.array([len(tokens), *span, *tokens], dtype="<i4").tobytes())
    return digest.hexdigest()[:16]


def _read(
    model: ChatModel,
    readings: Sequence[Reading],
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    tokens, spans = zip(*readings, strict=True)
    found = span_states(model, tokens, spans, progress)
    norms = np.maximum(np.median(found.norms, axis=0), 1e-6).astype(np.float32)
    return (found.means / norms[:, None]).astype(np.float16), norms


def _load(path: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            states, norms = stored["states"], stored["norms"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        logger.warning("%s cannot be read and is made again: %s", path, error)
        return None
    return (states, norms) if states.shape == shape and norms.shape == shape[1:2] else None


def _save(path: Path, states: np.ndarray, norms: np.ndarray) -> None:
    try:
        with written_whole(path) as fresh, fresh.open("wb") as file:
            np.savez(file, states=states, norms=norms)
    except OSError as error:
        logger.warning("The activation bank cannot be kept in %s: %s", path, error)
