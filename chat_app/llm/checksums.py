"""SHA-256 of model files. Real models are tens of gigabytes, so theirs are remembered."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from chat_app.files import written_whole

_REMEMBER_FROM = 256 * 2**20  # smaller files are read again: it takes less than a second


def file_sha256(path: Path, cache_dir: Path | None) -> str:
    """The hexadecimal SHA-256 of ``path``.

    A large file is read once for each (path, size, time of change), kept in
    ``cache_dir/sha256.json``; a cache that cannot be read or written costs time, nothing else.
    Without ``cache_dir`` it is read each time.
    """
    path = path.resolve()
    stat = path.stat()
    if cache_dir is None or stat.st_size < _REMEMBER_FROM:
        return _read(path)
    cache = cache_dir / "sha256.json"
    known = _load(cache)
    stamp = [stat.st_size, stat.st_mtime_ns]
    entry = known.get(str(path))
    if isinstance(entry, dict) and entry.get("stamp") == stamp:
        return str(entry["sha256"])
    digest = _read(path)
    _save(cache, {**known, str(path): {"stamp": stamp, "sha256": digest}})
    return digest


def remember_sha256(path: Path, sha256: str, cache_dir: Path) -> None:
    """Keep what is known of a file already, so that :func:`file_sha256` need not read it."""
    path = path.resolve()
    stat = path.stat()
    if stat.st_size >= _REMEMBER_FROM:
        entry = {"stamp": [stat.st_size, stat.st_mtime_ns], "sha256": sha256}
        _save(cache_dir / "sha256.json", {**_load(cache_dir / "sha256.json"), str(path): entry})


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(cache: Path) -> dict[str, object]:
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _save(cache: Path, known: dict[str, object]) -> None:
    with suppress(OSError), written_whole(cache) as fresh:
        fresh.write_text(json.dumps(known, indent=1))
