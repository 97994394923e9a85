"""Take the pictures of README and guide: ``python -m tests.browser.screenshots [FOLDER]``.

A fresh data folder, the model that is set (the built-in one if none is), at 1440 x 900; what is on
them was really said and measured.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.conftest import FLAGS, PATIENCE_MS, ChatPage, Server, chromium, running

SIZE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
READY = "body.vf-ready"


def take(folder: Path) -> None:
    """Write the pictures to ``folder``, as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        running(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        with tab(browser, server) as chat:
            conversation = a_conversation(chat, folder)
            compared(chat, folder)
            others(chat, folder, conversation)
        with tab(browser, server, PHONE, "dark") as chat:
            chat.open(conversation)
            chat.page.screenshot(path=folder / "phone.png")
        browser.close()


@contextmanager
def tab(
    browser: Browser, server: Server, size: dict[str, int] = SIZE, theme: str = "light"
) -> Iterator[ChatPage]:
    """A tab of that size on the server's page."""
    context = browser.new_context(viewport=size)  # type: ignore[arg-type]
    context.add_init_script(f"localStorage.setItem('valueflow.theme', '{theme}')")
    context.set_default_timeout(PATIENCE_MS)
    yield ChatPage(context.new_page(), server.address)
    context.close()


def a_conversation(chat: ChatPage, folder: Path) -> str:
    """The chat with its examples asked, and why a reply got its numbers; the conversation."""
    page = chat.page
    for example in (2, 1, 0):
        chat.open()
        page.locator("#vf-chat .example").nth(example).click()
        expect(chat.replies).to_have_count(1)
        settle(chat)
    chat.ask("What if he can't pay it back?")
    settle(chat)
    expect(page.locator("#vf-chart")).to_contain_text("Mean of 2 replies")
    page.mouse.move(700, 600)
    page.screenshot(path=folder / "chat.png")
    page.locator(".vf-all").last.click()
    expect(page.locator(".vf-d-row")).to_have_count(32, timeout=PATIENCE_MS)
    page.wait_for_timeout(500)
    page.screenshot(path=folder / "details.png")
    page.locator(".vf-d-close").click()
    return chat.conversation


def compared(chat: ChatPage, folder: Path) -> None:
    page = chat.page
    page.goto(f"{chat.address}/compare")
    page.wait_for_selector(READY)
    page.locator("#vf-compare-box textarea").fill("Should I tell my boss about the mistake?")
    page.locator("#vf-compare-box textarea").press("Enter")
    table = page.locator(".vf-table")
    expect(table).to_be_visible(timeout=PATIENCE_MS)
    expect(table).not_to_contain_text("…", timeout=PATIENCE_MS)
    expect(page.locator(".vf-waiting")).to_have_count(0, timeout=PATIENCE_MS)
    page.screenshot(path=folder / "compare.png")


def others(chat: ChatPage, folder: Path, conversation: str) -> None:
    page = chat.page
    page.goto(f"{chat.address}/models")
    page.wait_for_selector(READY)
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / "models.png")
    page.goto(f"{chat.address}/values?v=svt/benevolence")
    page.wait_for_selector(".vf-v-nears")
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / "values.png")
    page.goto(f"{chat.address}/calibrate")
    page.wait_for_selector(READY)
    page.locator("#vf-calibrations label").first.click()
    page.wait_for_selector("#vf-cal-ranges .main-svg")
    page.wait_for_timeout(1000)
    page.locator("#vf-cal-plot").scroll_into_view_if_needed()
    page.screenshot(path=folder / "calibrate.png")
    page.goto(f"{chat.address}/trends?c={conversation}")
    page.wait_for_selector(".vf-t-chart")
    page.screenshot(path=folder / "trends.png")
    page.goto(f"{chat.address}/settings")
    page.wait_for_selector(READY)
    page.wait_for_timeout(500)
    page.screenshot(path=folder / "settings.png")


def settle(chat: ChatPage) -> None:
    chat.wait_until_ready()
    expect(chat.page.locator(".vf-chip").first).to_be_visible()
    expect(chat.page.locator(".vf-waiting")).to_have_count(0, timeout=PATIENCE_MS)


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
