"""Many clients at once, clients that read slowly, clients that leave, and too many of them."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from tests.api.conftest import Api
from tests.conftest import forget

CLIENTS = 16


def question(i: int) -> str:
    return f"Question {i}: should I lend my brother {i * 7} pounds?"


def field(i: int) -> dict | None:
    """Some unsteered, some under one profile, some under another."""
    profiles = [None, {"svt/benevolence": 6}, {"svt/power": 5, "svt/face": -3}]
    return {"profile": profiles[i % 3], "score": False}


def text(api: Api, i: int, stream: bool) -> str:
    options: Any = {"temperature": 0, "max_tokens": 24, "valueflow": field(i), "stream": stream}
    reply = api.ask(question(i), **options)
    if not stream:
        return reply.choices[0].message.content
    return "".join(c.delta.content or "" for chunk in reply for c in chunk.choices)


def test_sixteen_clients_at_once_get_what_each_gets_alone(api):
    """But for words that are as good as equally likely (docs/how-it-works.md)."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        together = list(pool.map(lambda i: text(api, i, stream=i % 2 == 0), range(CLIENTS)))
    alone = []
    for i in range(CLIENTS):
        forget(api.engine)
        alone.append(text(api, i, stream=False))
    assert all(alone)
    assert len(set(alone)) > CLIENTS // 2
    assert sum(a == b for a, b in zip(together, alone, strict=True)) >= CLIENTS - 3


def raw_request(api: Api, *, more: int = 0, **options) -> socket.socket:
    """A connection on which a reply was asked for, whose answer nobody has read yet. ``more``:
    bytes of the request that are announced and do not come."""
    body = {"messages": [{"role": "user", "content": question(1)}], **api.endless(), **options}
    data = json.dumps(body).encode()
    host, port = api.address.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.connect((host, int(port)))
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data) + more, data)
    )
    return connection


def test_clients_that_read_nothing_hold_nobody_up_and_no_slot(api):
    """More of them than there are slots, each asking for more than its line takes unread."""
    many = api.engine.n_slots + 3
    bulky = {**api.endless(60), "stream": True, "logprobs": True, "top_logprobs": 20}
    slow = [raw_request(api, **bulky) for _ in range(many)]
    assert text(api, 3, stream=True)
    api.wait_until_idle()  # all are written to their end, though not one byte was taken
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        received += slow[0].recv(65536)
    assert received.count(b'"finish_reason": "length"') == 1
    assert b"data: [DONE]" in received
    assert len(received) > 100_000
    for connection in slow:
        connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_slots(api, stream):
    ended = api.metric('valueflow_tokens_total{kind="reply"}')
    left = api.metric("valueflow_clients_gone_total")
    clients = [raw_request(api, stream=stream, n=2) for _ in range(3)]
    api.wait_for((6, 0))
    for connection in clients:
        connection.close()
    api.wait_until_idle()
    # None of them was written to its end, which is far.
    assert api.metric('valueflow_tokens_total{kind="reply"}') == ended
    assert api.metric("valueflow_clients_gone_total") == left + 3
    assert text(api, 1, stream)


def test_too_many_are_told_to_come_back(api, monkeypatch):
    monkeypatch.setattr(api.engine._scheduler, "_queue", 4)
    monkeypatch.setattr(api.studio, "settings", api.studio.settings.model_copy())
    slots = api.engine.n_slots
    running = [raw_request(api) for _ in range(slots)]
    api.wait_for((slots, 0))
    waiting = [raw_request(api) for _ in range(4)]
    api.wait_for((slots, 4))
    with pytest.raises(openai.RateLimitError) as told:
        api.ask(stream=True)
    assert told.value.code == "engine_busy"
    assert int(told.value.response.headers["Retry-After"]) >= 1
    assert httpx.get(f"{api.address}/health").status_code == 200
    for connection in (*running, *waiting):
        connection.close()
    api.wait_until_idle()
    assert text(api, 1, stream=False)


def test_a_profile_that_takes_long_holds_nobody_up(api, monkeypatch):
    """The first reply under a profile may have to wait until a model's anchors are read."""
    let_go, compose = threading.Event(), api.studio.compose

    def slow(profile):
        if profile.targets:
            assert let_go.wait(60)
        return compose(profile)

    monkeypatch.setattr(api.studio, "compose", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(text, api, 1, True)
        assert text(api, 0, stream=False)
        assert httpx.get(f"{api.address}/health").status_code == 200
        assert not waiting.done()
        let_go.set()
        assert waiting.result()


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_failure(api, caplog):
    gone = 'valueflow_requests_total{route="/v1/chat/completions",status="499"}'
    before = api.metric(gone)
    connection = raw_request(api, more=100)
    connection.close()
    for _ in range(500):
        if api.metric(gone) > before:
            break
        time.sleep(0.02)
    assert api.metric(gone) == before + 1
    assert not caplog.records
