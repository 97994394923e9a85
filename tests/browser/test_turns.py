"""What one does with turns: again, otherwise, back, on; and what is there after an accident."""

import os
import re
import signal
import sqlite3
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.conftest import PATIENCE_MS, ChatPage, Server, running

QUESTION = "Should I lend my brother money?"


def act(row: Locator, name: str) -> None:
    row.hover()
    row.locator(f'[data-act="{name}"]').click()


def at_least(length: int) -> re.Pattern[str]:
    """Any text of so many characters."""
    return re.compile(rf".{{{length},}}", re.DOTALL)


def words(chat: ChatPage) -> Locator:
    return chat.replies.last.locator(".message-content").first


def test_another_reply_another_question_and_back(chat: ChatPage):
    chat.ask(QUESTION)
    reply = chat.replies.last
    first = words(chat).inner_text()
    chat.slide("svt/benevolence", 8)
    act(reply, "retry")
    expect(reply.locator(".vf-branches")).to_contain_text("2 / 2", timeout=PATIENCE_MS)
    chat.wait_until_ready()
    expect(chat.page.locator(".vf-chip")).to_have_count(1)
    act(reply, "previous")
    expect(reply.locator(".vf-branches")).to_contain_text("1 / 2")
    assert words(chat).inner_text() == first
    expect(chat.page.locator(".vf-chip")).to_have_count(0)
    # With the keyboard alone: Tab reaches the arrow, Enter presses it.
    arrow = reply.locator('[data-act="next"]')
    arrow.focus()
    chat.page.keyboard.press("Enter")
    expect(reply.locator(".vf-branches")).to_contain_text("2 / 2")

    # Up in the empty box edits what was said last; Escape thinks better of it.
    box = chat.page.locator("#vf-box textarea")
    box.press("ArrowUp")
    expect(box).to_have_value(QUESTION)
    expect(chat.page.locator(".vf-editing")).to_contain_text("new branch")
    box.press("Escape")
    expect(chat.page.locator(".vf-editing")).to_have_count(0)
    expect(box).to_have_value("")
    act(chat.questions.last, "edit")
    expect(box).to_have_value(QUESTION)
    expect(box).to_be_focused()
    box.fill("Should I lend my sister money?")
    box.press("Shift+Enter")
    box.press_sequentially("She asked.")
    box.press("Enter")
    expect(chat.questions.locator(".vf-branches")).to_contain_text("2 / 2", timeout=PATIENCE_MS)
    chat.wait_until_ready()
    expect(chat.questions).to_have_count(1)
    expect(chat.questions.locator(".message-content").first).to_have_text(
        re.compile(r"sister money\?\s*She asked\.")
    )

    # A reply in one's own words.
    act(reply, "edit")
    expect(box).not_to_have_value("")
    expect(box).to_be_focused()
    box.fill("Only what you can spare.")
    box.press("Enter")
    expect(words(chat)).to_have_text("Only what you can spare.")
    expect(reply).to_contain_text("Edited by you")
    expect(chat.page.locator(".vf-chip")).to_have_count(0)

    # The profile changes, which shows between the turns; then the turn is taken back and shown.
    chat.ask("And my cousin?")
    chat.slide("svt/benevolence", -8)
    chat.ask("And my uncle?")
    expect(chat.page.locator(".vf-divider")).to_have_text("Benevolence +8 → −8")
    act(chat.questions.last, "undo")
    expect(box).to_have_value("And my uncle?")
    expect(chat.questions).to_have_count(2)
    expect(chat.page.locator(".vf-divider")).to_have_count(0)
    chat.page.locator('[data-act="later"]').click()
    expect(chat.questions).to_have_count(3)

    act(chat.replies.last, "like")
    expect(chat.replies.last.locator('[data-act="like"]')).to_have_attribute("aria-pressed", "true")
    said = words(chat).inner_text()
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    act(chat.replies.last, "copy")
    expect(chat.page.locator(".vf-copied")).to_have_count(1)
    assert chat.page.evaluate("navigator.clipboard.readText()").split() == said.split()
    about = chat.replies.last.locator('[data-act="about"]')
    expect(about).to_have_attribute("data-tip", re.compile(r"tokens · .*tokens/s · seed \d+"))
    chat.reload()
    expect(chat.questions).to_have_count(3)
    expect(chat.replies.last.locator('[data-act="like"]')).to_have_attribute("aria-pressed", "true")


def test_a_temporary_chat_is_kept_only_when_one_says_so(chat: ChatPage, server: Server):
    page = chat.page
    page.locator("#vf-temporary").click()
    expect(chat.title).to_have_text("Temporary chat: not stored")
    expect(page.locator(".vf-notice")).to_be_visible()
    chat.slide("svt/benevolence", 6)
    chat.ask("Does Xylophontes owe me money?")
    expect(page.locator(".vf-chip:not(.vf-waiting)")).to_have_count(1, timeout=PATIENCE_MS)
    assert chat.conversation == ""
    assert b"Xylophontes" not in _everything(server.home)
    page.locator("#vf-new").click()
    expect(chat.title).to_have_text("New conversation")
    expect(chat.questions).to_have_count(0)
    page.locator("#vf-temporary").click()
    expect(chat.title).to_have_text("Temporary chat: not stored")
    expect(chat.questions).to_have_count(0)
    chat.ask("Does Ypsilanti owe me money?")
    page.locator("#vf-keep-chat").click()
    expect(chat.title).to_contain_text("Ypsilanti")
    expect(page.locator(".vf-notice")).to_be_hidden()
    expect(chat.questions).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?c="))
    chat.ask("And who pays?")
    chat.reload()
    expect(chat.questions).to_have_count(2)
    held = _everything(server.home)
    assert b"Xylophontes" not in held
    assert b"Ypsilanti" in held


def test_a_reply_goes_on_without_its_page_and_is_stopped_there(
    endless: ChatPage, context: BrowserContext, babbler: Server
):
    endless.write("Tell me about friendship.")
    endless.wait_for_words()
    conversation, stop = endless.conversation, endless.page.locator("#vf-box .stop-button")
    endless.reload()
    assert endless.conversation == conversation
    expect(endless.questions).to_contain_text("Tell me about friendship.")
    expect(stop).to_be_visible()
    length = len(words(endless).inner_text())
    expect(words(endless)).to_have_text(at_least(length + 40))

    other = ChatPage(context.new_page(), endless.address)
    other.open(conversation)
    expect(other.page.locator("#vf-box .stop-button")).to_be_visible()
    other.page.keyboard.press("Escape")
    for tab in (other, endless):
        tab.wait_until_ready()
        expect(tab.replies).to_contain_text("Stopped before the end.")
    said = words(endless).inner_text()
    assert words(other).inner_text() == said

    # Both tabs stand on one conversation: what one adds the other shows when it is looked at.
    act(other.replies.last, "go_on")
    expect(other.page.locator("#vf-box .stop-button")).to_be_visible()
    expect(words(other)).to_have_text(at_least(len(said) + 20))
    other.page.keyboard.press("Escape")
    other.wait_until_ready()
    expect(other.replies.locator(".vf-branches")).to_contain_text("2 / 2")
    cut, longer = _replies(babbler.home, conversation)
    assert longer.startswith(cut)
    assert len(longer) > len(cut)
    endless.page.evaluate("dispatchEvent(new Event('focus'))")
    expect(endless.replies.locator(".vf-branches")).to_contain_text("2 / 2")
    assert other.errors == []
    assert other.outside == []


def test_another_chat_begins_while_a_reply_is_written(endless: ChatPage, babbler: Server):
    page, stop = endless.page, endless.page.locator("#vf-box .stop-button")

    def go_to(conversation: str) -> None:
        page.locator(f'.vf-row[data-id="{conversation}"] .vf-link').click()

    endless.write("Tell me about friendship.")
    endless.wait_for_words()
    first = endless.conversation
    page.locator("#vf-new").click()
    expect(endless.questions).to_have_count(0)
    endless.write("Tell me about home.")
    expect(endless.questions).to_contain_text("Tell me about home.")
    endless.wait_for_words()
    second = endless.conversation
    assert second != first

    # Both grow, each on its own page.
    (early,) = _replies(babbler.home, first)
    length = len(words(endless).inner_text())
    expect(words(endless)).to_have_text(at_least(length + 40))
    expect(endless.questions).to_have_text([re.compile("Tell me about home.")])
    (now,) = _replies(babbler.home, first)
    assert len(now) > len(early)
    assert now.startswith(early)
    go_to(first)
    expect(endless.questions).to_have_text([re.compile("Tell me about friendship.")])
    expect(words(endless)).to_have_text(at_least(len(now) + 40))
    expect(stop).to_be_visible()

    # Stop is about what is shown.
    page.keyboard.press("Escape")
    endless.wait_until_ready()
    expect(endless.replies).to_contain_text("Stopped before the end.")
    go_to(second)
    expect(endless.questions).to_have_text([re.compile("Tell me about home.")])
    expect(stop).to_be_visible()
    length = len(words(endless).inner_text())
    expect(words(endless)).to_have_text(at_least(length + 40))
    page.keyboard.press("Escape")
    endless.wait_until_ready()
    expect(endless.replies).to_contain_text("Stopped before the end.")
    expect(endless.questions).to_have_count(1)


def test_what_is_left_when_the_server_is_killed_in_a_reply(
    context: BrowserContext, babbler: Server, tmp_path: Path
):
    model = str(babbler.home / "babbler.gguf")
    options = {"model": model, "max_tokens": "3000", "temperature": "0.5"}
    page = context.new_page()
    with running(tmp_path, **options) as server:
        chat = ChatPage(page, server.address)
        chat.open()
        chat.write("Tell me about home.")
        chat.wait_for_words()
        _wait_until_stored(tmp_path)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with running(tmp_path, server.port, **options):
        # Gradio loads the page again once the server answers.
        expect(chat.replies).to_contain_text("Interrupted", timeout=PATIENCE_MS)
        expect(chat.questions).to_contain_text("Tell me about home.")
        said = words(chat).inner_text()
        assert said
        chat.wait_until_ready()
        act(chat.replies.last, "go_on")
        expect(words(chat)).to_have_text(at_least(len(said) + 20))
        chat.page.keyboard.press("Escape")
        chat.wait_until_ready()
        expect(chat.replies).to_contain_text("Stopped before the end.")
        assert chat.outside == []
        page.close()


def _replies(home: Path, conversation: str) -> list[str]:
    query = "SELECT text FROM messages WHERE role = 'assistant' AND conversation_id = ? ORDER BY id"
    found = sqlite3.connect(home / "valueflow.db").execute(query, (conversation,))
    return [text for (text,) in found]


def _wait_until_stored(home: Path) -> None:
    database = sqlite3.connect(home / "valueflow.db")
    for _ in range(200):
        query = "SELECT length(text) FROM messages WHERE role = 'assistant'"
        if max((length for (length,) in database.execute(query)), default=0) > 50:
            return
        time.sleep(0.1)
    raise AssertionError("Nothing of the reply was stored while it grew.")


def _everything(home: Path) -> bytes:
    files = [Path(at) / name for at, _, names in os.walk(home) for name in names]
    return b"".join(file.read_bytes() for file in files if file.name != "babbler.gguf")
