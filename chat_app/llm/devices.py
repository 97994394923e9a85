"""What llama.cpp can compute on: the processor, graphics cards, and how much memory they have."""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
from llama_cpp._ctypes_extensions import load_shared_library

from chat_app.llm import bindings

_KINDS = ("cpu", "gpu", "integrated gpu", "accelerator", "meta")


@dataclass(frozen=True)
class Device:
    """One device as ggml names it, "CUDA0"; ``free`` and ``total`` bytes, 0 where it has none of
    its own. ``kind``: "cpu", "gpu", "integrated gpu", "accelerator" (helps the processor)."""

    name: str
    description: str
    kind: str
    free: int
    total: int

    @property
    def takes_layers(self) -> bool:
        """Whether layers of a model can lie on it instead of in the processor's memory."""
        return self.kind in ("gpu", "integrated gpu")


def devices() -> list[Device]:
    """Every device of this build of llama.cpp, with the memory that is free now."""
    bindings.start_backend()
    count, get = _library("ggml").ggml_backend_dev_count, _library("ggml").ggml_backend_dev_get
    return [_device(get(i)) for i in range(count())]


def offloads() -> bool:
    """Whether this build of llama.cpp can put layers on a graphics card, and there is one."""
    return bool(lib.llama_supports_gpu_offload())


def _device(handle: int) -> Device:
    base = _library("ggml-base")
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=base.ggml_backend_dev_name(handle).decode(errors="replace"),
        description=base.ggml_backend_dev_description(handle).decode(errors="replace").strip(),
        kind=_KINDS[base.ggml_backend_dev_type(handle)],
        free=free.value,
        total=total.value,
    )


@cache
def _library(name: str) -> ctypes.CDLL:
    library = load_shared_library(name, Path(lib.__file__).parent / "lib")
    size = ctypes.POINTER(ctypes.c_size_t)
    declarations: dict[str, tuple[list[Any], Any]] = {
        "ggml_backend_dev_count": ([], ctypes.c_size_t),
        "ggml_backend_dev_get": ([ctypes.c_size_t], ctypes.c_void_p),
        "ggml_backend_dev_name": ([ctypes.c_void_p], ctypes.c_char_p),
        "ggml_backend_dev_description": ([ctypes.c_void_p], ctypes.c_char_p),
        "ggml_backend_dev_type": ([ctypes.c_void_p], ctypes.c_int),
        "ggml_backend_dev_memory": ([ctypes.c_void_p, size, size], None),
    }
    for function, (arguments, result) in declarations.items():
        if hasattr(library, function):
            getattr(library, function).argtypes = arguments
            getattr(library, function).restype = result
    return library
