"""A small real server that judges as an OpenAI-compatible endpoint does, or misbehaves on order."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[list[str]], str]


@dataclass(frozen=True)
class Say:
    """A reply of the server: ``status``, headers, and the body (an object is sent as JSON)."""

    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)


HANG_UP = "hang up"  # closes the connection without a word
STALL = "stall"  # says nothing until the server stops


def by_length(texts: list[str]) -> str:
    """The longest text first: an order that has nothing to do with where the texts stand."""
    return json.dumps([i + 1 for i in sorted(range(len(texts)), key=lambda i: -len(texts[i]))])


class Judge:
    """What a test tells the server and sees of it.

    ``script``: what happens to the next questions, one after another: a Say, a text to answer,
    HANG_UP or STALL. When it is used up ``answer`` gives the model's text. ``questions`` holds the
    bodies received, ``keys`` their Authorization headers, ``most_at_once`` the most that were
    being answered at the same time.
    """

    def __init__(self, answer: Answer = by_length, script: list[Say | str] | None = None) -> None:
        self.answer = answer
        self.script = list(script or [])
        self.questions: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.most_at_once = 0
        self.url = ""
        self.over = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()

    @contextmanager
    def asked(self, path: str, body: dict[str, Any], key: str | None) -> Iterator[Say | str]:
        """One question from its arrival to its answer."""
        with self._lock:
            self.questions.append(body)
            self.keys.append(key)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            said = self.script.pop(0) if self.script else None
        try:
            if path != "/v1/chat/completions":
                yield Say(404, {"error": {"message": f"no {path} here"}})
            elif isinstance(said, Say) or said in (HANG_UP, STALL):
                yield said
            else:
                yield completion(said if said is not None else self.answer(texts_of(body)))
        finally:
            with self._lock:
                self._at_once -= 1


def texts_of(body: dict[str, Any]) -> list[str]:
    """The texts that a question asks to order."""
    return re.findall(r"^[0-9]+\. (.*)$", body["messages"][0]["content"], re.MULTILINE)


def completion(text: str) -> Say:
    message = {"role": "assistant", "content": text}
    return Say(200, {"object": "chat.completion", "choices": [{"index": 0, "message": message}]})


@contextmanager
def judging(judge: Judge) -> Iterator[Judge]:
    """Serve ``judge`` on 127.0.0.1; ``judge.url`` is its address while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            with judge.asked(self.path, body, self.headers["Authorization"]) as said:
                if isinstance(said, Say):
                    self._send(said)
                    return
                if said == STALL:
                    judge.over.wait(30)
                self.close_connection = True

        def _send(self, said: Say) -> None:
            is_text = isinstance(said.body, str)
            data = (said.body if is_text else json.dumps(said.body)).encode()
            self.send_response(said.status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    judge.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield judge
    finally:
        judge.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
