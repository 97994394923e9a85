"""A llama.cpp context with its KV cache: decode tokens, read logits, put a control vector on."""

import ctypes
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm import bindings
from chat_app.llm.context_options import ContextOptions, why_no_context

if TYPE_CHECKING:
    from chat_app.llm.model import ChatModel


_ONE_THREAD_BELOW = 50_000_000  # parameters


class EngineError(ValueflowError):
    """llama.cpp could not do what it was asked."""


class ContextFullError(EngineError):
    """The KV cache has no room for these tokens; it holds what it held before."""

    def __init__(self) -> None:
        super().__init__("The model's context is full; start a new conversation.")


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
        options: ContextOptions | None = None,
    ) -> None:
        options = options or ContextOptions()
        self.model = model  # a context outlives its model only at the price of a crash
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = min(n_batch, n_ctx)
        params.n_seq_max = n_seq
        params.kv_unified = True
        params.no_perf = True
        options.apply(params)
        one, many = default_threads(model.n_params)
        params.n_threads, params.n_threads_batch = n_threads or one, n_threads or many
        if eval_callback is not None:
            self._eval_callback = eval_callback  # llama.cpp holds only its address
            params.cb_eval = eval_callback
        bindings.clear_recent_log()
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise EngineError(
                why_no_context(bindings.recent_log(), options)
                or f"There is not enough memory for a context of {n_ctx} tokens with "
                f"{model.info.name if hasattr(model, 'info') else 'this model'}; "
                "choose a smaller one (VALUEFLOW_N_CTX)."
            )
        self.n_batch = int(params.n_batch)
        self._memory = lib.llama_get_memory(self.handle)
        self._batch = _Batch(self.n_batch, n_seq)
        self._close = weakref.finalize(self, lib.llama_free, self.handle)
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
        sequences: Sequence[int] | Sequence[Sequence[int]] | None = None,
        logits: Sequence[int] = (),
    ) -> None:
        """Run ``tokens`` (at most ``n_batch``) through the model, adding them to the KV cache.

        ``sequences``: the one, or those, that each token belongs to (default: 0); ``logits``: the
        indices whose next-token logits are wanted. Raises :class:`ContextFullError` where there
        are not enough free cells.
        """
        self._batch.fill(tokens, positions, sequences, logits)
        code = lib.llama_decode(self.handle, self._batch.struct)
        if code == 1:
            raise ContextFullError
        if code:
            raise EngineError(f"llama.cpp failed to run the model (code {code}).")

    def logits(self, index: int = -1) -> np.ndarray:
        """float32 [n_vocab], a copy: the logits asked for at ``index`` of the last decode."""
        row = lib.llama_get_logits_ith(self.handle, index)
        return np.ctypeslib.as_array(row, shape=(self.model.n_vocab,)).copy()

    def trim(self, keep: int, sequence: int = 0) -> bool:
        """Forget all but the first ``keep`` positions; False where the model cannot do that."""
        return bool(lib.llama_memory_seq_rm(self._memory, sequence, keep, -1))

    def clear(self) -> None:
        """Forget all sequences."""
        lib.llama_memory_clear(self._memory, False)

    def copy(self, source: int, target: int, length: int) -> None:
        """Let the sequence ``target`` begin with the first ``length`` cells of ``source``.

        The cells are shared, not copied, until one of the two forgets them.
        """
        lib.llama_memory_seq_cp(self._memory, source, target, 0, length)


class _Batch:
    """A ``llama_batch`` of at most ``size`` tokens, whose columns are numpy arrays."""

    def __init__(self, size: int, n_seq: int) -> None:
        self._tokens, self._positions, self._counts = np.zeros((3, size), dtype=np.int32)
        self._owners = np.zeros((size, n_seq), dtype=np.int32)
        self._wanted = np.zeros(size, dtype=np.int8)
        start, step = self._owners.ctypes.data, self._owners.strides[0]
        self._rows = (start + step * np.arange(size)).astype(np.uintp)
        self.struct = lib.llama_batch(
            token=_address(self._tokens, ctypes.c_int32),
            pos=_address(self._positions, ctypes.c_int32),
            n_seq_id=_address(self._counts, ctypes.c_int32),
            seq_id=_address(self._rows, ctypes.POINTER(ctypes.c_int32)),
            logits=_address(self._wanted, ctypes.c_int8),
        )

    def fill(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int] | Sequence[Sequence[int]] | None,
        wanted: Sequence[int],
    ) -> None:
        n = self.struct.n_tokens = len(tokens)
        self._tokens[:n] = tokens
        self._positions[:n] = positions
        self._counts[:n] = 1
        if sequences is None:
            self._owners[:n, 0] = 0
        elif isinstance(sequences[0], int):
            self._owners[:n, 0] = sequences
        else:
            for i, owners in enumerate(cast(Sequence[Sequence[int]], sequences)):
                self._counts[i] = len(owners)
                self._owners[i, : len(owners)] = owners
        self._wanted[:n] = 0
        self._wanted[list(wanted)] = 1


def _address(column: np.ndarray, kind: type) -> "ctypes._Pointer[ctypes.c_int]":
    return column.ctypes.data_as(ctypes.POINTER(kind))
