"""The models on this computer and those to be had: list, look at, fetch, choose and remove.

Every model is named by its ``source`` (see ``llm.sources``). What other programs keep is shown
and used where it lies, and never written to or removed.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from chat_app.chat.curated import CuratedModel, curated_models
from chat_app.chat.models import models_dir, remember_model
from chat_app.chat.pulled import Pulled, forget_pulled, note_pulled, pulled_models
from chat_app.errors import ValueflowError
from chat_app.llm.checksums import remember_sha256
from chat_app.llm.download import Progress, fetch
from chat_app.llm.estimate import Estimate, estimate, free_memory, shortage
from chat_app.llm.facts import ModelFacts, display_name, facts_of, is_chat_model, model_header
from chat_app.llm.found import FoundModel, found_models
from chat_app.llm.hub import HubError, cache_folder
from chat_app.llm.sources import cached_file, choose, hub_source, resolve_model
from chat_app.settings import Settings, save_settings, saved_settings, variable


@dataclass(frozen=True)
class LibraryModel:
    """A model that is on this computer.

    ``name``: what a person calls it; ``source``: what names it to every door; ``place``: "Built
    in", "Models folder", "Hugging Face", "LM Studio", "Ollama" or "llama.cpp"; ``size``: bytes;
    ``curated``: what the short list says of it; ``pulled``: fetched by this program, so that it
    may be removed; ``in_use``: the model that this data folder chats with.
    """

    name: str
    source: str
    place: str
    path: Path
    size: int
    curated: CuratedModel | None
    pulled: bool
    in_use: bool


@dataclass(frozen=True)
class ModelDetails:
    """What is known of a model without loading it: ``facts`` from its file, ``needs`` in bytes at
    ``n_ctx`` tokens of context, and ``warning``: one sentence where this computer has not the
    memory for it now, else None."""

    name: str
    source: str
    facts: ModelFacts
    n_ctx: int
    needs: Estimate
    warning: str | None


def library(settings: Settings) -> list[LibraryModel]:
    """The models on this computer: the built-in one, then those found, by place and name.

    Reads the head of every model file the first time, which takes about 0.1 s each.
    """
    used = _path_in_use(settings)
    ours = {each.source for each in pulled_models(settings)}
    lists = {_curated_path(each): each for each in curated_models()}
    builtin = resolve_model("builtin")
    found = [FoundModel("Built-in model", "Built in", builtin, builtin.stat().st_size, "builtin")]
    found += found_models(models_dir(settings))
    return [
        LibraryModel(
            name=lists[each.path].name if each.path in lists else each.name,
            source=each.source,
            place=each.place,
            path=each.path,
            size=each.size,
            curated=lists.get(each.path),
            pulled=each.source in ours,
            in_use=each.path == used,
        )
        for each in found
    ]


def offers(settings: Settings) -> list[CuratedModel]:
    """The short list without what is on this computer already."""
    return [each for each in curated_models() if _curated_path(each) is None]


def details(settings: Settings, source: str, *, n_ctx: int | None = None) -> ModelDetails:
    """What is known of ``source``, which must be on this computer; nothing is loaded or fetched.

    ``n_ctx``: tokens of context, by default those of the settings. Raises ValueflowError where
    there is no such model here, or its file is not whole.
    """
    from chat_app.llm.devices import devices

    path = local_path(settings, source)
    header = model_header(path)
    facts = facts_of(header)
    n_ctx = n_ctx or settings.n_ctx
    n_ctx = min(n_ctx, facts.n_ctx_train or n_ctx)
    needs = estimate(header, n_ctx=n_ctx, n_slots=settings.n_slots, kv_type=settings.kv_type)
    return ModelDetails(
        name="Built-in model" if source == "builtin" else display_name(header),
        source=source,
        facts=facts,
        n_ctx=n_ctx,
        needs=needs,
        warning=shortage(needs, devices(), free_memory()),
    )


def local_path(settings: Settings, source: str) -> Path:
    """The file of ``source``, which is not fetched. Raises ValueflowError where it is not here."""
    wanted = hub_source(source)
    if wanted is None:
        return resolve_model(source, models_dir=models_dir(settings))
    path = cached_file(wanted)
    if path is None:
        raise ValueflowError(
            f"{source} is not on this computer yet: fetch it with `valueflow models pull {source}`."
        )
    return path


def pull(
    settings: Settings,
    source: str,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> LibraryModel:
    """Fetch ``source`` (``org/repo:file.gguf``, ``org/repo:Q4_K_M``, ``org/repo``) from Hugging
    Face into huggingface_hub's cache and note that it was this program that did.

    ``progress(what, bytes done, bytes in all)`` is called about once a megabyte; with ``cancel``
    set it stops within one and raises ``llm.download.StoppedError``. What was fetched of it is
    kept, and the next call goes on there. Raises HubError (``llm.hub``) with a sentence for every
    other trouble, and for what turns out to be no chat model; GgufError for no model at all.
    """
    wanted = hub_source(source)
    if wanted is None:
        raise ValueflowError(
            f"{source} is no model on Hugging Face: write org/repo, org/repo:file.gguf or "
            "org/repo:Q4_K_M."
        )
    repository, choice = choose(wanted)
    names = tuple(file.name for file in choice.files)
    new = not all((repository.folder / name).is_file() for name in names)
    paths = fetch(repository, choice.files, progress=progress, cancel=cancel)
    model = Pulled(repository.id, repository.commit, names)
    if new:  # what another program fetched is not ours to remove
        note_pulled(settings, model)
        for file, path in zip(choice.files, paths, strict=True):
            if file.sha256:  # compared just now: it need not be read again when it is loaded
                remember_sha256(path, file.sha256, settings.cache_dir)
    header = model_header(paths[0])
    if not is_chat_model(header):
        raise HubError(
            f"{model.source} is here, but it is no chat model: remove it with `valueflow models "
            f"remove {model.source}`."
        )
    listed = next((each for each in curated_models() if _curated_path(each) == paths[0]), None)
    return LibraryModel(
        name=listed.name if listed else model.source,
        source=model.source,
        place="Hugging Face",
        path=paths[0],
        size=header.file_size,
        curated=listed,
        pulled=model in pulled_models(settings),
        in_use=paths[0] == _path_in_use(settings),
    )


def choose_model(settings: Settings, source: str) -> Settings:
    """Make ``source``, which must be on this computer, the model of this data folder from the
    next start on; the settings as they are then. A running chat changes with
    ``Studio.use_model``.

    Raises ValueflowError where it is not here, or VALUEFLOW_MODEL rules over the choice.
    """
    if name := variable("model"):
        raise ValueflowError(f"{name} chooses the model now: unset it, or set it to {source}.")
    path = local_path(settings, source)
    model_header(path)  # a damaged file is noticed here rather than at the next start
    named = "builtin" if source == "builtin" else _lasting_name(source, path)
    save_settings(settings.home, saved_settings(settings.home) | {"model": named})
    remember_model(settings, named)
    return settings.model_copy(update={"model": named})


def _lasting_name(source: str, path: Path) -> str:
    """What names the file ``path`` from any folder, whatever else is fetched later."""
    wanted = hub_source(source)
    if wanted is None:
        return str(path.absolute())
    _commit, *name = path.relative_to(cache_folder(wanted.repo) / "snapshots").parts
    return f"{wanted.repo}:{'/'.join(name)}"


def remove(settings: Settings, source: str, *, force: bool = False) -> int:
    """Delete a model that ``pull`` fetched; the bytes that this frees on the disk.

    Contents that another commit of the repository shares stay. Raises ValueflowError for a model
    that another program put there, and, without ``force``, for the one this data folder uses.
    """
    path = local_path(settings, source)
    ours = [
        each for each in pulled_models(settings)
        if cache_folder(each.repo) / "snapshots" / each.commit / each.files[0] == path
    ]  # fmt: skip
    if not ours:
        raise ValueflowError(_not_ours(settings, source, path))
    if path == _path_in_use(settings) and not force:
        raise ValueflowError(
            f"{source} is the model that is used now: choose another one first "
            "(`valueflow models use builtin`), or remove it with --force."
        )
    freed = _delete(ours[0])
    forget_pulled(settings, ours[0])
    return freed


def _delete(model: Pulled) -> int:
    """Take away the links of ``model``'s files and those contents that nothing links to any more;
    the folders that are empty then go, too."""
    root = cache_folder(model.repo)
    snapshot = root / "snapshots" / model.commit
    freed = 0
    for name in model.files:
        link = snapshot / name
        content = link.resolve()
        link.unlink(missing_ok=True)
        linked = {path.resolve() for path in (root / "snapshots").rglob("*") if path.is_symlink()}
        if content.is_file() and content not in linked:
            freed += content.stat().st_size
            content.unlink()
    for folder in (*sorted(snapshot.rglob("*"), reverse=True), snapshot):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    ref = root / "refs" / "main"
    if not snapshot.exists() and ref.is_file() and ref.read_text().strip() == model.commit:
        ref.unlink()
    return freed


def _not_ours(settings: Settings, source: str, path: Path) -> str:
    if source == "builtin":
        return "The built-in model comes with the program and cannot be removed."
    place = next((each.place for each in library(settings) if each.path == path), None)
    other = f" ({place})" if place and place != "Models folder" else ""
    return (
        f"{source} was not fetched by this program{other}, so it is left alone: delete it where "
        f"it came from, {path}."
    )


def _path_in_use(settings: Settings) -> Path | None:
    """The file of the model of these settings, where it is on this computer."""
    try:
        return local_path(settings, settings.model)
    except ValueflowError:
        return None


def _curated_path(model: CuratedModel) -> Path | None:
    wanted = hub_source(model.source)
    return cached_file(wanted) if wanted else None
