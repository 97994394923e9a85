"""axe-core on every page, in light and dark: no finding that is serious or worse."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from chat_app.ui.pages import OTHERS
from tests.browser.conftest import ChatPage

THEMES = ("light", "dark")


def findings(chat: ChatPage) -> list[str]:
    """What axe-core calls serious or critical, a line for each element."""
    found = Axe().run(chat.page).response["violations"]
    return [
        f"{each['id']} ({each['help']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def dress(chat: ChatPage, theme: str) -> None:
    """Show ``theme`` from the next page on, as the button for it does."""
    chat.page.evaluate("theme => localStorage.setItem('valueflow.theme', theme)", theme)


@pytest.mark.parametrize("theme", THEMES)
def test_the_chat_with_a_reply_is_accessible(chat: ChatPage, theme: str):
    dress(chat, theme)
    chat.reload()
    assert findings(chat) == []
    chat.slide("svt/benevolence", 6)
    chat.ask("Should I lend my brother money?")
    expect(chat.page.locator(".vf-waiting")).to_have_count(0)
    assert findings(chat) == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_chat_on_a_phone_is_accessible(chat: ChatPage, theme: str):
    dress(chat, theme)
    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.reload()
    assert findings(chat) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", [other.path for other in OTHERS])
def test_the_other_pages_are_accessible(chat: ChatPage, path: str, theme: str):
    dress(chat, theme)
    chat.page.goto(f"{chat.address}/{path}")
    chat.page.wait_for_selector("body.vf-ready")
    assert findings(chat) == []
