"""A person's own control vectors: files under the data folder, known by name."""

import re
from pathlib import Path

from chat_app.llm.model import ModelInfo
from chat_app.steering.control_vector import ControlVector, ControlVectorError

_NAME = re.compile(r"[\w][\w .-]*")


def fitted(
    vector: ControlVector, info: ModelInfo, source: str, *, any_file: bool = False
) -> ControlVector:
    """``vector`` as one of the model ``info``; ``source`` is what the person calls it.

    Files of other tools name a model's family in their own way and may leave out its last layers,
    so only what the arithmetic needs is compared, the dimensions and the highest layer; and the
    model file's checksum, where the vector has one, unless ``any_file``.

    Raises :class:`ControlVectorError` where one of them does not fit.
    """
    if vector.n_embd != info.n_embd:
        raise ControlVectorError(
            f"{source} was made for a model with {vector.n_embd} dimensions; {info.name} has "
            f"{info.n_embd}. Make it again for this model."
        )
    if max(vector.layers) >= info.n_layer:
        raise ControlVectorError(
            f"{source} steers layer {max(vector.layers)}; {info.name} has layers 1 to "
            f"{info.n_layer - 1}. Make it again for this model."
        )
    if not any_file and vector.model_sha256 not in ("", info.sha256):
        raise ControlVectorError(
            f"{source} was made for another model file, with the checksum "
            f"{vector.model_sha256[:12]}; {info.name} has {info.sha256[:12]}. Where the two are "
            "the same model in other precision, import it with --any-file."
        )
    return ControlVector(
        info.architecture, info.n_layer, info.n_embd, vector.directions, info.sha256
    )


def import_vector(
    file: Path,
    folder: Path,
    info: ModelInfo,
    name: str | None = None,
    *,
    any_file: bool = False,
) -> str:
    """Keep the control vector of ``file`` in ``folder``; the name that it goes by there.

    ``any_file``: also where it says that it was made for another file of the model. Raises
    :class:`ControlVectorError` for a file that is none, that does not fit the model, or whose name
    is taken.
    """
    name = file.stem if name is None else name
    kept = _path(folder, name)
    vector = fitted(ControlVector.from_gguf(file), info, str(file), any_file=any_file)
    if kept.exists():
        raise ControlVectorError(
            f"There is a vector {name!r} already: choose another name, or delete {kept}."
        )
    vector.to_gguf(kept)
    return name


def names(folder: Path) -> list[str]:
    """The names of the vectors in ``folder``, in order."""
    return sorted(path.stem for path in folder.glob("*.gguf"))


def load_vector(name: str, folder: Path, info: ModelInfo) -> ControlVector:
    """The vector ``name``, for the model ``info``.

    Raises :class:`ControlVectorError` where there is none of that name or it does not fit.
    """
    path = _path(folder, name)
    if not path.is_file():
        known = ", ".join(names(folder)) or "none is imported yet"
        raise ControlVectorError(f"There is no vector {name!r} ({known}).")
    return fitted(ControlVector.from_gguf(path), info, name)


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ControlVectorError(
            f"{name!r} is no name for a vector: use letters, digits, spaces, dots and dashes."
        )
    return folder / f"{name}.gguf"
