"""The ways to name a model, and the file that each means.

"builtin"; the path of a .gguf file; on Hugging Face "org/repo:file.gguf", "org/repo:Q4_K_M" or
"org/repo" (its usual quantisation); the name of a model that was found on this computer.
"""

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from chat_app.llm.download import Progress, fetch
from chat_app.llm.found import found_models, named
from chat_app.llm.gguf_names import Choice, choices, pick, shard_names
from chat_app.llm.hub import HubError, Repository, here, look_up
from chat_app.settings import data_path

_HUB = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(?::(?P<wanted>[^:]+))?")
_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<repo>[^/?#]+/[^/?#]+)"
    r"(?:/(?:blob|resolve)/main/(?P<file>[^?#]+)|/(?:tree/main/?)?)?(?:[?#].*)?"
)


class SourceError(HubError):
    """Words that name no model, or several."""


@dataclass(frozen=True)
class HubSource:
    """What somebody wants from Hugging Face: ``wanted`` is a file's name, a quantisation, a
    pattern, or "" for the usual one."""

    repo: str
    wanted: str = ""

    def __str__(self) -> str:
        return f"{self.repo}:{self.wanted}" if self.wanted else self.repo


def hub_source(source: str) -> HubSource | None:
    """``source`` as a name on Hugging Face, also as the address of a page there; None where it
    is of another form, or there is a file of that name here.

    >>> hub_source("https://huggingface.co/Qwen/Qwen3-4B-GGUF/blob/main/Qwen3-4B-Q4_K_M.gguf")
    HubSource(repo='Qwen/Qwen3-4B-GGUF', wanted='Qwen3-4B-Q4_K_M.gguf')
    """
    if address := _ADDRESS.fullmatch(source):
        repo, file = address["repo"], address["file"]
        source = f"{repo}:{unquote(file)}" if file else repo
    found = _HUB.fullmatch(source)
    if not found or Path(source).expanduser().exists():
        return None
    if not found["wanted"] and source.lower().endswith(".gguf"):
        return None  # the path of a file that is not there
    return HubSource(found["repo"], found["wanted"] or "")


def resolve_model(
    source: str,
    *,
    models_dir: Path | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """The file that ``source`` names, of a model in parts the first one.

    What is on this computer is taken without asking anybody; a model on Hugging Face that is
    not here is fetched. ``models_dir``: a folder whose models can be named, too. Raises
    :class:`SourceError` where nothing or several are meant, HubError where it cannot be fetched.
    """
    if source == "builtin":
        return data_path("models", "builtin-chat.gguf")
    path = Path(source).expanduser()
    if path.is_file():
        first = path.with_name(shard_names(path.name)[0])
        return first if first.is_file() else path
    if wanted := hub_source(source):
        return cached_file(wanted) or fetch_model(wanted, progress=progress, cancel=cancel)[0]
    if not path.exists():
        matching = named(source, found_models(models_dir))
        if len(matching) == 1:
            return matching[0].path
        if matching:
            raise SourceError(
                f"{source} may be any of {_listed([str(each.path) for each in matching])}: give "
                "the path of the one you mean."
            )
    raise SourceError(
        f"There is no model file {source}; give 'builtin', the path of a .gguf file, "
        "org/repo:file.gguf from Hugging Face, or a name that `valueflow models list` shows."
    )


def local_file(source: str, *, models_dir: Path | None = None) -> Path | None:
    """As :func:`resolve_model` for what is on this computer already; None otherwise."""
    try:
        wanted = hub_source(source)
        return cached_file(wanted) if wanted else resolve_model(source, models_dir=models_dir)
    except SourceError:
        return None


def cached_file(wanted: HubSource) -> Path | None:
    """The first file of what is ``wanted``, where all of it lies in huggingface_hub's cache."""
    for repository in here(wanted.repo):
        matching = pick(choices(repository.files), wanted.wanted)
        if len(matching) == 1:
            return repository.folder / matching[0].name
    return None


def offered_by(repo: str) -> tuple[Repository, list[Choice]]:
    """Ask the hub for the chat models in ``repo`` ("org/name"), smallest first: one request.

    Raises :class:`SourceError` where there are none, HubError as ``hub.look_up``.
    """
    repository = look_up(repo)
    offered = choices(repository.files)
    if not offered:
        raise SourceError(
            f"{repo} holds no GGUF model, the only kind that llama.cpp reads: look for a "
            "repository whose name ends in -GGUF."
        )
    return repository, offered


def choose(wanted: HubSource) -> tuple[Repository, Choice]:
    """Ask the hub for the one model that is ``wanted``.

    Raises :class:`SourceError`, which lists what there is, where none or several match.
    """
    repository, offered = offered_by(wanted.repo)
    matching = pick(offered, wanted.wanted)
    if len(matching) == 1:
        return repository, matching[0]
    if matching:
        raise SourceError(
            f"{wanted} may be any of {_listed([each.name for each in matching])}: name one, as "
            f"{wanted.repo}:{matching[0].name}."
        )
    raise SourceError(
        f"{wanted.repo} has no model {wanted.wanted}; it has "
        f"{_listed([each.name for each in offered])}."
    )


def fetch_model(
    wanted: HubSource,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[Path]:
    """Fetch all parts of what is ``wanted``; as :func:`choose` and ``download.fetch``."""
    repository, choice = choose(wanted)
    return fetch(repository, choice.files, progress=progress, cancel=cancel)


def _listed(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
