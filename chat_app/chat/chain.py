"""The hash chain: each message's hash covers its content and its parent's hash.

hash(m) = SHA-256(canonical(content(m) + {"parent_hash": hash(parent(m)) or null})), in hex.

So a branch's last hash speaks for every word before it. Ids are not part of it: a transcript that
is read into another database, under other ids, keeps its hashes.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chat_app.db.tables import Message


def canonical(data: Any) -> bytes:
    """One spelling for equal JSON: keys sorted, no spaces, UTF-8, whole numbers without a point.

    The last because many programs write 6.0 as 6 when they pass a file on. Raises ValueError
    for NaN and infinities, which JSON does not have.

    >>> canonical({"b": 6.0, "a": "é"}).decode()
    '{"a":"é","b":6}'
    """
    text = json.dumps(
        _numbers(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def _numbers(data: Any) -> Any:
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, Mapping):
        return {key: _numbers(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [_numbers(item) for item in data]
    return data


def sha256(data: Any) -> str:
    return hashlib.sha256(canonical(data)).hexdigest()


def digest(content: Mapping[str, Any], parent_hash: str | None) -> str:
    """A message's hash, from its content and its parent's hash."""
    return sha256({**content, "parent_hash": parent_hash})


def content(message: Message) -> dict[str, Any]:
    """What a message's hash covers, and what a transcript says of it.

    Absent things are left out, not null: what later versions record does not change the hashes
    of the messages of today.
    """
    model = {"name": message.model_name, "sha256": message.model_sha256}
    whole = {
        "role": message.role,
        "text": message.text,
        "status": message.status,
        "created": timestamp(message.created),
        "profile": message.profile,
        "steering": message.steering,
        "vector": message.vector_hash,
        "model": model if message.model_sha256 else None,
        "sampling": message.sampling,
        "seed": message.seed,
        "finish": message.finish,
        "error": message.error,
        "counts": _counted(message.counts),
        "timings": message.timings,
        "tokens": message.tokens,
    }
    return {key: item for key, item in whole.items() if item is not None}


def _counted(counts: dict[str, int] | None) -> dict[str, int] | None:
    """Without the person's vote, which may change after the hash is made."""
    return {key: n for key, n in (counts or {}).items() if key != "vote"} or None


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, 2026-11-24T10:33:50.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
