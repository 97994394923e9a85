"""The pages Values, Trends and Settings in a real browser."""

import json
import re
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, ChatPage


def _go(chat: ChatPage, path: str) -> None:
    chat._leave(lambda: chat.page.goto(chat.address + path), "body.vf-ready")


def test_a_value_is_found_read_and_used(chat: ChatPage):
    page = chat.page
    _go(chat, "/values?v=svt/benevolence")
    title = page.locator("#vf-v-about h2")
    expect(title).to_have_text("Benevolence")
    expect(page.locator("#vf-v-tree [aria-current]")).to_have_text("Benevolence")
    expect(page.locator(".vf-v-band")).to_have_count(5)
    expect(page.locator(".vf-v-nears")).to_be_visible(timeout=PATIENCE_MS)

    page.locator("#vf-v-search").get_by_label("Search values").press_sequentially("pleasure")
    found = page.locator(".vf-v-found .vf-v-link")
    expect(found).to_have_count(0)
    page.locator("#vf-v-search").get_by_label("Search values").fill("hedon")
    expect(found).to_have_count(1)
    found.focus()
    page.keyboard.press("Enter")
    expect(title).to_have_text("Hedonism")
    expect(page).to_have_url(f"{chat.address}/values?v=svt/hedonism")
    chat._leave(page.get_by_role("link", name="Use in a chat").click)
    expect(chat.number("svt/hedonism")).to_have_value("6")
    expect(page.locator("#vf-summary")).to_have_text("hedonism +6")
    expect(page).to_have_url(f"{chat.address}/")

    _go(chat, "/values?v=<b>nobody")
    expect(page.locator(".toast-body")).to_contain_text("There is no value")
    expect(title).to_be_visible()


def test_trends_of_a_conversation_and_of_all(chat: ChatPage):
    page = chat.page
    chat.slide("svt/benevolence", 8)
    chat.ask("Should I lend my brother money?")
    chat.ask("Why?")
    expect(page.locator(".vf-chip")).to_have_count(2)
    expect(page.locator(".vf-waiting")).to_have_count(0, timeout=PATIENCE_MS)
    _go(chat, f"/trends?c={chat.conversation}")
    expect(page.locator(".vf-t-chart")).to_have_count(1)
    expect(page.locator(".vf-t-chart circle")).to_have_count(2)
    row = page.locator(".vf-t-table tbody tr")
    expect(row).to_have_text(re.compile(r"Benevolence\s*2\s*\+8"))
    _go(chat, "/trends")
    expect(page.locator(".vf-t-strips .vf-t-row[role=img]").first).to_be_visible()
    with page.expect_download() as download:
        page.locator("#vf-t-csv").click()
    assert "svt/benevolence" in Path(download.value.path()).read_text(encoding="utf-8")


def test_settings_hold_and_everything_can_be_taken_away_or_deleted(chat: ChatPage):
    page = chat.page
    chat.ask("Is it wrong to be late?")
    _go(chat, "/settings")
    tokens = page.locator("#vf-set-max-tokens input")
    expect(tokens).to_have_value("256")
    tokens.fill("3")
    page.locator("#vf-set-n-ctx input").fill("2048")
    page.locator("#vf-set-save").click()
    expect(page.locator("#vf-set-said")).to_contain_text("Context size will hold when the model")
    page.locator("#vf-set-again").click()
    expect(page.locator("#vf-set-said")).to_contain_text("with the new", timeout=PATIENCE_MS)
    chat.open()
    chat.ask("Is it wrong to be early?")
    expect(chat.replies).to_contain_text("Cut off")

    _go(chat, "/settings")
    expect(tokens).to_have_value("3")
    page.locator("#vf-set-defaults").click()
    expect(tokens).to_have_value("256")
    for choice in ("The paper's, snu-aidas/HiVES-2", "Built in, for any text"):
        page.locator("#vf-set-hives input").click()
        page.get_by_role("option", name=choice).click()
        licence = "allow no commercial use" if "paper" in choice else ""
        expect(page.locator("#vf-set-licence")).to_contain_text(licence)
    page.locator("#vf-set-artefacts").click()
    said = page.locator("#vf-set-artefacts-said")
    expect(said).to_contain_text("They hold from now on", timeout=PATIENCE_MS)
    expect(page.locator("#vf-set-licence")).to_have_text("")
    page.locator("#vf-set-backup").click()
    expect(page.locator("#vf-set-backups")).to_contain_text(".db")
    page.locator("#vf-set-export").click()
    with page.expect_download() as download:
        page.locator("#vf-set-download").click()
    assert "/exports/" in download.value.url  # and no copy of it in a temporary folder
    with zipfile.ZipFile(download.value.path()) as zip:
        names = [name for name in zip.namelist() if name.startswith("conversations/")]
        titles = {json.loads(zip.read(name))["conversation"]["title"] for name in names}
    assert {"Is it wrong to be late?", "Is it wrong to be early?"} <= titles

    delete = page.locator("#vf-set-delete")
    expect(delete).to_be_disabled()
    page.get_by_label("Type “delete everything” to allow it").fill("delete everything")
    delete.click()
    expect(page.locator("#vf-set-deleted")).to_contain_text(re.compile(r"Deleted \d+ conversation"))
    chat.open()
    expect(page.locator("#vf-conversations .vf-row")).to_have_count(0)
