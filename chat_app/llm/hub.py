"""What a repository on Hugging Face holds, what of it lies here already, and what goes wrong there.

huggingface_hub is imported when a function needs it: it is slow to import, and a chat that
fetches nothing has no use for it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chat_app.errors import ValueflowError

Kind = Literal["model", "dataset"]

_SHA256_DIGITS = 64
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class HubError(ValueflowError):
    """Something that cannot be had from Hugging Face, and what to do about it."""


@dataclass(frozen=True)
class RemoteFile:
    """One file: its path in the repository, its bytes, and ``etag``, the SHA-256 of a large file,
    the git hash of a small one ("" where it is only known from this computer)."""

    name: str
    size: int
    etag: str = ""

    @property
    def sha256(self) -> str | None:
        return self.etag if len(self.etag) == _SHA256_DIGITS else None


@dataclass(frozen=True)
class Repository:
    """A repository at one ``commit``. ``licence`` as its card gives it ("apache-2.0"), or None;
    ``gated``: one must accept its maker's conditions first."""

    id: str
    kind: Kind
    commit: str
    files: tuple[RemoteFile, ...]
    licence: str | None = None
    gated: bool = False

    @property
    def folder(self) -> Path:
        """Where huggingface_hub keeps the files of this commit."""
        return cache_folder(self.id, self.kind) / "snapshots" / self.commit


def look_up(id: str, kind: Kind = "model") -> Repository:
    """Ask the hub what ``id`` ("org/name") holds now: one request.

    Raises HubError: no such repository, no access, offline, not reachable.
    """
    from huggingface_hub import HfApi

    be_quiet()
    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    try:
        found = ask(id, revision="main", files_metadata=True)
    except Exception as error:
        raise said(error, id, kind) from error
    files = tuple(
        RemoteFile(
            each.rfilename, each.size or 0, (each.lfs.sha256 if each.lfs else each.blob_id) or ""
        )
        for each in found.siblings or ()
    )
    commit = found.sha or ""
    if not _HASH.fullmatch(commit) or not all(map(_is_sound, files)):
        raise HubError(f"{id} cannot be fetched: the hub's answer holds names that can be none.")
    card = found.card_data
    licence = card.get("license_name") or card.get("license") if card else None
    return Repository(id, kind, commit, files, str(licence) if licence else None, bool(found.gated))


def _is_sound(file: RemoteFile) -> bool:
    """Whether its name and hash may become parts of a path here, whoever answered."""
    parts = file.name.split("/")
    return (
        bool(_HASH.fullmatch(file.etag))
        and not {"", ".", ".."} & set(parts)
        and not ("\\" in file.name or ":" in parts[0])
    )


def be_quiet() -> None:
    """Let huggingface_hub write nothing to the terminal, and tell the hub nothing of what else is
    installed here, as it does in each request otherwise."""
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    constants.HF_HUB_DISABLE_TELEMETRY = True


def here(id: str, kind: Kind = "model") -> list[Repository]:
    """What of ``id`` lies in huggingface_hub's cache, each commit with the files that came to
    their end; the one that was looked up last comes first. Asks nobody."""
    root = cache_folder(id, kind)
    main = root / "refs" / "main"
    latest = main.read_text().strip() if main.is_file() else ""
    commits = [path for path in (root / "snapshots").glob("*") if path.is_dir()]
    commits.sort(key=lambda path: (path.name != latest, -path.stat().st_mtime))
    return [Repository(id, kind, path.name, _files(path)) for path in commits]


def _files(folder: Path) -> tuple[RemoteFile, ...]:
    # a link to contents that have gone is no file
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(RemoteFile(p.relative_to(folder).as_posix(), p.stat().st_size) for p in paths)


def cache_folder(id: str, kind: Kind = "model") -> Path:
    """The folder of huggingface_hub's cache in which it keeps ``id``."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=id, repo_type=kind)


def said(error: Exception, id: str, kind: Kind = "model", file: str | None = None) -> HubError:
    """``error`` of huggingface_hub as one sentence for a person."""
    from huggingface_hub import constants, errors

    what, name = "data set" if kind == "dataset" else kind, f"{id}:{file}" if file else id
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{id}"
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    if isinstance(error, errors.HFValidationError):
        return HubError(f"{id!r} is no name of a {what} on Hugging Face: write it as org/name.")
    if isinstance(error, errors.OfflineModeIsEnabled) or constants.is_offline_mode():
        return HubError(
            f"{name} is not on this computer, and Hugging Face cannot be reached in offline mode: "
            "unset HF_HUB_OFFLINE to fetch it, or give the path of a file."
        )
    if isinstance(error, errors.GatedRepoError):
        return HubError(
            f"{id} is given only to those who accept its conditions: open {page}, accept them, "
            "then sign in here with `hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"There is no {what} {id} on Hugging Face that you may see: check the name; a private "
            "one needs `hf auth login` or HF_TOKEN."
        )
    if isinstance(error, errors.EntryNotFoundError) and status:
        return HubError(f"There is no file {file} in {id} on Hugging Face: look at {page}.")
    if status in (401, 403):
        return HubError(
            f"Hugging Face does not let your token read {id} ({status}): sign in again with "
            "`hf auth login`, or set another HF_TOKEN."
        )
    if status:
        when = "in a minute" if status == 429 or status >= 500 else "later"
        return HubError(f"Hugging Face answered {status} for {name}: try again {when}.")
    if _is_connection(error):
        return HubError(
            f"{name} is not on this computer, and Hugging Face cannot be reached at "
            f"{constants.ENDPOINT}: check the connection, or give the path of a file."
        )
    lines = str(error).strip().splitlines()
    cause = (lines[0] if lines else type(error).__name__).rstrip(".")
    return HubError(f"{name} cannot be fetched from Hugging Face: {cause}.")


def _is_connection(error: Exception) -> bool:
    """Whether nobody answered; the HTTP library below huggingface_hub changes between versions."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    names = {each.__name__ for each in type(error).__mro__}
    return isinstance(error, LocalEntryNotFoundError) or bool(
        names & {"TransportError", "ConnectionError", "TimeoutException"}
    )
