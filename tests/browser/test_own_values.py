"""A value in one's own words on the page: added, explained, refused, kept, and never markup."""

import re

from playwright.sync_api import expect

from chat_app.chat.profiles import save_profile
from chat_app.db.database import open_database
from chat_app.values.phrases import PHRASES
from chat_app.values.profile import Profile
from tests.browser.conftest import PATIENCE_MS, ChatPage, Server

# The project's own words for a known value, which every encoder finds.
WORDS = PHRASES["mft/care-harm"]


def add(chat: ChatPage, words: str) -> None:
    chat.page.locator("#vf-own input").fill(words)
    chat.page.locator("#vf-own input").press("Enter")


def test_a_value_of_ones_own_is_added_asked_for_and_kept(chat: ChatPage):
    page = chat.page
    summary, note, first = (page.locator(s) for s in ("#vf-summary", ".vf-own-note", "#vf-own-0"))
    add(chat, "asdf qwer")
    expect(note).to_contain_text("“asdf qwer” lies no nearer", timeout=PATIENCE_MS)
    expect(first).to_be_hidden()
    expect(page.locator("#vf-own input")).to_have_value("asdf qwer")

    add(chat, WORDS)
    expect(first).to_be_visible(timeout=PATIENCE_MS)
    expect(first).to_contain_text(WORDS)
    expect(note).to_contain_text("is read as near Care / harm")
    expect(summary).to_have_text(f"“{WORDS}” +6")
    expect(page.locator("#vf-own input")).to_have_value("")
    add(chat, WORDS.upper())
    expect(note).to_contain_text("has a slider already")

    chat.slide("own-0", -3)
    expect(summary).to_have_text(f"“{WORDS}” −3")
    chat.ask("Should I lend my brother money?")
    chip = page.locator(".vf-chip")
    measured = re.compile(re.escape(f"“{WORDS}”") + r"\s*−3\s*→\s*[+−]?\d+\.\d\s*± \d+\.\d")
    expect(chip).to_have_text(measured, timeout=PATIENCE_MS)

    page.locator("#vf-profile-name input").fill("Mine")
    page.locator("#vf-save").click()
    expect(page.get_by_text("Saved “Mine”.")).to_be_visible()
    chat.reload()
    expect(chat.number("own-0")).to_have_value("-3")
    expect(summary).to_have_text(f"“{WORDS}” −3")
    page.locator("#vf-clear").click()
    expect(first).to_be_hidden()
    expect(summary).to_contain_text("unsteered")
    page.locator("#vf-saved input").click()
    page.get_by_role("option", name="Mine", exact=True).click()
    expect(chat.number("own-0")).to_have_value("-3")


def test_any_words_are_shown_as_they_are_and_more_than_fit_are_kept(chat: ChatPage, server: Server):
    nasty = ["<img src=x onerror=alert(1)>", "${alert(1)} {{alert(1)}} `x`", "[x](javascript:a)"]
    words = [*nasty, *(f"my value {letter}" for letter in "abcde")]
    profile = Profile("Many", {f"custom/{w}": i + 1 for i, w in enumerate(words)})
    store = open_database(f"sqlite:///{server.home / 'valueflow.db'}")
    save_profile(store, profile)
    store.close()
    chat.reload()
    page = chat.page
    page.locator("#vf-saved input").click()
    page.get_by_role("option", name="Many", exact=True).click()
    for i in range(6):
        expect(page.locator(f"#vf-own-{i} .head")).to_contain_text(words[i])
        expect(chat.number(f"own-{i}")).to_have_value(str(i + 1))
    for each in words:
        expect(page.locator("#vf-summary")).to_contain_text(f"“{each}”")
    assert page.locator("#vf-right img, #vf-right a").count() == 0
    page.locator("#vf-profile-name input").fill("Many again")
    page.locator("#vf-save").click()
    expect(page.get_by_text("Saved “Many again”.")).to_be_visible()
    add(chat, "another one")
    expect(page.locator(".vf-own-note")).to_contain_text("room for 6 values")
    add(chat, "my value e")
    expect(page.locator(".vf-own-note")).to_contain_text("has a slider already")
