"""What a model's KV cache is like, before one is made."""

from typing import TYPE_CHECKING

import llama_cpp.llama_cpp as lib

from chat_app.llm.context_options import KV_BYTES

if TYPE_CHECKING:
    from chat_app.llm.model import ChatModel

# What the KV cache may hold beyond one whole conversation, so that others stay in it too.
_SPARE_BYTES = 512 * 2**20
_SPARE_CELLS = 3072


def cells(n_ctx: int, n_slots: int, bytes_per_token: int) -> int:
    """How many tokens the cache is made for: one whole conversation of ``n_ctx`` at least, and
    of ``n_slots`` conversations as many as are cheap."""
    spare = min(_SPARE_BYTES // bytes_per_token, max(_SPARE_CELLS, n_ctx))
    return min(n_slots * n_ctx, n_ctx + spare)


def kv_bytes_per_token(numbers_per_cell: int, kv_type: str = "f16") -> int:
    """Bytes that one token takes: keys and values of every layer."""
    return max(1, int(numbers_per_cell * KV_BYTES[kv_type]))


def idle_cells_slow() -> bool:
    """Whether cells that a token does not look at cost it time: on a processor llama.cpp computes
    all of them and throws away what is masked."""
    return not lib.llama_supports_gpu_offload()


def steps_back(model: "ChatModel") -> bool:
    """Whether the model can forget the end of what it read; recurrent ones cannot."""
    handle = model.handle
    return not (lib.llama_model_is_recurrent(handle) or lib.llama_model_is_hybrid(handle))
