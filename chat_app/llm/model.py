"""A chat model: a GGUF file's weights, vocabulary and chat template, loaded by llama.cpp."""

import ctypes
import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm import bindings
from chat_app.llm.context import Context, VectorBuffer
from chat_app.llm.context_options import KvType
from chat_app.llm.devices import devices, offloads
from chat_app.llm.facts import display_name, model_header, model_sha256
from chat_app.llm.gguf_header import GgufError, Header
from chat_app.llm.memory import fitting_layers, need, numbers_per_cell
from chat_app.llm.template import STRAIGHT, Asking, ChatTemplate, Message
from chat_app.llm.threads import in_own_thread
from chat_app.settings import settings

_load_lock = threading.Lock()  # llama.cpp's log, read for the cause of a failure, is global


class ModelError(ValueflowError):
    """A file that cannot serve as a chat model."""


@dataclass(frozen=True)
class ModelInfo:
    """What is loaded. ``steerable``: whether its logits move under a control vector."""

    name: str
    path: Path
    sha256: str
    n_params: int
    n_layer: int
    n_embd: int
    n_ctx_train: int
    architecture: str
    has_template: bool
    steerable: bool


class ChatModel:
    """The weights, shared by every context made from them. Close the engines first."""

    info: ModelInfo
    n_gpu_layers: int  # layers on graphics cards, the output counted as one

    def __init__(self, handle: int, header: Header) -> None:
        self.handle = handle
        self._close = weakref.finalize(self, lib.llama_model_free, handle)
        self.vocab = lib.llama_model_get_vocab(handle)
        self.n_layer = int(lib.llama_model_n_layer(handle))
        self.n_embd = int(lib.llama_model_n_embd(handle))
        self.n_params = int(lib.llama_model_n_params(handle))
        self.n_bytes = int(lib.llama_model_size(handle))
        self.numbers_per_cell = sum(numbers_per_cell(header))
        self.n_ctx_train = int(lib.llama_model_n_ctx_train(handle))
        self.n_vocab = int(lib.llama_vocab_n_tokens(self.vocab))
        self.bos = int(lib.llama_vocab_bos(self.vocab))
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(self.vocab)) and self.bos >= 0
        eos = int(lib.llama_vocab_eos(self.vocab))
        source = header.metadata.get("tokenizer.chat_template")
        self.template = ChatTemplate(
            source if isinstance(source, str) else None,
            bos=self._special_text(self.bos),
            eos=self._special_text(eos),
        )

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        n_gpu_layers: int = -1,
        n_ctx: int = 4096,
        kv_type: KvType = "f16",
        cache_dir: Path | None = None,
    ) -> "ChatModel":
        """Load a GGUF file; ``n_gpu_layers`` -1 puts as many layers on a graphics card as fit
        there with the cache of ``n_ctx`` tokens.

        ``cache_dir`` keeps the checksums of large files (default: the user's cache folder).
        Raises :class:`ModelError` where the file is missing, no GGUF, cut off, of an
        architecture that llama.cpp does not know, or no model that can chat.
        """
        try:
            header = model_header(path)
        except GgufError as error:
            raise ModelError(str(error)) from error
        _check_kind(header)
        bindings.start_backend()
        if n_gpu_layers < 0:
            n_gpu_layers = _fitting(header, n_ctx, kv_type)
        model = cls(_load_weights(header, n_gpu_layers), header)
        model.n_gpu_layers = min(n_gpu_layers, model.n_layer + 1) if offloads() else 0
        checksum = model_sha256(path, cache_dir or settings().cache_dir)
        model.info = ModelInfo(
            name=display_name(header),
            path=path,
            sha256=checksum,
            n_params=model.n_params,
            n_layer=model.n_layer,
            n_embd=model.n_embd,
            n_ctx_train=model.n_ctx_train,
            architecture=header.architecture,
            has_template=model.template.own,
            steerable=in_own_thread(lambda _: _moves_under_a_vector(model, path)),
        )
        return model

    def close(self) -> None:
        self._close()

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Token ids of ``text``, without a first token of the model's own.

        With ``special`` the names of control tokens, "<|im_end|>", are read as those tokens;
        what a person typed must never be.
        """
        data = text.encode("utf-8")
        room = len(data) + 8
        tokens = (lib.llama_token * room)()
        count = lib.llama_tokenize(self.vocab, data, len(data), tokens, room, False, special)
        if count < 0:
            tokens = (lib.llama_token * -count)()
            count = lib.llama_tokenize(self.vocab, data, len(data), tokens, -count, False, special)
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """The bytes that ``token`` adds to a text; control tokens add none."""
        buffer = ctypes.create_string_buffer(64)
        size = lib.llama_token_to_piece(self.vocab, token, buffer, 64, 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, -size, 0, False)
        return buffer.raw[:size]

    def ends_reply(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    def render(
        self, messages: Sequence[Message], open_reply: bool, asking: Asking = STRAIGHT
    ) -> str:
        """``messages`` ({"role", "content"}) in the model's own chat template."""
        return self.template.render(messages, open_reply, asking)

    @cached_property
    def first_bytes(self) -> np.ndarray:
        """int16 [n_vocab]: the first byte that each token adds to a text, -1 where it adds none."""
        return self._begins[0]

    @cached_property
    def single_bytes(self) -> np.ndarray:
        """int64: tokens that are one byte alone, one for each byte that has any."""
        alone = np.flatnonzero(self._begins[1] == 1)
        _, once = np.unique(self.first_bytes[alone], return_index=True)
        return alone[once]

    @cached_property
    def _begins(self) -> np.ndarray:
        """int16 [2, n_vocab]: first byte of each token's piece (-1: none), and its length."""
        read, vocab, room = lib.llama_token_to_piece, self.vocab, 512
        buffer = ctypes.create_string_buffer(room)  # one for all: there are 150,000 of them
        found = np.full((2, self.n_vocab), -1, dtype=np.int16)
        for token in range(self.n_vocab):
            size = read(vocab, token, buffer, room, 0, False)
            found[1, token] = abs(size)
            if size:  # below 0: the buffer is too short for it
                found[0, token] = ord(buffer[0]) if size > 0 else self.piece(token)[0]
        return found

    @cached_property
    def silent_tokens(self) -> np.ndarray:
        """int64: the control tokens that may stand in a reply, adding nothing to its text."""
        silent = np.flatnonzero(self.first_bytes < 0)
        return np.array([t for t in silent.tolist() if not self.ends_reply(t)], dtype=np.int64)

    @cached_property
    def control_texts(self) -> tuple[str, ...]:
        """The names of the control tokens, "<|im_end|>" and the like."""
        tokens = range(self.n_vocab)
        control = (t for t in tokens if lib.llama_vocab_is_control(self.vocab, t))
        return tuple(text for text in map(self._special_text, control) if text)

    def _special_text(self, token: int) -> str:
        text = lib.llama_vocab_get_text(self.vocab, token) if token >= 0 else None
        return text.decode("utf-8", errors="replace") if text else ""


def _check_kind(header: Header) -> None:
    if header.architecture in {"controlvector", "adapter", "imatrix", "clip"}:
        raise ModelError(
            f"{header.path} holds a {header.architecture}, not a chat model; "
            "choose the model's own GGUF file."
        )
    if not header.metadata.get("tokenizer.ggml.tokens"):
        raise ModelError(
            f"{header.path} has no vocabulary, so it cannot read text; get a complete chat model."
        )


def _fitting(header: Header, n_ctx: int, kv_type: KvType) -> int:
    vocabulary = header.metadata["tokenizer.ggml.tokens"]
    n_vocab = vocabulary if isinstance(vocabulary, int) else len(vocabulary)
    return fitting_layers(need(header, n_ctx=n_ctx, kv_type=kv_type), devices(), n_vocab)


def _load_weights(header: Header, n_gpu_layers: int) -> int:
    params = lib.llama_model_default_params()
    params.n_gpu_layers = n_gpu_layers
    with _load_lock:
        bindings.clear_recent_log()
        handle = lib.llama_model_load_from_file(os.fsencode(header.path), params)
        log = bindings.recent_log()
    if not handle:
        raise ModelError(_why_not(header, log))
    if not lib.llama_model_has_decoder(handle) or lib.llama_model_has_encoder(handle):
        lib.llama_model_free(handle)
        raise ModelError(
            f"{header.path} ({header.architecture}) does not write text from left to right; "
            "choose a chat model."
        )
    return int(handle)


def _why_not(header: Header, log: str) -> str:
    if "unknown model architecture" in log:
        return (
            f"{header.path} has the architecture '{header.architecture}', which this version of "
            "llama.cpp does not know; choose another model or update llama-cpp-python."
        )
    causes = [line for line in log.splitlines() if "error" in line.lower()]
    cause = causes[0].rpartition("error loading model: ")[2] if causes else "no reason given"
    if "allocate" in cause:
        return (
            f"There is not enough memory for {header.path} ({cause.rstrip('.')}): choose a smaller "
            "model, or put fewer layers on the graphics card (VALUEFLOW_N_GPU_LAYERS)."
        )
    return f"{header.path} cannot be loaded by llama.cpp: {cause.rstrip('.')}."


def _moves_under_a_vector(model: ChatModel, path: Path) -> bool:
    """Whether a large vector changes the logits: some architectures leave it out of the graph.

    Raises :class:`ModelError` where the logits are no numbers even without one.
    """
    tokens = model.tokenize("Yes, of course.")[:16] or [0]
    context = Context(model, n_ctx=64, n_batch=32)
    try:
        plain = _logits_under(context, None, tokens)
        if not np.isfinite(plain).all():
            raise ModelError(
                f"{path} computes no numbers (NaN): the file is damaged, get it again."
            )
        if model.n_layer < 2:  # llama.cpp leaves out the first layer
            return False
        rng = np.random.default_rng(0)
        data = rng.normal(size=(model.n_layer - 1, model.n_embd)).astype(np.float32) * 10
        probe = VectorBuffer(data, 1, model.n_layer - 1, "probe")
        # No number any more is a change, too: the vector did arrive.
        return not np.allclose(plain, _logits_under(context, probe, tokens), rtol=1e-3, atol=1e-3)
    finally:
        context.close()


def _logits_under(
    context: Context, vector: VectorBuffer | None, tokens: Sequence[int]
) -> np.ndarray:
    context.trim(0)
    context.set_vector(vector)
    context.decode(tokens, range(len(tokens)), logits=[len(tokens) - 1])
    return context.logits()
