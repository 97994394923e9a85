"""Texts and their vectors in a file, written whole."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.files import written_whole


def write_vectors(path: Path, texts: Sequence[str], z: NDArray[np.float32]) -> None:
    """Write rows z [n, d] of n texts, in the form that ``path`` ends in.

    .npy: z, float32; .npz: arrays ``vectors`` and ``texts``; .jsonl: an object a line with ``text``
    and ``vector``; .parquet: the columns ``text`` and ``vector`` (a list of float32). Raises
    ValueflowError for another ending or where the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz", ".jsonl", ".parquet"):
        raise ValueflowError(f"{path} must end in .npy, .npz, .jsonl or .parquet.")
    try:
        with written_whole(path) as fresh:
            if suffix == ".parquet":
                _parquet(fresh, texts, z)
            elif suffix == ".jsonl":
                _jsonl(fresh, texts, z)
            else:
                with open(fresh, "wb") as file:
                    if suffix == ".npy":
                        np.save(file, z)
                    else:
                        np.savez(file, vectors=z, texts=np.array(texts, dtype=np.str_))
    except OSError as error:
        raise ValueflowError(f"{path} cannot be written: {error.strerror or error}.") from error


def _jsonl(path: Path, texts: Sequence[str], z: NDArray[np.float32]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for text, row in zip(texts, z, strict=True):
            # The shortest digits that give back the same float32.
            vector = [float(str(x)) for x in row]
            file.write(json.dumps({"text": text, "vector": vector}, ensure_ascii=False) + "\n")


def _parquet(path: Path, texts: Sequence[str], z: NDArray[np.float32]) -> None:
    import pyarrow
    from pyarrow import parquet

    vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(z.ravel()), z.shape[1])
    parquet.write_table(pyarrow.table({"text": list(texts), "vector": vectors}), path)
