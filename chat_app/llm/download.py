"""Fetching files from Hugging Face: resumed, checked, and only then where others look for them.

huggingface_hub throws a half-fetched file away when its process ends, so this keeps it: the bytes
lie in the hub's own cache as ``blobs/<etag>.incomplete``, where nothing takes them for a file, and
huggingface_hub's ``http_get`` goes on at their end. A whole file is compared with the checksum
that the hub gives for it, then takes its name, and huggingface_hub is asked for the file: it finds
it there and links it as its own.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from chat_app.llm.hub import HubError, RemoteFile, Repository, be_quiet, cache_folder, said

Progress = Callable[[str, int, int], None]
"""Told (what, bytes done, bytes in all)."""

_LEFT_FREE = 64 * 2**20  # bytes of the disk that a download leaves to others
_CHUNK = 2**20  # bytes between two reports, and what is lost when the process is killed
_WAIT_S = 10.0  # for another process that fetches the same file


class StoppedError(HubError):
    """A download that was stopped on purpose; what was fetched is kept."""


def fetch(
    repository: Repository,
    files: Sequence[RemoteFile],
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[Path]:
    """Have ``files`` of ``repository`` on this computer; their paths in huggingface_hub's cache.

    Nothing is linked before all are whole. ``progress`` counts the bytes of all of them, those
    that were there already included. Raises :class:`StoppedError` when ``cancel`` is set, and
    HubError: no room, no access, a broken connection (run it again: it goes on where it
    stopped), or a file that is not what the hub says (it is deleted).
    """
    from huggingface_hub import hf_hub_download

    fetch_blobs(repository, files, progress=progress, cancel=cancel)
    paths = []
    for file in files:
        path = repository.folder / file.name
        if not path.is_file():
            try:
                hf_hub_download(
                    repository.id,
                    file.name,
                    repo_type=repository.kind,
                    revision=repository.commit,
                )
            except Exception as error:
                raise said(error, repository.id, repository.kind, file.name) from error
        paths.append(path)
    note_main(repository)
    return paths


def note_main(repository: Repository) -> None:
    """Note, as huggingface_hub does, at which commit the repository was seen last: who asks for
    "main" without a connection gets that one."""
    ref = cache_folder(repository.id, repository.kind) / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(repository.commit)


def fetch_blobs(
    repository: Repository,
    files: Sequence[RemoteFile],
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> None:
    """As :func:`fetch`, but only into the cache's store of contents: nothing is linked yet."""
    be_quiet()
    missing = [file for file in files if not (repository.folder / file.name).is_file()]
    _check_room(repository, missing)
    count = _Count(repository.id, sum(file.size for file in files), progress, cancel)
    count.add(sum(file.size for file in files if file not in missing))
    for file in missing:
        _fetch_blob(repository, file, count)


class _Count:
    """How far it is; raises in the middle of a transfer when it is to stop."""

    def __init__(
        self, what: str, total: int, progress: Progress | None, cancel: threading.Event | None
    ) -> None:
        self.done, self.total, self._what = 0, total, what
        self._progress, self._cancel = progress, cancel

    def add(self, n_bytes: int, doing: str = "Fetching") -> None:
        self.done += n_bytes
        if self._progress:
            self._progress(f"{doing} {self._what}", self.done, self.total)
        if self._cancel and self._cancel.is_set():
            raise StoppedError(
                f"Stopped: {_mb(self.done)} of {_mb(self.total)} of {self._what} are kept. "
                "Fetch it again to go on from there."
            )

    def bar(self, **_options: Any) -> "_Bar":
        """In the place of the progress bar that huggingface_hub would draw."""
        return _Bar(self)


class _Bar:
    def __init__(self, count: _Count) -> None:
        self._count = count

    def update(self, n_bytes: float) -> None:
        self._count.add(int(n_bytes))

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        pass


def _check_room(repository: Repository, missing: Sequence[RemoteFile]) -> None:
    """Raise HubError where the disk has no room for what is still to come."""
    folder = cache_folder(repository.id, repository.kind)
    needed = sum(file.size - _size(_partial(repository, file)) for file in missing)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if missing and needed > free - _LEFT_FREE:
        raise HubError(
            f"There is no room for {repository.id}: {_mb(needed)} are to come, and {existing} has "
            f"{_mb(free)} free. Make room there, or set HF_HOME to a folder on another disk."
        )


def _fetch_blob(repository: Repository, file: RemoteFile, count: _Count) -> None:
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    folder = cache_folder(repository.id, repository.kind)
    lock = folder.parent / ".locks" / folder.name / f"{file.etag}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with WeakFileLock(lock, timeout=_WAIT_S):
            blob = folder / "blobs" / file.etag
            if blob.is_file():
                count.add(file.size)
                return
            partial = _partial(repository, file)
            partial.parent.mkdir(parents=True, exist_ok=True)
            _transfer(repository, file, partial, count)
            _check(repository, file, partial, count)
            partial.replace(blob)
    except Timeout as error:
        raise HubError(
            f"{repository.id}:{file.name} is being fetched by another program; wait until it is "
            "there."
        ) from error


def _transfer(repository: Repository, file: RemoteFile, partial: Path, count: _Count) -> None:
    """Let huggingface_hub fetch what ``partial`` lacks."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK)
    if _size(partial) > file.size:
        partial.unlink()
    had = _size(partial)
    count.add(had)
    url = hf_hub_url(
        repository.id, file.name, repo_type=repository.kind, revision=repository.commit
    )
    try:
        # Unbuffered: what was written survives a kill.
        with partial.open("ab", buffering=0) as out:
            http_get(
                url,
                out,
                resume_size=had,
                headers=build_hf_headers(),
                expected_size=file.size,
                tqdm_class=count.bar,  # type: ignore[arg-type]
            )
    except HubError:
        raise
    except Exception as error:
        if not _size(partial):
            partial.unlink(missing_ok=True)
            raise said(error, repository.id, repository.kind, file.name) from error
        raise HubError(
            f"The connection broke: {_mb(_size(partial))} of {_mb(file.size)} of "
            f"{repository.id}:{file.name} are kept. Fetch it again to go on from there."
        ) from error


def _check(repository: Repository, file: RemoteFile, partial: Path, count: _Count) -> None:
    """Raise HubError, and delete the bytes, where they are not those that the hub promised."""
    count.add(0, "Checking")
    with partial.open("rb") as content:
        if file.sha256:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        else:  # what git calls a file of this content
            found = hashlib.sha1(b"blob %d\0" % file.size + content.read()).hexdigest()
    if found != file.etag:
        partial.unlink()
        raise HubError(
            f"{repository.id}:{file.name} arrived damaged (its checksum is wrong) and was deleted: "
            "fetch it again."
        )


def _partial(repository: Repository, file: RemoteFile) -> Path:
    folder = cache_folder(repository.id, repository.kind)
    return folder / "blobs" / f"{file.etag}.incomplete"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
