"""The few things that llama-cpp-python's low-level module leaves to its callers.

llama.cpp's own log goes to the Python logger ``valueflow.llama`` at debug level, never to the
terminal; its latest lines are kept so that an error can say what llama.cpp had to say.
"""

import ctypes
import logging
from collections import deque
from functools import cache
from pathlib import Path

import llama_cpp.llama_cpp as lib
import numpy as np
from llama_cpp._ctypes_extensions import load_shared_library

logger = logging.getLogger("valueflow.llama")

_GGML_DEBUG = 1  # hundreds of lines about each context, and nothing of why one failed

_recent: deque[str] = deque(maxlen=200)


def _log(level: int, text: bytes | None, _user_data: object) -> None:
    line = (text or b"").decode("utf-8", errors="replace").rstrip()
    if line and level != _GGML_DEBUG:
        _recent.append(line)
        logger.debug("%s", line)


_log_callback = lib.llama_log_callback(_log)  # kept here: llama.cpp holds only its address


@cache
def start_backend() -> None:
    """Start llama.cpp once in this process and take over its log."""
    lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
    lib.llama_backend_init()


def recent_log() -> str:
    """llama.cpp's latest log lines, joined."""
    return "\n".join(_recent)


def clear_recent_log() -> None:
    _recent.clear()


@cache
def _ggml() -> ctypes.CDLL:
    base = load_shared_library("ggml-base", Path(lib.__file__).parent / "lib")
    base.ggml_get_name.argtypes = [ctypes.c_void_p]
    base.ggml_get_name.restype = ctypes.c_char_p
    base.ggml_nbytes.argtypes = [ctypes.c_void_p]
    base.ggml_nbytes.restype = ctypes.c_size_t
    base.ggml_backend_tensor_get.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
    ]
    base.ggml_backend_tensor_get.restype = None
    return base


def tensor_name(tensor: int) -> str:
    """The name of a ggml tensor in a running graph."""
    return _ggml().ggml_get_name(tensor).decode()


def tensor_floats(tensor: int) -> np.ndarray:
    """A copy of a float32 tensor's data (from whatever device holds it), flat."""
    size = _ggml().ggml_nbytes(tensor)
    data = np.empty(size // 4, dtype=np.float32)
    _ggml().ggml_backend_tensor_get(tensor, data.ctypes.data, 0, size)
    return data


def float_pointer(data: np.ndarray) -> "ctypes._Pointer[ctypes.c_float]":
    """The address of a contiguous float32 array, for the time that the array lives."""
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
