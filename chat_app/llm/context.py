"""A llama.cpp context with its KV cache: decode tokens, read logits, put a control vector on."""

import ctypes
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm import bindings

if TYPE_CHECKING:
    from chat_app.llm.model import ChatModel


_ONE_THREAD_BELOW = 50_000_000  # parameters


class EngineError(ValueflowError):
    """llama.cpp could not do what it was asked."""


@dataclass(frozen=True, eq=False)
class VectorBuffer:
    """A control vector as llama.cpp takes it, added to the residual stream after each layer.

    ``data``: float32 [n_layer - 1, n_embd], row 0 is layer 1 (layer 0 cannot be steered).
    ``first``, ``last``: the layers it acts on, both included. ``hash`` names its content.
    """

    data: np.ndarray = field(repr=False)
    first: int
    last: int
    hash: str


def default_threads(n_params: int) -> tuple[int, int]:
    """(threads for one token at a time, threads for prompts) for a model of this size.

    llama.cpp's threads wait for each other several times a layer, spinning. In a small model
    that costs more than the arithmetic, and on a busy machine hundreds of times more.
    """
    if n_params < _ONE_THREAD_BELOW:
        return 1, 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    logical = usable or 1
    return (logical if logical <= 4 else logical // 2), logical


class Context:
    """One llama.cpp context and its sequences. Not thread-safe: its owner sees to that.

    ``eval_callback``: see :mod:`chat_app.llm.hidden_states`.
    """

    def __init__(
        self,
        model: "ChatModel",
        *,
        n_ctx: int,
        n_batch: int = 512,
        n_seq: int = 1,
        n_threads: int | None = None,
        eval_callback: "ctypes._FuncPointer | None" = None,
    ) -> None:
        self.model = model  # a context outlives its model only at the price of a crash
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = min(n_batch, n_ctx)
        params.n_seq_max = n_seq
        params.kv_unified = True
        params.no_perf = True
        one, many = default_threads(model.n_params)
        params.n_threads, params.n_threads_batch = n_threads or one, n_threads or many
        if eval_callback is not None:
            self._eval_callback = eval_callback  # llama.cpp holds only its address
            params.cb_eval = eval_callback
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise EngineError(
                f"There is not enough memory for a context of {n_ctx} tokens with "
                f"{model.info.name if hasattr(model, 'info') else 'this model'}; "
                "choose a smaller one (VALUEFLOW_N_CTX)."
            )
        self.n_batch = int(params.n_batch)
        self._memory = lib.llama_get_memory(self.handle)
        self._batch = lib.llama_batch_init(self.n_batch, 0, n_seq)
        self._close = weakref.finalize(self, _free, self.handle, self._batch)
        self._vector: str | None = None

    def close(self) -> None:
        self._close()

    def set_vector(self, vector: VectorBuffer | None) -> None:
        """Put ``vector`` on for the decodes that follow, or take it off (None)."""
        wanted = vector.hash if vector else None
        if wanted == self._vector:
            return
        if vector is None:
            failed = lib.llama_set_adapter_cvec(self.handle, None, 0, 0, 0, 0)
        else:
            data = np.ascontiguousarray(vector.data, dtype=np.float32)
            rows, width = self.model.n_layer - 1, self.model.n_embd
            if data.shape != (rows, width):
                raise EngineError(
                    f"This control vector has {data.shape[0] + 1} layers of {data.shape[1]}; "
                    f"the model has {rows + 1} of {width}. Build it again for this model."
                )
            failed = lib.llama_set_adapter_cvec(
                self.handle,
                bindings.float_pointer(data),
                data.size,
                width,
                vector.first,
                vector.last,
            )
        if failed:
            raise EngineError("llama.cpp refused the control vector.")
        self._vector = wanted

    def decode(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        *,
        sequences: Sequence[Sequence[int]] | None = None,
        logits: Sequence[int] = (),
    ) -> None:
        """Run ``tokens`` (at most ``n_batch``) through the model, adding them to the KV cache.

        ``sequences`` are those that each token belongs to (default: 0 alone); ``logits`` the
        indices whose next-token logits are wanted.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, (token, position) in enumerate(zip(tokens, positions, strict=True)):
            batch.token[i] = token
            batch.pos[i] = position
            owners = sequences[i] if sequences else (0,)
            batch.n_seq_id[i] = len(owners)
            for place, owner in enumerate(owners):
                batch.seq_id[i][place] = owner
            batch.logits[i] = 0
        for i in logits:
            batch.logits[i] = 1
        code = lib.llama_decode(self.handle, batch)
        if code == 1:
            raise EngineError("The model's context is full; start a new conversation.")
        if code:
            raise EngineError(f"llama.cpp failed to run the model (code {code}).")

    def logits(self, index: int = -1) -> np.ndarray:
        """float32 [n_vocab], a copy: the logits asked for at ``index`` of the last decode."""
        row = lib.llama_get_logits_ith(self.handle, index)
        return np.ctypeslib.as_array(row, shape=(self.model.n_vocab,)).copy()

    def trim(self, keep: int) -> bool:
        """Forget all but the first ``keep`` positions; False where the model cannot do that."""
        if keep == 0:
            lib.llama_memory_clear(self._memory, False)
            return True
        return bool(lib.llama_memory_seq_rm(self._memory, 0, keep, -1))


def _free(handle: int, batch: "lib.llama_batch") -> None:
    lib.llama_batch_free(batch)
    lib.llama_free(handle)
