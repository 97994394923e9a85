"""Models to choose from, and what is known of the one that is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chat_app.db.models import last_speed
from chat_app.files import written_whole
from chat_app.settings import Settings

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

_RECENT = "recent-models.json"
_KEPT = 8  # recently used models that are remembered


@dataclass(frozen=True)
class LoadedModel:
    """``file_bytes``: the weights' size; ``on_gpu``: how many of its ``layers`` a graphics card
    holds; ``tokens_per_s`` of its last reply, None before any."""

    name: str
    n_params: int
    file_bytes: int
    layers: int
    on_gpu: int
    n_ctx: int
    steerable: bool
    tokens_per_s: float | None


def loaded_model(studio: "Studio") -> LoadedModel | None:
    """The chat model, if it is loaded already; loads nothing."""
    info = studio.loaded_model
    if info is None:
        return None
    model = studio.model
    with studio.database.read() as session:
        speed = last_speed(session, info.sha256)
    return LoadedModel(
        name=info.name,
        n_params=info.n_params,
        file_bytes=model.n_bytes,
        layers=info.n_layer + 1,
        on_gpu=model.n_gpu_layers,
        n_ctx=min(studio.settings.n_ctx, info.n_ctx_train),
        steerable=info.steerable,
        tokens_per_s=speed,
    )


def known_models(settings: Settings) -> list[tuple[str, str]]:
    """(name, source) of the built-in model, those used lately and the .gguf files of the data
    folder's models/, each once."""
    files = sorted(models_dir(settings).glob("*.gguf"))
    sources = dict.fromkeys(["builtin", settings.model, *_recent(settings), *map(str, files)])
    return [(_name(source), source) for source in sources]


def find_model(settings: Settings, sha256: str, name: str) -> str | None:
    """The source of a model of this computer whose file has the checksum ``sha256``, None where
    none is known; one that is called ``name`` is looked at first, and of other programs' models
    no other. Nothing is fetched."""
    from chat_app.llm.facts import model_sha256
    from chat_app.llm.found import found_models, named
    from chat_app.llm.sources import local_file

    known = [source for _, source in known_models(settings)]
    others = [each.source for each in named(name, found_models())]
    files = [(source, local_file(source)) for source in (*known, *others)]
    there = [(source, path) for source, path in files if path is not None]
    for source, path in sorted(there, key=lambda each: each[1].stem != name):
        if model_sha256(path, settings.cache_dir) == sha256:
            return source
    return None


def models_dir(settings: Settings) -> Path:
    """Where a person puts .gguf files to choose from."""
    return settings.home / "models"


def remember_model(settings: Settings, source: str) -> None:
    """Note that ``source`` was used, before the others."""
    kept = [source, *(each for each in _recent(settings) if each != source)][:_KEPT]
    settings.home.mkdir(parents=True, exist_ok=True)
    with written_whole(settings.home / _RECENT) as fresh:
        fresh.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _recent(settings: Settings) -> list[str]:
    """As noted, without files that have gone; a note that cannot be read is none."""
    try:
        noted = json.loads((settings.home / _RECENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    sources = [each for each in noted if isinstance(each, str)] if isinstance(noted, list) else []
    return [each for each in sources if ":" in each or Path(each).expanduser().is_file()]


def _name(source: str) -> str:
    return "Built-in model" if source == "builtin" else Path(source).name or source
