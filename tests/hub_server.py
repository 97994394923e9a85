"""A small hub on this computer that speaks Hugging Face's protocol as huggingface_hub uses it.

What it answers: what a repository holds (``/api/models/ID/revision/REV``, ``/api/datasets/...``),
its tree a page at a time, the head of a file (``ID/resolve/REV/FILE``: the commit, the checksum
and the size of a large file, and the way to another host that has its bytes), the bytes there,
from any place on; and the hub's own refusals, with their codes. Programs find it by HF_ENDPOINT.

What goes wrong in a network can be had by name: see :class:`Fault`.
"""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_of_the_test"
_LARGE = (".gguf", ".safetensors", ".parquet", ".bin")
_PAGE = 2  # files on a page of a tree
_PIECE = 16 * 1024


@dataclass
class Fault:
    """What goes wrong with a file's bytes. ``breaks``: after how many bytes each next connection
    is cut; ``flip``: one byte is another one; ``pace``: bytes a second; ``status``: answered
    instead of the file; ``size``: the size that the hub claims."""

    breaks: list[int] = field(default_factory=list)
    flip: bool = False
    pace: float | None = None
    status: int | None = None
    size: int | None = None


@dataclass
class Repo:
    """``files``: {path: content}; ``gated``: given to nobody; ``private``: to TOKEN's owner."""

    files: dict[str, bytes]
    commit: str = "c0ffee" + "0" * 34
    licence: str | None = None
    gated: bool = False
    private: bool = False
    faults: dict[str, Fault] = field(default_factory=dict)

    def etag(self, name: str) -> str:
        content = self.files[name]
        if is_large(name):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def size(self, name: str) -> int:
        fault = self.faults.get(name)
        return fault.size if fault and fault.size else len(self.files[name])


def is_large(name: str) -> bool:
    """Whether the hub keeps the file in its store of large ones, by checksum."""
    return name.endswith(_LARGE)


@dataclass
class LocalHub:
    """``repos``: {("models", "org/name"): Repo}; ``asked``: (method, path, range) of each request;
    ``leaked``: paths on the other host that were asked with a token."""

    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def model(self, id: str, files: Mapping[str, bytes | Path], **about: Any) -> Repo:
        return self._add("models", id, files, about)

    def dataset(self, id: str, files: Mapping[str, bytes | Path], **about: Any) -> Repo:
        return self._add("datasets", id, files, about)

    def _add(
        self, kind: str, id: str, files: Mapping[str, bytes | Path], about: dict[str, Any]
    ) -> Repo:
        read = {n: c.read_bytes() if isinstance(c, Path) else c for n, c in files.items()}
        self.repos[kind, id] = Repo(read, **about)
        return self.repos[kind, id]

    def sent(self, name: str) -> list[str]:
        """The ranges that were asked of ``name``'s bytes: "" where it was all of them."""
        return [r for method, path, r in self.asked if method == "GET" and path.endswith(name)]


def point_at(hub: LocalHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let huggingface_hub, in this process and in those that it starts, take ``hub`` for Hugging
    Face and keep everything in ``folder``."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(folder))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    # It reads these from the environment once, when it is imported.
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@contextmanager
def running(hub: LocalHub) -> Iterator[LocalHub]:
    """Serve ``hub`` on a free port of this computer while the block runs."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        if path.startswith("/cdn/"):
            if self.headers.get("Authorization"):
                self.hub.leaked.append(path)
            kind, org, name, file = path.removeprefix("/cdn/").split("/", 3)
            self._bytes(self.hub.repos[kind, f"{org}/{name}"], file)
        elif path.startswith(("/api/models/", "/api/datasets/")):
            kind, org, name, *rest = path.removeprefix("/api/").split("/")
            self._api(kind, f"{org}/{name}", rest, query)
        elif "/resolve/" not in path:
            self._refuse(404, "", "")
        else:
            kind = "datasets" if path.startswith("/datasets/") else "models"
            org, name, _, revision, file = path.removeprefix("/datasets").lstrip("/").split("/", 4)
            self._file(kind, f"{org}/{name}", revision, file)

    def _repo(self, kind: str, id: str) -> Repo | None:
        """The repository, or None after a refusal was sent."""
        repo, token = self.hub.repos.get((kind, id)), self.headers.get("Authorization")
        if token and token != f"Bearer {TOKEN}":
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repo is None or (repo.private and not token):
            # the hub tells nobody who is not signed in whether there is one
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        else:
            return repo
        return None

    def _api(self, kind: str, id: str, rest: list[str], query: dict[str, list[str]]) -> None:
        repo = self._repo(kind, id)
        if repo is None:
            return
        action, revision = rest[0] if rest else "", rest[1] if len(rest) > 1 else "main"
        if revision not in ("main", repo.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif action == "tree":
            self._tree(repo, int(query.get("cursor", ["0"])[0]))
        else:
            card = {"license": repo.licence} if repo.licence else {}
            self._json({
                "id": id, "sha": repo.commit, "private": repo.private,
                "gated": "auto" if repo.gated else False, "cardData": card,
                "siblings": [self._sibling(repo, name, "blobs" in query) for name in repo.files],
            })  # fmt: skip

    def _sibling(self, repo: Repo, name: str, sizes: bool) -> dict[str, Any]:
        if not sizes:
            return {"rfilename": name}
        found = {"rfilename": name, "size": repo.size(name), "blobId": "0" * 40}
        if is_large(name):
            large = {"sha256": repo.etag(name), "size": repo.size(name), "pointerSize": 134}
            return found | {"lfs": large}
        return found | {"blobId": repo.etag(name)}

    def _tree(self, repo: Repo, start: int) -> None:
        rows = []
        for name in list(repo.files)[start : start + _PAGE]:
            row = {"type": "file", "path": name, "oid": "0" * 40, "size": repo.size(name)}
            large = {"oid": repo.etag(name), "size": repo.size(name), "pointerSize": 134}
            rows.append(row | ({"lfs": large} if is_large(name) else {"oid": repo.etag(name)}))
        after = start + _PAGE
        path = urlsplit(self.path).path
        link = f'<{self.hub.url}{path}?cursor={after}>; rel="next"'
        self._json(rows, {"Link": link} if after < len(repo.files) else {})

    def _file(self, kind: str, id: str, revision: str, name: str) -> None:
        repo = self._repo(kind, id)
        if repo is None:
            return
        if repo.gated:
            signed_in = self.headers.get("Authorization")
            self._refuse(403 if signed_in else 401, "GatedRepo", f"Access to {id} is restricted")
        elif revision not in ("main", repo.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif name not in repo.files:
            self._refuse(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": repo.commit})
        elif is_large(name):
            self.send_response(302)
            self.send_header("X-Repo-Commit", repo.commit)
            self.send_header("X-Linked-Etag", f'"{repo.etag(name)}"')
            self.send_header("X-Linked-Size", str(repo.size(name)))
            # another host, as far as a client can tell
            self.send_header("Location", f"http://localhost:{self.hub.port}/cdn/{kind}/{id}/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._bytes(repo, name)

    def _bytes(self, repo: Repo, name: str) -> None:
        content, fault = repo.files[name], repo.faults.get(name, Fault())
        if fault.status:
            self._refuse(fault.status, "", "")
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start > len(content):
            self._refuse(416, "", "")
            return
        self.send_response(206 if self.headers.get("Range") else 200)
        self.send_header("X-Repo-Commit", repo.commit)
        self.send_header("ETag", f'"{repo.etag(name)}"')
        self.send_header("Content-Length", str(len(content) - start))
        if self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            if fault.flip:
                content = content[:-1] + bytes([content[-1] ^ 1])
            self._write(content[start:], fault)

    def _write(self, content: bytes, fault: Fault) -> None:
        ends = fault.breaks.pop(0) if fault.breaks else None
        try:
            for place in range(0, len(content[:ends]), _PIECE):
                piece = content[:ends][place : place + _PIECE]
                self.wfile.write(piece)
                if fault.pace:
                    time.sleep(len(piece) / fault.pace)
        except OSError:
            return  # who asked has left
        if ends is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def _json(self, data: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            **(headers or {}), "X-Error-Code": code, "X-Error-Message": message
        }.items():  # fmt: skip
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()
