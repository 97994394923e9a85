"""Control vectors as values: what one adds to a model's residual stream, layer by layer.

The algebra is that of representation engineering: ``a + b``, ``-a``, ``2 * a`` act on every
layer's direction; a layer that one operand lacks counts as zero there. Files are llama.cpp's
control-vector GGUF, which ``llama-cli --control-vector`` and repeng read too.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import gguf
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.files import written_whole
from chat_app.llm.engine import VectorBuffer
from chat_app.llm.gguf_header import Header, read_header
from chat_app.llm.model import ModelInfo

# The model's layers. The field's own key counts directions, which may skip the last layers.
_MODEL_LAYERS = "valueflow.model_layer_count"
_MODEL_SHA256 = "valueflow.model_sha256"
_TENSOR = re.compile(r"direction\.(\d+)")


class ControlVectorError(ValueflowError):
    """A control vector, or a file of one, that does not fit."""


@dataclass(frozen=True, eq=False)
class ControlVector:
    """Directions {layer: float32 [n_embd]} for a model of ``n_layer`` layers of ``n_embd``.

    Layer l's direction is added to the residual stream after layer l (0-based, 1 to
    n_layer - 1; layer 0 cannot be steered). ``model_hint`` is the model's architecture and
    ``model_sha256`` the checksum of its file, "" where that is not known. Vectors of two known
    files are not added; the checksum is no part of ``==`` and ``hash``, which are about numbers.

    Raises :class:`ControlVectorError` for a layer or a length that such a model does not have,
    and for numbers that are not finite.
    """

    model_hint: str
    n_layer: int
    n_embd: int
    directions: Mapping[int, np.ndarray] = field(repr=False)
    model_sha256: str = ""

    __array_ufunc__ = None  # so that numpy's numbers leave 2 * a to ``__rmul__``

    def __post_init__(self) -> None:
        kept: dict[int, np.ndarray] = {}
        for layer, direction in sorted(self.directions.items()):
            row = np.array(direction, dtype=np.float32)  # a copy that nobody else can change
            if not 1 <= layer < self.n_layer:
                raise ControlVectorError(
                    f"Layer {layer} cannot be steered; {self._model} has layers "
                    f"1 to {self.n_layer - 1}."
                )
            if row.shape != (self.n_embd,):
                raise ControlVectorError(
                    f"The direction of layer {layer} has the shape {row.shape}; "
                    f"{self._model} needs ({self.n_embd},)."
                )
            if not np.isfinite(row).all():
                raise ControlVectorError(f"The direction of layer {layer} is not finite.")
            row.setflags(write=False)
            kept[int(layer)] = row
        object.__setattr__(self, "directions", MappingProxyType(kept))

    @property
    def _model(self) -> str:
        return f"a {self.model_hint} model of {self.n_layer} x {self.n_embd}"

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(self.directions)

    @cached_property
    def norm(self) -> float:
        """The Euclidean length over all layers: sqrt(sum_l |d_l|^2)."""
        return float(np.sqrt(sum(np.sum(d.astype(np.float64) ** 2) for d in self._rows())))

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that name this vector's content."""
        digest = hashlib.sha256(f"{self.model_hint}/{self.n_layer}/{self.n_embd}".encode())
        for layer, direction in self.directions.items():
            digest.update(f"/{layer}/".encode())
            # -0.0 and 0.0 are equal, so they must not tell two equal vectors apart
            digest.update((direction + np.float32(0.0)).astype("<f4").tobytes())
        return digest.hexdigest()[:16]

    def _rows(self) -> tuple[np.ndarray, ...]:
        return tuple(self.directions.values())

    def __add__(self, other: "ControlVector") -> "ControlVector":
        if not isinstance(other, ControlVector):
            return NotImplemented
        if self._shape != other._shape:
            raise ControlVectorError(
                f"Vectors of two models cannot be added: one is for {self._model}, "
                f"the other for {other._model}."
            )
        if not self._may_share(other.model_sha256):
            raise ControlVectorError(
                f"Vectors of two models cannot be added: one is for the file with the checksum "
                f"{self.model_sha256[:12]}, the other for {other.model_sha256[:12]}."
            )
        layers = {*self.layers, *other.layers}
        zero = np.zeros(self.n_embd, np.float32)
        return ControlVector(
            *self._shape,
            {n: self.directions.get(n, zero) + other.directions.get(n, zero) for n in layers},
            self.model_sha256 or other.model_sha256,
        )

    def __sub__(self, other: "ControlVector") -> "ControlVector":
        return self + -other if isinstance(other, ControlVector) else NotImplemented

    def __neg__(self) -> "ControlVector":
        return self._map(lambda d: -d)

    def __mul__(self, factor: float | np.integer | np.floating) -> "ControlVector":
        if isinstance(factor, bool) or not isinstance(
            factor, int | float | np.integer | np.floating
        ):
            return NotImplemented
        return self._map(lambda d: d * np.float32(factor))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "ControlVector":
        return self * (1 / divisor)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ControlVector):
            return NotImplemented
        return (
            self._shape == other._shape
            and self.layers == other.layers
            and all(np.array_equal(a, b) for a, b in zip(self._rows(), other._rows(), strict=True))
        )

    def __hash__(self) -> int:
        return int(self.hash, 16)

    @property
    def _shape(self) -> tuple[str, int, int]:
        return self.model_hint, self.n_layer, self.n_embd

    def _may_share(self, sha256: str) -> bool:
        """Whether this vector may be for the model file with that checksum."""
        return not self.model_sha256 or not sha256 or self.model_sha256 == sha256

    def _map(self, change: Callable[[np.ndarray], np.ndarray]) -> "ControlVector":
        return self._with({layer: change(d) for layer, d in self.directions.items()})

    def _with(self, directions: Mapping[int, np.ndarray]) -> "ControlVector":
        return ControlVector(*self._shape, directions, self.model_sha256)

    def within(self, first: int, last: int) -> "ControlVector":
        """The directions of the layers ``first`` to ``last`` alone."""
        return self._with({n: d for n, d in self.directions.items() if first <= n <= last})

    def buffer(self) -> VectorBuffer:
        """As the engine takes it: float32 [n_layer - 1, n_embd], row 0 = layer 1."""
        data = np.zeros((self.n_layer - 1, self.n_embd), np.float32)
        for layer, direction in self.directions.items():
            data[layer - 1] = direction
        first, last = (self.layers[0], self.layers[-1]) if self.layers else (1, 1)
        return VectorBuffer(data, first, last, self.hash)

    def check_fits(self, info: ModelInfo) -> None:
        """Raise :class:`ControlVectorError`, naming both, unless ``info`` may be its model."""
        if self._shape != (info.architecture, info.n_layer, info.n_embd):
            raise ControlVectorError(
                f"This control vector was made for {self._model}; {info.name} is a "
                f"{info.architecture} model of {info.n_layer} x {info.n_embd}. Build it again "
                "for this model with `valueflow vectors build`."
            )
        if not self._may_share(info.sha256):
            raise ControlVectorError(
                f"This control vector was made for another model of that size, with the checksum "
                f"{self.model_sha256[:12]}; {info.name} has {info.sha256[:12]}. Build it again for "
                "this model with `valueflow vectors build`."
            )

    def to_gguf(self, path: Path) -> None:
        """Write llama.cpp's control-vector file; the file appears whole or not at all."""
        try:
            with written_whole(path) as fresh:
                self._write(fresh)
        except OSError as error:
            raise ControlVectorError(f"{path} cannot be written: {error.strerror}.") from error

    def _write(self, path: Path) -> None:
        writer = gguf.GGUFWriter(str(path), "controlvector")
        writer.add_string("controlvector.model_hint", self.model_hint)
        writer.add_uint32("controlvector.layer_count", len(self.directions))
        writer.add_uint32(_MODEL_LAYERS, self.n_layer)
        if self.model_sha256:
            writer.add_string(_MODEL_SHA256, self.model_sha256)
        for layer, direction in self.directions.items():
            writer.add_tensor(f"direction.{layer}", direction)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    @classmethod
    def from_gguf(cls, path: Path, info: ModelInfo | None = None) -> "ControlVector":
        """Read a control-vector file of ours, llama.cpp's or repeng's.

        Files that others wrote do not say how many layers their model has: it is taken from
        ``info``, the model they are meant for, or else one more than the last direction's layer.
        Raises :class:`ValueflowError` naming the file and what is wrong with it.
        """
        header = read_header(path)
        if header.architecture != "controlvector":
            kind = f"a {header.architecture} model" if header.architecture else "something else"
            raise ControlVectorError(f"{path} is no control vector: it holds {kind}.")
        directions: dict[int, np.ndarray] = {}
        for tensor in header.tensors:
            layer = _layer(header, tensor.name)
            if layer in directions:
                raise ControlVectorError(f"{path} has two directions for layer {layer}.")
            directions[layer] = header.floats(tensor).ravel()
        if not directions:
            raise ControlVectorError(f"{path} holds no directions.")
        widths = sorted({d.size for d in directions.values()})
        if len(widths) > 1:
            raise ControlVectorError(f"{path} has directions of different lengths: {widths}.")
        n_layer = header.metadata.get(_MODEL_LAYERS)
        if not isinstance(n_layer, int):
            n_layer = max(info.n_layer if info else 0, max(directions) + 1)
        hint = header.metadata.get("controlvector.model_hint", "")
        sha256 = header.metadata.get(_MODEL_SHA256, "")
        try:
            return cls(str(hint), n_layer, widths[0], directions, str(sha256))
        except ControlVectorError as error:
            raise ControlVectorError(f"{path}: {error}") from error


def _layer(header: Header, name: str) -> int:
    match = _TENSOR.fullmatch(name)
    if not match:
        raise ControlVectorError(
            f"{header.path} has a tensor '{name}'; a control vector has direction.<layer> only."
        )
    return int(match[1])
