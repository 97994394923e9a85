"""Reading the head of a GGUF file: what it says of itself and where its tensors should lie.

Only the header is read, so a 20 GB model is checked in a moment. Layout: the GGUF
specification, version 2 and 3 (little-endian).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from chat_app.errors import ValueflowError

# struct letters of the scalar value types; 8 is a string, 9 an array
_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST_KEPT_ARRAY = 512  # there may be a number for each layer


class GgufError(ValueflowError):
    """A file that is not a whole GGUF file."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: ``shape`` as numpy would print it, ``offset`` from the start of the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    n_bytes: int


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of itself.

    Long arrays of the metadata (a vocabulary) are represented by their length.
    """

    path: Path
    metadata: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    file_size: int

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", ""))

    def number(self, name: str, otherwise: int = 0, *, layer: int | None = None) -> int:
        """What the metadata says of the architecture's ``name``. Where each layer has a number of
        its own, that of ``layer`` (0 past the last), or the largest.

        Raises GgufError for what is no whole number from 0 on.
        """
        found = self.metadata.get(f"{self.architecture}.{name}", otherwise)
        numbers = found if isinstance(found, list) else [found]
        if not all(isinstance(each, int) and each >= 0 for each in numbers):
            raise GgufError(f"{self.path} is a damaged GGUF file: its {name} is no number.")
        if layer is None or not isinstance(found, list):
            return max(numbers, default=0)
        return numbers[layer] if layer < len(numbers) else 0

    @property
    def n_layer(self) -> int:
        """Raises GgufError for more layers than there are tensors."""
        count = self.number("block_count")
        if count > len(self.tensors):
            raise GgufError(f"{self.path} is a damaged GGUF file: it lacks {count:,} layers.")
        return count

    def floats(self, tensor: TensorInfo) -> np.ndarray:
        """The data of a float32 or float16 tensor, as float32 in its own shape."""
        types = {GGMLQuantizationType.F32: "<f4", GGMLQuantizationType.F16: "<f2"}
        kind = types.get(GGMLQuantizationType(tensor.kind))
        if kind is None:
            name = GGMLQuantizationType(tensor.kind).name
            raise GgufError(f"{self.path}: tensor {tensor.name} is {name}, not float32.")
        count = int(np.prod(tensor.shape, dtype=np.int64))
        data = np.fromfile(self.path, dtype=kind, count=count, offset=tensor.offset)
        return data.astype(np.float32).reshape(tensor.shape)


class _Reader:
    """Little-endian reads that know where the file ends."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def bytes(self, count: int) -> bytes:
        if count > self.size - self.file.tell():
            raise EOFError
        return self.file.read(count)

    def scalar(self, letter: str) -> Any:
        return struct.unpack(f"<{letter}", self.bytes(struct.calcsize(f"<{letter}")))[0]

    def string(self) -> str:
        return self.bytes(self.scalar("Q")).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array()
        raise ValueError(f"unknown value type {kind}")

    def _array(self) -> Any:
        kind, count = self.scalar("I"), self.scalar("Q")
        if count <= _LONGEST_KEPT_ARRAY:
            return [self.value(kind) for _ in range(count)]
        if kind in _SCALARS:
            self.bytes(struct.calcsize(f"<{_SCALARS[kind]}") * count)
        elif kind == _STRING:
            for _ in range(count):
                self.bytes(self.scalar("Q"))
        else:
            raise ValueError("arrays in long arrays")
        return count


def read_header(path: Path) -> Header:
    """Read and check the header of ``path``.

    Raises :class:`GgufError`, naming the file, where it is missing, not GGUF, or shorter than
    its own table of tensors says.
    """
    if not path.is_file():
        where = "is a folder" if path.is_dir() else "does not exist"
        raise GgufError(f"{path} {where}; give the path of a .gguf file.")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            header = _parse(path, _Reader(file, size), size)
    except OSError as error:
        raise GgufError(f"{path} cannot be read: {error.strerror}.") from error
    except EOFError:
        raise GgufError(
            f"{path} is cut off inside its header ({size:,} bytes); get the file again."
        ) from None
    except (ValueError, MemoryError, OverflowError, RecursionError) as error:
        raise GgufError(f"{path} is a damaged GGUF file: {error}.") from error
    end = max((t.offset + t.n_bytes for t in header.tensors), default=0)
    if end > size:
        raise GgufError(
            f"{path} is cut off: it has {size:,} of at least {end:,} bytes; get the file again."
        )
    return header


def _parse(path: Path, reader: _Reader, size: int) -> Header:
    if size < 4 or reader.bytes(4) != b"GGUF":
        raise GgufError(f"{path} is not a GGUF file; llama.cpp reads models in that format only.")
    version = reader.scalar("I")
    if version not in (2, 3):
        raise GgufError(f"{path} is GGUF version {version}; versions 2 and 3 can be read.")
    n_tensors, n_values = reader.scalar("Q"), reader.scalar("Q")
    metadata = {}
    for _ in range(n_values):
        key = reader.string()
        metadata[key] = reader.value(reader.scalar("I"))
    rows = list(_tensor_rows(reader, n_tensors))
    alignment = int(metadata.get("general.alignment", 32))
    if alignment < 1:
        raise ValueError(f"alignment {alignment}")
    start = -(-reader.file.tell() // alignment) * alignment
    tensors = tuple(_tensor(name, dims, kind, start + offset) for name, dims, kind, offset in rows)
    return Header(path, metadata, tensors, size)


def _tensor_rows(reader: _Reader, count: int) -> Iterator[tuple[str, list[int], int, int]]:
    for _ in range(count):
        name = reader.string()
        dims = [reader.scalar("Q") for _ in range(reader.scalar("I"))]
        yield name, dims, reader.scalar("I"), reader.scalar("Q")


def _tensor(name: str, dims: list[int], kind: int, offset: int) -> TensorInfo:
    try:
        block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        block, block_bytes = 1, 0  # newer than the gguf package: its size cannot be checked
    n_bytes = math.prod(dims) // block * block_bytes
    return TensorInfo(name, tuple(reversed(dims)), kind, offset, n_bytes)
