"""Encoders and half-done training runs on disk, whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_app.files import written_whole
from chat_app.hives.loop import TrainingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def save_whole(
    model: "SentenceTransformer", folder: Path, notes: dict[str, str] | None = None
) -> None:
    """Save ``model`` beside ``folder`` and rename, so that ``folder`` is only ever whole.

    A process that has the old encoder open maps its weights from the file: writing into that file
    would change or kill the encoder under its feet, and a renamed one stays as it is. ``notes``:
    further files' names and what stands in them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        new, old = Path(beside, "new"), Path(beside, "old")
        model.save(str(new), create_model_card=False)
        for name, text in (notes or {}).items():
            Path(new, name).write_text(text, encoding="utf-8")
        if folder.exists():
            # A folder cannot be renamed onto one that holds files.
            os.rename(folder, old)
        try:
            os.rename(new, folder)
        except OSError:
            if old.exists():
                os.rename(old, folder)
            raise


def folder_bytes(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def checkpoint_file(folder: Path) -> Path:
    """Where the half-done run that will write ``folder`` keeps its state."""
    return folder.with_name(f"{folder.name}.checkpoint")


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Raises TrainingError where the disk does not take it."""
    import torch

    try:
        with written_whole(path) as fresh:
            torch.save(state, fresh)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise TrainingError(f"The checkpoint {path} cannot be written: {error}.") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Raises TrainingError where there is none, or none that can be read."""
    import torch

    if not path.is_file():
        raise TrainingError(f"There is no checkpoint {path} to go on from: train without resuming.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes torch raise
        raise TrainingError(
            f"The checkpoint {path} cannot be read: delete it and train anew."
        ) from error
    return state
