"""The real API on a real port, in a thread of the tests' own process, asked by OpenAI's client."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
import uvicorn

from chat_app.api.app import create_app
from chat_app.chat.studio import Studio
from chat_app.llm.engine import Engine
from chat_app.settings import settings
from tests.conftest import forget

QUESTION = "Should I lend my brother money?"
KIND = {"svt/benevolence": 8, "svt/power": -4}


@dataclass
class Api:
    """A running server, and the studio behind it."""

    address: str
    studio: Studio

    @property
    def engine(self) -> Engine:
        return self.studio.engine

    def client(self, key: str = "none", **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.address}/v1", api_key=key, max_retries=0, **options)

    def ask(self, text: str = QUESTION, *, valueflow: dict | None = None, **options: Any) -> Any:
        """One reply, or the stream of it."""
        extra = {"extra_body": {"valueflow": valueflow}} if valueflow is not None else {}
        messages = [{"role": "user", "content": text}]
        asked: Any = {"model": "builtin", "messages": messages, "max_tokens": 30, **extra}
        return self.client().chat.completions.create(**{**asked, **options})

    def endless(self, tokens: int = 900) -> dict[str, Any]:
        """Options of a reply that comes to no end of its own."""
        model = self.engine.model
        ends = {str(t): -100 for t in range(model.n_vocab) if model.ends_reply(t)}
        return {"logit_bias": ends, "max_tokens": tokens}

    def metric(self, name: str) -> float:
        """A number of /metrics by its whole name; 0 where it was never counted."""
        text = httpx.get(f"{self.address}/metrics").text
        (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE) or ["0"]
        return float(found)

    def wait_until_idle(self) -> None:
        self.wait_for((0, 0))

    def wait_for(self, load: tuple[int, int]) -> None:
        """Until so many replies are running and waiting; on a busy machine for a minute."""
        for _ in range(3000):
            if self.engine.load == load:
                return
            time.sleep(0.02)
        assert self.engine.load == load


@contextmanager
def serving(studio: Studio, *, switch: bool = False) -> Iterator[Api]:
    """``studio``'s API at a free port until the block ends."""
    app = create_app(studio, switch=switch)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listener = socket.socket()
    # What a client does not read is soon felt, as it is on a slow line.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "The server did not start."
        time.sleep(0.01)
    try:
        yield Api(f"http://127.0.0.1:{listener.getsockname()[1]}", studio)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def whole_studio(
    shared_studio: Studio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio with a data folder of the module's own; what is dear to load is there already."""
    studio = Studio(settings(home=tmp_path_factory.mktemp("api")))
    for part in ("vidb", "encoder", "space", "bank", "directions", "evaluator"):
        getattr(shared_studio, part)
    studio._parts |= shared_studio._parts
    yield studio
    studio.database.close()


@pytest.fixture(scope="module")
def running(whole_studio: Studio) -> Iterator[Api]:
    with serving(whole_studio) as api:
        yield api


@pytest.fixture
def api(running: Api) -> Iterator[Api]:
    """The module's server, which writes nothing for anybody else, with an empty cache."""
    forget(running.engine)
    yield running
    running.wait_until_idle()
