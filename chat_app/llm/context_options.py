"""What a context may be told beside its size: how attention is computed, how the cache is kept."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

import llama_cpp.llama_cpp as lib

from chat_app.errors import ValueflowError

FlashAttention = Literal["auto", "on", "off"]
KvType = Literal["f16", "q8_0", "q4_0"]

_FLASH = {
    "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_KV = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0, "q4_0": lib.GGML_TYPE_Q4_0}
# Bytes a number: q8_0 keeps 32 numbers in 34 bytes, q4_0 in 18.
KV_BYTES: dict[str, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}


@dataclass(frozen=True)
class ContextOptions:
    """``flash_attention``: "auto" uses it on a GPU where every device can. On a processor it is the
    slower one for long conversations, and rounds otherwise in batches of another size, so that a
    reply written beside others would not be the one written alone. ``kv_type``: how keys and values
    are kept; the small types take half or a quarter of the memory and need flash attention.
    """

    flash_attention: FlashAttention = "auto"
    kv_type: KvType = "f16"

    def __post_init__(self) -> None:
        _one_of("flash_attention", self.flash_attention, get_args(FlashAttention))
        _one_of("kv_type", self.kv_type, get_args(KvType))
        if self.kv_type != "f16" and self.flash_attention == "off":
            raise ValueflowError(
                f"A cache kept as {self.kv_type} needs flash attention, which is off: set "
                'VALUEFLOW_FLASH_ATTENTION to "auto", or VALUEFLOW_KV_TYPE to "f16".'
            )

    def apply(self, params: "lib.llama_context_params") -> None:
        """Put them into llama.cpp's parameters of a context."""
        plain = self.flash_attention == "auto" and self.kv_type == "f16"
        on_cpu = plain and not lib.llama_supports_gpu_offload()
        params.flash_attn_type = _FLASH["off" if on_cpu else self.flash_attention]
        params.type_k = params.type_v = _KV[self.kv_type]


def why_no_context(log: str, options: ContextOptions) -> str | None:
    """What of ``options`` a model cannot do, from llama.cpp's log of a context that failed; None
    where the reason is another one (most likely memory)."""
    if "does not divide" in log:
        reason = "the width of its heads is no multiple of 32"
    elif "requires Flash Attention" in log or "requires flash_attn" in log:
        reason = "it cannot use flash attention here"
    else:
        return None
    return (
        f"This model's cache cannot be kept as {options.kv_type}, since {reason}: "
        'set VALUEFLOW_KV_TYPE to "f16".'
    )


def flash_attention_used(log: str) -> bool | None:
    """Whether a context uses flash attention, from llama.cpp's log of it; None: it does not say."""
    said = re.findall(r"flash_attn += (\w+)|Flash Attention (enabled|not supported)", log)
    last = next(filter(None, said[-1])) if said else "auto"
    return None if last == "auto" else last == "enabled"


def _one_of(name: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueflowError(f"{name} is {given!r}; it is one of {', '.join(known)}.")
