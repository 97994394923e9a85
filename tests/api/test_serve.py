"""``valueflow serve`` as a process: where it is, what it refuses, and how it ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.browser.conftest import running
from tests.command_line import VALUEFLOW, one_sentence, run
from tests.random_models import write_babbler


@contextmanager
def serve(log: Path, *args: str, **env: str) -> Iterator[tuple[subprocess.Popen, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as out:
        process = subprocess.Popen(
            [VALUEFLOW, "serve", "--port", str(port), *args],
            env={**os.environ, "OMP_NUM_THREADS": "1", **env},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        started = time.monotonic()
        while "/v1" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() - started < 90, "The server did not say where it is."
            time.sleep(0.05)
        yield process, f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_though_replies_are_under_way(tmp_path, stop):
    model, log = write_babbler(tmp_path / "babbler.gguf"), tmp_path / "log"
    env = {"VALUEFLOW_API_KEYS": "key-of-mine"}
    with serve(log, "--model", str(model), **env) as (process, address):
        client = openai.OpenAI(base_url=address, api_key="key-of-mine", max_retries=0)
        assert client.models.list().data[0].id == "babbler"
        asked: Any = {"role": "user", "content": "Hello."}
        stream = iter(
            client.chat.completions.create(
                model="babbler", messages=[asked], stream=True, max_tokens=1900
            )
        )
        next(stream)
        next(stream)
        process.send_signal(stop)
        with pytest.raises(openai.APIError, match="closed"):
            list(stream)
        process.wait(timeout=30)
    said = log.read_text()
    assert "Traceback" not in said
    assert "key-of-mine" not in said


def test_the_pages_own_server_has_the_api_too(tmp_path):
    with running(tmp_path) as page:
        client = openai.OpenAI(base_url=f"{page.address}/v1", api_key="none", max_retries=0)
        (model, *_) = client.models.list().data
        assert not (model.model_extra or {})["valueflow"]["loaded"]  # only the first reply loads it
        messages: Any = [{"role": "user", "content": "Should I lend my brother money?"}]
        asked = {"model": "builtin", "messages": messages, "max_tokens": 5}
        stream = client.chat.completions.create(**asked, stream=True)
        assert [c.finish_reason for chunk in stream for c in chunk.choices][-1] == "length"
        assert httpx.get(f"{page.address}/health").json()["model"]["loaded"]
        assert "Valueflow Chat" in httpx.get(page.address).text
        # Gradio lets pages of this computer's other servers in; the API does not.
        other = {"Origin": "http://localhost:3000"}
        refused = httpx.post(f"{page.address}/v1/chat/completions", json=asked, headers=other)
        assert refused.status_code == 403


def test_an_address_for_other_computers_needs_keys(home):
    said = one_sentence(run("serve", "--host", "0.0.0.0", code=1))
    assert "VALUEFLOW_API_KEYS" in said


def test_a_port_in_use_or_a_model_that_is_not_there_is_one_sentence(home):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        assert f"Port {port}" in one_sentence(run("serve", "--port", port, code=1))
    assert "missing.gguf" in one_sentence(run("serve", "--model", "missing.gguf", code=1))
