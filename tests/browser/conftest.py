"""The real server in a process of its own, and a real browser that notes whatever it asks for."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.random_models import write_babbler

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 180_000
expect.set_options(timeout=30_000)


@dataclass
class Server:
    """A running ``valueflow``: where it is, its data folder, and how long it took to be there."""

    address: str
    home: Path
    up_s: float
    port: int
    process: subprocess.Popen[bytes]


@dataclass
class ChatPage:
    """One tab on the page, in the words of the person who uses it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def _note(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text[:1500])

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.outside.append(url)

    def open(self, conversation: str = "") -> None:
        address = f"{self.address}/{f'?c={conversation}' if conversation else ''}"
        self._leave(lambda: self.page.goto(address))

    def reload(self) -> None:
        self._leave(self.page.reload)

    def visit(self, name: str) -> None:
        """Another page, by its name in the bar."""
        link = self.page.locator(".nav-holder nav").get_by_text(name, exact=True)
        body = "body.vf-ready.vf-loaded" if name == "Chat" else "body.vf-ready"
        self._leave(link.click, f'{body} .nav-holder [aria-current]:text-is("{name}")')

    def _leave(self, go: Callable[[], object], ready: str = "body.vf-ready.vf-loaded") -> None:
        """To another page, until the drawers are in place and the server's first answer is there.

        Leaving ends the old page's open requests; what it says of that in its last moments does
        not count.
        """
        before = self.errors[:]
        self.page.once("framenavigated", lambda _: self.errors.__setitem__(slice(None), before))
        go()
        self.page.wait_for_selector(ready)

    def slide(self, value: str, intensity: int) -> None:
        """With the keyboard, from the slider's left end, as a person without a mouse would."""
        slider = self.page.locator(f"#vf-{value.replace('/', '-')} input[type=range]")
        slider.press("Home")
        for _ in range(intensity + 10):
            slider.press("ArrowRight")
        expect(self.number(value)).to_have_value(str(intensity))

    def number(self, value: str) -> Locator:
        return self.page.locator(f"#vf-{value.replace('/', '-')} input[type=number]")

    def write(self, text: str) -> None:
        self.page.locator("#vf-box textarea").fill(text)
        self.page.locator("#vf-box textarea").press("Enter")

    def ask(self, text: str) -> None:
        """Send, and wait until the reply is there."""
        replies = self.replies.count()
        self.write(text)
        expect(self.replies).to_have_count(replies + 1, timeout=PATIENCE_MS)
        self.wait_until_ready()

    def wait_for_words(self) -> None:
        """Until the last reply has begun."""
        expect(self.replies.last.locator(".message-content")).to_contain_text(
            re.compile(r"\w"), timeout=PATIENCE_MS
        )

    def wait_until_ready(self) -> None:
        expect(self.page.locator("#vf-box .submit-button")).to_be_visible(timeout=PATIENCE_MS)

    @property
    def replies(self) -> Locator:
        return self.page.locator("#vf-chat .bot-row")

    @property
    def questions(self) -> Locator:
        return self.page.locator("#vf-chat .user-row")

    @property
    def title(self) -> Locator:
        return self.page.locator(".vf-title")

    @property
    def conversation(self) -> str:
        return urlsplit(self.page.url).query.removeprefix("c=")


def chromium() -> str:
    """The browser's path. Where there is none the tests are skipped, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        reason = "No chromium is installed, so the page was not tried in a browser."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(home: Path, port: int | None = None, /, **settings: str) -> Iterator[Server]:
    """``valueflow`` with its data in ``home``, until the block ends; at a free port if none is
    given."""
    port = port or _free_port()
    given = {f"VALUEFLOW_{name.upper()}": value for name, value in settings.items()}
    with (home / "server.log").open("w+") as log:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "chat_app", "--port", str(port), "--no-browser"],
            env={**os.environ, "VALUEFLOW_HOME": str(home), "OMP_NUM_THREADS": "1", **given},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            while f"Valueflow Chat is at {address}" not in Path(log.name).read_text():
                assert process.poll() is None, Path(log.name).read_text()
                assert time.monotonic() - started < 60, "The server did not say where it is."
                time.sleep(0.05)
            yield Server(address, home, time.monotonic() - started, port, process)
            said = Path(log.name).read_text()
            assert "Traceback" not in said, said
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chromium()  # nothing is started for tests that will not run
    with running(tmp_path_factory.mktemp("valueflow")) as server:
        yield server


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model finds no end."""
    chromium()
    home = tmp_path_factory.mktemp("babbler")
    model = write_babbler(home / "babbler.gguf")
    with running(home, model=str(model), max_tokens="3000", temperature="0.5") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No longer than a module: Playwright keeps an event loop, which asyncio.run cannot bear.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, accept_downloads=True, locale="en-GB"
    )
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def chat(context: BrowserContext, server: Server) -> Iterator[ChatPage]:
    """A tab on a new conversation. Whatever it does, it must raise no error in the browser's
    console and ask nothing of any other computer."""
    yield from _tab(context, server)


@pytest.fixture
def endless(context: BrowserContext, babbler: Server) -> Iterator[ChatPage]:
    """A tab like ``chat`` whose replies go on until they are stopped."""
    yield from _tab(context, babbler)


def _tab(context: BrowserContext, server: Server) -> Iterator[ChatPage]:
    chat = ChatPage(context.new_page(), server.address)
    chat.open()
    yield chat
    assert chat.errors == []
    assert chat.outside == []
