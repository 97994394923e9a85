"""Another model while the page is open."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, ChatPage
from tests.random_models import write_llama


def test_another_model_answers_and_the_conversation_stays(chat: ChatPage, tmp_path: Path):
    page = chat.page
    other = write_llama(tmp_path / "another-one.gguf")
    chat.ask("Should I lend my brother money?")
    panel, source = page.locator("#vf-model"), page.locator("#vf-model-source input")
    panel.locator(".label-wrap").click()
    source.fill(str(tmp_path / "nothing.gguf"))
    source.press("Enter")
    expect(page.get_by_text("nothing.gguf", exact=False).first).to_be_visible(timeout=PATIENCE_MS)
    expect(source).to_have_value(str(tmp_path / "nothing.gguf"))

    source.fill(str(other))
    source.press("Enter")
    expect(panel).to_contain_text("another-one answers from now on", timeout=PATIENCE_MS)
    expect(panel).to_contain_text("another-one, ")
    chat.ask("And if he asks again?")
    expect(chat.replies).to_have_count(2)

    source.fill("builtin")
    source.press("Enter")
    expect(panel).to_contain_text("builtin-chat answers from now on", timeout=PATIENCE_MS)
    chat.reload()
    expect(chat.replies).to_have_count(2)
    panel.locator(".label-wrap").click()
    expect(panel).to_contain_text("builtin-chat, 5.48 million parameters")
