"""Take the README's picture: ``python -m tests.browser.screenshot docs/screenshot.png``.

A fresh data folder, the model that is set (the built-in one if none is), the three examples and
a second question, at 1440 x 900.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS, PATIENCE_MS, ChatPage, chromium, running


def take(file: Path) -> None:
    """Write the picture to ``file``."""
    with (
        tempfile.TemporaryDirectory() as home,
        running(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        chat = ChatPage(page, server.address)
        for example in (2, 1, 0):
            chat.open()
            page.locator("#vf-chat .example").nth(example).click()
            expect(chat.replies).to_have_count(1)
            _settle(chat)
        chat.ask("What if he can't pay it back?")
        _settle(chat)
        page.mouse.move(700, 600)
        page.screenshot(path=file)
        browser.close()


def _settle(chat: ChatPage) -> None:
    chat.wait_until_ready()
    expect(chat.page.locator(".vf-chip").first).to_be_visible()
    expect(chat.page.locator(".vf-waiting")).to_have_count(0, timeout=PATIENCE_MS)


if __name__ == "__main__":
    take(Path(sys.argv[1]))
