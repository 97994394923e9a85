"""A thought on the page: folded, opened by a key, shown literally, and no part of the reply."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import ChatPage, Server, chromium, running
from tests.chat_templates import QWEN3
from tests.scripted_model import write_script


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model thinks before it speaks."""
    chromium()
    home = tmp_path_factory.mktemp("thinker")
    thought = ["<think>", " A <b>loan</b>", " can", " strain", " things.", "</think>"]
    model = write_script(
        home / "thinker.gguf", thought, [" Lend", " what you", " can give."], QWEN3
    )
    with running(home, model=str(model), think="1") as server:
        yield server


def test_a_thought_is_folded_and_opens(context: BrowserContext, thinker: Server) -> None:
    chat = ChatPage(context.new_page(), thinker.address)
    chat.open()
    for n in (1, 2):
        chat.ask("Should I lend my brother money?")
        expect(chat.replies).to_have_count(n)
    folded = chat.replies.first.locator("details.vf-thought")
    expect(folded.locator("p")).to_be_hidden()
    summary = folded.locator("summary")
    expect(summary).to_have_text("Thought for a moment")
    summary.focus()
    chat.page.keyboard.press("Enter")
    expect(folded.locator("p")).to_have_text("A <b>loan</b> can strain things.")
    # It stays open when the conversation changes around it.
    chat.ask("And my sister?")
    expect(folded.locator("p")).to_be_visible()
    expect(chat.replies.first.locator(".message-content")).to_have_text("Lend what you can give.")
    # Editing begins with the reply, not with the thought.
    chat.replies.last.hover()
    chat.replies.last.locator('[data-act="edit"]').click()
    expect(chat.page.locator("#vf-box textarea")).to_have_value("Lend what you can give.")
    assert chat.errors == []
    assert chat.outside == []
