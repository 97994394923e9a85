"""Whole repositories from Hugging Face: an encoder's folder, a data set's tables."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from chat_app.llm.download import Progress, fetch_blobs, note_main
from chat_app.llm.hub import Kind, be_quiet, look_up, said

# Of the artefacts that this program names itself, as their makers state it (docs/models.md).
_KNOWN = {
    "snu-aidas/vidb-filtered": "VIDB is built on texts with licences of their own: MFRC and "
    "ValueEval (CC BY 4.0), Social Chemistry (CC BY-SA 4.0), ValueNet (CC BY-NC-SA: no commercial "
    "use) and ValuePrism (AI2 ImpACT, medium risk).",
    "snu-aidas/HiVES-2": "HiVES-2 was trained on the texts of VIDB, some of which allow no "
    "commercial use, from Qwen3-Embedding-0.6B (Apache 2.0).",
}


def licence_words(id: str, kind: Kind) -> str:
    """What to tell a person of the licence of ``id`` before it is fetched; asks nobody."""
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{id}"
    return _KNOWN.get(id) or f"Its licence stands on its page, {page}."


def fetch_snapshot(
    id: str,
    kind: Kind,
    *,
    allow: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """Fetch all files of ``id`` whose names match a pattern of ``allow`` and none of ``ignore``;
    the folder of them.

    Raises HubError as ``download.fetch``; what was fetched is kept and the next call goes on.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    repository, patterns = look_up(id, kind), _patterns(allow, ignore)
    names = {file.name: file for file in repository.files}
    files = [names[name] for name in filter_repo_objects(names, **patterns)]
    fetch_blobs(repository, files, progress=progress, cancel=cancel)
    try:
        # It finds the contents there, links them, and notes what the whole consists of.
        folder = snapshot_download(id, repo_type=kind, revision=repository.commit, **patterns)
    except Exception as error:
        raise said(error, id, kind) from error
    note_main(repository)
    return Path(folder)


def local_snapshot(
    id: str,
    kind: Kind,
    *,
    allow: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
) -> Path | None:
    """The folder of what :func:`fetch_snapshot` would fetch, where all of it is on this computer;
    None where a part is missing. Asks nobody. Raises HubError for an ``id`` that can be none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    be_quiet()
    try:
        folder = snapshot_download(
            id, repo_type=kind, local_files_only=True, **_patterns(allow, ignore)
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise said(error, id, kind) from error
    return Path(folder)


class _Patterns(TypedDict):
    """As huggingface_hub takes them."""

    allow_patterns: list[str] | None
    ignore_patterns: list[str] | None


def _patterns(allow: Sequence[str] | None, ignore: Sequence[str] | None) -> _Patterns:
    return {
        "allow_patterns": list(allow) if allow else None,
        "ignore_patterns": list(ignore) if ignore else None,
    }
