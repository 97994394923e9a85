"""What a model's KV cache is like, before one is made."""

from typing import TYPE_CHECKING

import llama_cpp.llama_cpp as lib

from chat_app.llm.context_options import KV_BYTES, KvType

if TYPE_CHECKING:
    from chat_app.llm.model import ChatModel


def kv_bytes_per_token(model: "ChatModel", kv_type: KvType = "f16") -> int:
    """Bytes that one token takes: keys and values of every layer (too many, where layers attend
    to a window only)."""
    return max(1, int(model.numbers_per_cell * KV_BYTES[kv_type]))


def idle_cells_slow() -> bool:
    """Whether cells that a token does not look at cost it time: on a processor llama.cpp computes
    all of them and throws away what is masked."""
    return not lib.llama_supports_gpu_offload()


def steps_back(model: "ChatModel") -> bool:
    """Whether the model can forget the end of what it read; recurrent ones cannot."""
    handle = model.handle
    return not (lib.llama_model_is_recurrent(handle) or lib.llama_model_is_hybrid(handle))
