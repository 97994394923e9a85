"""The value space: VIDB's texts embedded, and an axis for every value they speak about."""

import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.hives.encoder import Encoder
from chat_app.hives.labels import direction
from chat_app.values.taxonomy import THEORIES, descendants, values_of
from chat_app.vidb.loading import Vidb

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Space:
    """``embeddings``: float32 [n_texts, d], unit rows in the order of ``vidb.anchors``;
    ``axes``: value id -> float32 [d], unit; ``supports``: for values without texts of their own
    (``hives.custom``), how much each text says for the value, float32 [n_texts] in [-1, 1]."""

    encoder: Encoder
    vidb: Vidb
    embeddings: NDArray[np.float32]
    axes: Mapping[str, NDArray[np.float32]]
    supports: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def coordinates(self, z: NDArray[np.float32], value: str) -> NDArray[np.float32]:
        """y = z . a_v, float32 [n] in [-1, 1], of unit rows z [n, d].

        Raises ValueflowError for a value that VIDB has no supporting and opposing texts of.
        """
        if value not in self.axes:
            raise ValueflowError(
                f"{self.vidb.name} has no axis for {value}: it needs texts that support the value "
                "and texts that oppose it."
            )
        return z @ self.axes[value]


def value_axis(
    embeddings: NDArray[np.float32], directions: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """a_v = normalised (mean z of supporting texts - mean z of opposing texts), float32 [d].

    embeddings: [n, d] of the texts of v and its descendants; directions: [n] of -1, 0, 1.
    None where one side has no text or the two means coincide.
    """
    signs = np.asarray(directions)
    if not (signs > 0).any() or not (signs < 0).any():
        return None
    axis = embeddings[signs > 0].mean(axis=0) - embeddings[signs < 0].mean(axis=0)
    norm = float(np.linalg.norm(axis))
    return axis / np.float32(norm) if norm > 0 else None


def build_space(
    encoder: Encoder,
    vidb: Vidb,
    cache_dir: Path | None,
    progress: Progress | None = None,
    *,
    shipped: Path | None = None,
) -> Space:
    """Embed VIDB's texts (or read them from ``cache_dir`` or what is ``shipped``) and compute the
    value axes.

    ``progress(done, total)`` counts the texts that are embedded; none where all were kept. The
    axes are means of what is kept, which takes no time worth keeping them for.
    """
    name = f"vidb-{vidb.version}-{encoder.version}.npz"
    embeddings = _kept(shipped / name, len(vidb.anchors)) if shipped else None
    if embeddings is None:
        path = cache_dir / name if cache_dir else None
        embeddings = embedded(encoder, vidb.texts, path, progress)
    rows: dict[str, list[int]] = {}
    for row, anchor in enumerate(vidb.anchors):
        rows.setdefault(anchor.value, []).append(row)
    signs = np.array([direction(a.intensity) for a in vidb.anchors], dtype=np.int64)
    ids = {v.id for theory in THEORIES for v in values_of(theory)}
    axes = {}
    for value in sorted(ids | rows.keys()):
        family = {value, *(descendants(value) if value in ids else ())}
        chosen = sorted(row for v in family for row in rows.get(v, ()))
        axis = value_axis(embeddings[chosen], signs[chosen])
        if axis is not None:
            axes[value] = axis
    return Space(encoder, vidb, embeddings, axes)


def embedded(
    encoder: Encoder, texts: Sequence[str], path: Path | None, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Unit vectors of ``texts``, float32 [n, d]: those kept in ``path``, else made and kept there.

    ``path`` must name both the texts and the encoder, by their versions.
    """
    if path is None:
        return encoder.encode(texts, progress)
    if (kept := _kept(path, len(texts))) is not None:
        return kept
    embeddings = encoder.encode(texts, progress)
    try:
        _write(path, embeddings)
    except OSError as error:
        # Nothing is lost: the texts are embedded again next time.
        log.warning("The embeddings of %d texts were not kept in %s: %s", len(texts), path, error)
    return embeddings


def _kept(path: Path, n: int) -> NDArray[np.float32] | None:
    """The vectors of ``n`` texts in ``path``, None where there are none, or not as many."""
    try:
        with np.load(path) as stored:
            rows = np.asarray(stored["embeddings"], dtype=np.float32)
            return rows if rows.ndim == 2 and len(rows) == n else None
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:  # cut short or not ours
        log.warning("%s cannot be read and is made again: %s", path, error)
        return None


def _write(path: Path, embeddings: NDArray[np.float32]) -> None:
    """Write beside ``path`` and rename, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, embeddings=embeddings)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
