"""The Models page against a hub on this computer: fetched though the line breaks, used, removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import hub_server
from tests.browser.conftest import PATIENCE_MS, ChatPage, Server, chromium, running
from tests.browser.test_accessibility import THEMES, dress, findings
from tests.chat_templates import QWEN3
from tests.hub_server import Fault, LocalHub
from tests.scripted_model import write_script

REPO, FILE = "maker/Tiny-GGUF", "Tiny-Q4_K_M.gguf"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    made = LocalHub()
    folder = tmp_path_factory.mktemp("made")
    tiny = write_script(folder / FILE, ["<think>", " Hm.", "</think>"], [" Quite", " so."], QWEN3)
    repo = made.model(REPO, {FILE: tiny, "Tiny-Q8_0.gguf": tiny}, licence="apache-2.0")
    # The line breaks once, and then at once again, until huggingface_hub gives up.
    repo.faults[FILE] = Fault(breaks=[3_000_000, *[0] * 9])
    with hub_server.running(made):
        yield made


@pytest.fixture(scope="module")
def server(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chromium()
    home = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", hub.url)
        environment.setenv("HF_HOME", str(home / "hf"))
        environment.setenv("HOME", str(home))  # other programs' models on this computer
        with running(home) as server:
            yield server


def button(page: Page, act: str, source: str) -> str:
    return f'.vf-m-act[data-act="{act}"][data-source="{source}"]'


def test_a_model_is_fetched_again_where_it_broke_off_used_and_removed(
    context: BrowserContext, server: Server, hub: LocalHub, tmp_path: Path
) -> None:
    chat = ChatPage(context.new_page(), server.address)
    page = chat.page
    page.goto(f"{server.address}/models")
    expect(page.locator("#vf-m-here")).to_contain_text("Built-in model")
    expect(page.locator("#vf-m-offers .vf-m-card")).not_to_have_count(0)

    # Its licence and sizes come before any byte of it.
    page.locator("#vf-m-wanted").get_by_role("textbox").fill(REPO)
    page.keyboard.press("Enter")
    expect(page.locator(".vf-m-found")).to_contain_text("apache-2.0")
    assert hub.sent(FILE) == []
    page.locator("#vf-m-found " + button(page, "fetch", f"{REPO}:{FILE}")).press("Enter")
    go_on = page.locator("#vf-m-go-on")
    expect(go_on).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#vf-m-download")).to_contain_text("are kept")
    expect(page.locator("#vf-m-here")).not_to_contain_text(REPO)

    hub.repos["models", REPO].faults.clear()
    before = len(hub.sent(FILE))
    page.reload()  # the page is not what fetches
    go_on.click()
    use = page.locator("#vf-m-download " + button(page, "use", f"{REPO}:{FILE}"))
    expect(use).to_be_visible(timeout=PATIENCE_MS)
    resumed = hub.sent(FILE)[before:]
    assert resumed
    assert all(asked and asked != "bytes=0-" for asked in resumed)

    use.click()
    expect(page.locator("#vf-m-said")).to_contain_text("answers from now on", timeout=PATIENCE_MS)
    expect(page.locator(".vf-m-used")).to_contain_text(REPO)
    chat.open()
    chat.ask("Is it?")
    expect(chat.replies.last.locator(".message-content").first).to_have_text("Quite so.")

    # Back to the built-in one; then it can be removed, in two steps.
    page.goto(f"{server.address}/models")
    page.locator("#vf-m-here " + button(page, "use", "builtin")).click()
    expect(page.locator(".vf-m-used")).to_contain_text("Built-in", timeout=PATIENCE_MS)
    page.locator(".vf-m-remove summary").press("Enter")
    page.locator(button(page, "remove", f"{REPO}:{FILE}")).press("Enter")
    expect(page.locator("#vf-m-said")).to_contain_text("Removed")
    expect(page.locator("#vf-m-here")).not_to_contain_text(REPO)
    assert not list((server.home / "hf").rglob("*.gguf"))
    assert chat.errors == []
    assert chat.outside == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_with_an_opened_card_is_accessible(
    context: BrowserContext, server: Server, theme: str
) -> None:
    chat = ChatPage(context.new_page(), server.address)
    chat.page.goto(f"{server.address}/models")
    dress(chat, theme)
    chat.page.reload()
    chat.page.locator(".vf-m-more summary").first.click()
    chat.page.locator("#vf-m-wanted").get_by_role("textbox").fill("maker/None-GGUF")
    chat.page.keyboard.press("Enter")
    expect(chat.page.locator("#vf-m-found")).to_contain_text("There is no model maker/None-GGUF")
    assert findings(chat) == []
