"""The score details under a reply: opened, read and closed with the keyboard."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, ChatPage


def test_all_values_of_a_reply_and_why(chat: ChatPage):
    page = chat.page
    chat.slide("svt/benevolence", 8)
    chat.ask("Should I lend my brother money?")
    expect(page.locator(".vf-waiting")).to_have_count(0, timeout=PATIENCE_MS)

    link = page.locator(".vf-all")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="What this reply supports")).to_be_visible()
    rows = page.locator(".vf-d-row")
    expect(rows).to_have_count(32, timeout=PATIENCE_MS)
    chip = page.locator(".vf-chip .vf-measured").first
    expect(rows.first).to_contain_text("Benevolence")
    expect(rows.first.locator(".vf-d-value")).to_have_text(chip.inner_text())
    expect(rows.first.locator(".vf-d-mark")).to_be_visible()
    why = page.locator(".vf-d-reason")
    expect(why).to_contain_text(re.compile(r"ranked above \d+ of 15"))
    expect(why.locator(".vf-d-window")).to_have_count(3)

    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    second = rows.nth(1)
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(why.locator("h3")).to_contain_text(second.locator(".vf-d-label").inner_text())
    trend = page.locator(".vf-d-meta a")
    expect(trend).to_have_attribute("href", f"/trends?c={chat.conversation}")
    # What lies behind cannot be reached meanwhile.
    assert page.evaluate("document.querySelector('#vf-box').closest('[inert]') !== null")

    page.keyboard.press("Escape")
    expect(page.locator("#vf-details")).to_be_hidden()
    expect(link).to_be_focused()
    assert page.evaluate("document.querySelector('#vf-box').closest('[inert]') === null")


def test_a_reply_without_targets_can_be_measured_too(chat: ChatPage):
    chat.ask("Is it wrong to be late?")
    chat.page.locator(".vf-all").click()
    expect(chat.page.locator(".vf-d-row")).to_have_count(32, timeout=PATIENCE_MS)
    expect(chat.page.locator(".vf-d-mark")).to_have_count(0)
    chat.page.locator(".vf-d-close").click()
    expect(chat.page.locator("#vf-details")).to_be_hidden()
