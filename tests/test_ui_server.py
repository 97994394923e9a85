"""Serving the page: the port, and what its answers tell a browser to leave alone."""

import asyncio
import socket
import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from chat_app.errors import ValueflowError
from chat_app.ports import check_port
from chat_app.ui.server import AtHome, Private


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ValueflowError, match=rf"Port {port} of 127\.0\.0\.1 .*--port"):
            check_port("127.0.0.1", port)


def test_a_free_port_is_taken():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port("127.0.0.1", port)


def test_a_host_that_is_not_this_computer_is_refused():
    with pytest.raises(ValueflowError, match=r"192\.0\.2\.1"):
        check_port("192.0.2.1", 7860)


def test_starting_on_a_port_in_use_ends_with_that_sentence():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "chat_app", "--port", port, "--no-browser"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert f"Port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def _answer(kind: bytes, chunks: list[bytes]) -> tuple[dict[bytes, bytes], bytes]:
    """What the middleware makes of an answer that comes in ``chunks``."""
    sent: list = []

    async def app(scope, receive, send):
        length = str(sum(map(len, chunks))).encode()
        headers = [(b"content-type", kind), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at, chunk in enumerate(chunks):
            more = at + 1 < len(chunks)
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    asyncio.run(Private(app)({"type": "http"}, receive, send))
    assert sent[0]["type"] == "http.response.start"
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def test_html_loses_its_links_to_elsewhere():
    page = (
        b'<head><meta charset="utf-8" /><meta\n\t\t\tproperty="og:image"\n content="https://'
        b'raw.example.org/x.jpg" /><meta name="twitter:creator" content="@x" /></head>'
    )
    headers, body = _answer(b"text/html; charset=utf-8", [page[:40], page[40:]])
    assert body == b'<head><meta charset="utf-8" /></head>'
    assert int(headers[b"content-length"]) == len(body)


def test_other_answers_pass_as_they_are():
    chunks = [b'<meta property="og:x">', b"2"]
    headers, body = _answer(b"application/json", chunks)
    assert body == b"".join(chunks)
    assert b"connect-src 'self'" in headers[b"content-security-policy"]
    assert b"http" not in headers[b"content-security-policy"]


def test_a_page_that_leaves_in_the_middle_is_no_error():
    async def stream():
        yield "data: half\n\n"
        raise HTTPException(404)

    def broken():
        raise RuntimeError("A bug.")

    app = Starlette(
        routes=[
            Route("/stream", lambda request: StreamingResponse(stream())),
            Route("/broken", lambda request: broken()),
        ],
        middleware=[Middleware(Private)],
    )
    client = TestClient(app)
    assert client.get("/stream").text == "data: half\n\n"
    with pytest.raises(RuntimeError, match=r"A bug\."):
        client.get("/broken")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860"])
def test_the_page_answers_at_this_computers_addresses(host):
    client = TestClient(_says("home"), headers={"host": host})
    assert client.get("/").text == "home"


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.example.org:7860", "[", ""])
def test_a_name_that_was_made_to_point_here_gets_nothing(host):
    answer = TestClient(_says("home"), headers={"host": host}).get("/")
    assert answer.status_code == 403
    assert "this computer's own address" in answer.text


def _says(word: str) -> Starlette:
    route = Route("/", lambda request: PlainTextResponse(word))
    return Starlette(routes=[route], middleware=[Middleware(AtHome)])
