"""An encoder's own reading of intensities: a linear head in a file beside its weights.

    h_v(z) = z . w_v + b_v      for a unit vector z and each of the head's values v

It is fitted on labelled texts that are not VIDB's (``training/train_head.py``), so that an anchor
has no advantage over a reply. An encoder without the file has none, and nothing else changes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.files import written_whole

HEAD = "head.safetensors"


class HeadError(ValueflowError):
    """A head's file that cannot be read."""


@dataclass(frozen=True, eq=False)
class Head:
    """``weight`` float32 [d, V] and ``bias`` float32 [V], a column per value of ``values``."""

    values: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def read(self, z: NDArray[np.floating], values: Sequence[str]) -> NDArray[np.float64]:
        """Intensities of unit rows z [n, d] for ``values``: [n, len(values)], not clipped.

        0 for a value that the head does not know.
        """
        found = np.zeros((len(z), len(values)))
        place = {value: i for i, value in enumerate(self.values)}
        known = [i for i, value in enumerate(values) if value in place]
        theirs = [place[values[i]] for i in known]
        found[:, known] = z @ self.weight[:, theirs].astype(z.dtype) + self.bias[theirs]
        return found


def read_head(folder: Path, dim: int) -> Head | None:
    """The head of the encoder in ``folder``, whose vectors have ``dim`` numbers; None without one.

    Raises HeadError for a file that is damaged or belongs to another encoder.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / HEAD
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            values = tuple(json.loads(file.metadata()["values"]))
            weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise HeadError(f"{path} cannot be read: {str(error).rstrip('.')}.") from error
    fits = weight.shape == (dim, len(values)) and bias.shape == (len(values),)
    if not fits or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise HeadError(f"{path} belongs to another encoder: make it again or remove it.")
    return Head(values, weight.astype(np.float32), bias.astype(np.float32))


def write_head(folder: Path, head: Head) -> None:
    """Write ``head`` beside the encoder in ``folder``, whole. Raises OSError."""
    from safetensors.numpy import save

    tensors = {"weight": np.ascontiguousarray(head.weight), "bias": head.bias}
    with written_whole(folder / HEAD) as fresh:
        fresh.write_bytes(save(tensors, {"values": json.dumps(head.values)}))
