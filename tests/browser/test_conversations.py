"""The list of conversations in a real browser, a thousand of them: found, opened, put in order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from chat_app.db.database import open_database
from tests.browser.conftest import ChatPage, Server, chromium, running
from tests.other_programs import chatgpt_zip
from tests.seed_database import RARE, seed_database


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a thousand stored conversations."""
    chromium()
    home = tmp_path_factory.mktemp("library")
    database = open_database(f"sqlite:///{home / 'valueflow.db'}")
    seed_database(database, conversations=1000, messages=4000)
    database.close()
    with running(home) as server:
        yield server


@pytest.fixture
def reader(context: BrowserContext, library: Server) -> Iterator[ChatPage]:
    """A tab on the library, none of it open."""
    reader = ChatPage(context.new_page(), library.address)
    reader.open()
    expect(rows(reader).first).to_be_visible()
    yield reader
    assert reader.errors == []
    assert reader.outside == []


def rows(reader: ChatPage) -> Locator:
    return reader.page.locator("#vf-conversations .vf-row")


def row(reader: ChatPage, title: str) -> Locator:
    return rows(reader).filter(has_text=title)


def choose(reader: ChatPage, each: Locator, item: str) -> None:
    each.hover()
    each.locator(".vf-more").click()
    reader.page.get_by_role("menuitem", name=item).click()


def test_a_page_of_a_thousand_is_shown_and_found_in(reader: ChatPage):
    page = reader.page
    expect(rows(reader)).to_have_count(60)
    expect(page.locator(".vf-day").first).to_have_text("Pinned")
    page.get_by_role("button", name="Show more").click()
    expect(rows(reader)).to_have_count(120)

    search = page.locator("#vf-list-search input")
    search.fill(RARE[:7])
    expect(rows(reader)).to_have_count(10)
    expect(rows(reader).first.locator(".vf-where mark")).to_have_text(RARE[:7])
    search.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(reader.replies).to_have_count(2)
    second = rows(reader).nth(1)
    expect(second.locator(".vf-link")).to_have_attribute("aria-current", "page")
    expect(reader.replies.first).to_contain_text(RARE)
    assert reader.conversation == second.get_attribute("data-id")
    expect(reader.title).to_have_text(second.get_attribute("data-title") or "")
    search.fill("no such word")
    expect(page.locator("#vf-conversations")).to_contain_text("Nothing found for “no such word”")
    search.fill("")
    expect(rows(reader)).to_have_count(60)


def test_keys_rename_pin_tag_and_delete(reader: ChatPage):
    page = reader.page
    link = rows(reader).nth(4).locator(".vf-link")
    link.click()
    expect(reader.replies).to_have_count(2)
    page.wait_for_url("**/?c=*")
    conversation = reader.conversation
    link.press("F2")
    page.locator(".vf-editor").fill("Away")
    page.keyboard.press("Escape")
    expect(row(reader, "Away")).to_have_count(0)
    page.keyboard.press("F2")
    page.locator(".vf-editor").fill("On being late")
    page.keyboard.press("Enter")
    expect(reader.title).to_have_text("On being late")
    mine = row(reader, "On being late")
    expect(mine.locator(".vf-link")).to_be_focused()

    choose(reader, mine, "Pin")
    expect(mine).to_have_attribute("data-is", "pinned")
    choose(reader, mine, "Tags")
    page.locator(".vf-editor").fill("harbour, boats")
    page.keyboard.press("Enter")
    expect(mine.locator(".vf-labels")).to_have_text("boatsharbour")
    page.locator(".vf-tag", has_text="harbour").click()
    expect(rows(reader)).to_have_count(1)
    page.locator(".vf-tag", has_text="harbour").click()
    expect(rows(reader)).to_have_count(60)

    mine.locator(".vf-link").press("Delete")
    expect(page.get_by_role("alertdialog")).to_contain_text("On being late")
    page.keyboard.press("Escape")
    expect(mine).to_have_count(1)
    mine.locator(".vf-link").press("Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(mine).to_have_count(0)
    expect(reader.questions).to_have_count(0)
    assert reader.conversation == ""
    page.locator("#vf-told").get_by_role("button", name="Undo").click()
    expect(reader.title).to_have_text("On being late")
    assert reader.conversation == conversation
    choose(reader, mine, "Delete")
    expect(page.locator("#vf-told")).to_contain_text("Deleted “On being late”.")
    reader.open(conversation)
    expect(page.locator(".toast-body")).to_contain_text("may have been deleted")
    expect(mine).to_have_count(0)


def test_several_at_once_go_to_a_file_and_to_the_archive_and_back(reader: ChatPage, tmp_path: Path):
    page = reader.page
    page.locator("#vf-tools .vf-more").click()
    page.get_by_role("menuitem", name="Select several").click()
    expect(page.locator(".vf-picked").get_by_role("button", name="Export")).to_be_disabled()
    rows(reader).nth(5).locator(".vf-link").click()
    rows(reader).nth(7).locator(".vf-pick").click(modifiers=["Shift"])
    expect(page.locator(".vf-number")).to_have_text("3 selected")
    assert reader.conversation == ""  # picked, not opened
    titles = [rows(reader).nth(n).get_attribute("data-title") or "" for n in (5, 6, 7)]
    with page.expect_download() as download:
        page.locator(".vf-picked").get_by_role("button", name="Export").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["conversation"]["title"] for line in lines] == titles

    page.locator(".vf-picked").get_by_role("button", name="Archive").click()
    expect(page.locator("#vf-told")).to_contain_text("Archived 3 conversations.")
    expect(row(reader, titles[0])).to_have_count(0)
    page.locator("#vf-tools .vf-more").click()
    page.get_by_role("menuitem", name=re.compile("Archived")).click()
    put_away = row(reader, titles[0])
    expect(put_away).to_have_count(1)
    choose(reader, put_away, "Unarchive")
    expect(put_away).to_have_count(0)
    page.get_by_role("button", name="All conversations").first.click()
    expect(row(reader, titles[0])).to_have_count(1)

    # What was exported is here already, what was altered is refused, other programs' chats come.
    exported = tmp_path / "talk.jsonl"
    exported.write_text(lines[0] + "\n", encoding="utf-8")
    altered = tmp_path / "altered.jsonl"
    altered.write_text(lines[0].replace('"text": "', '"text": "Not ', 1), encoding="utf-8")
    foreign = tmp_path / "export.zip"
    foreign.write_bytes(chatgpt_zip())
    for file, place, said in (
        (exported, "#vf-told", "1 conversation was here already."),
        (altered, ".toast-body", "altered.jsonl"),
        (foreign, "#vf-told", "Imported 2 conversations from ChatGPT."),
    ):
        page.locator("#vf-tools .vf-more").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("menuitem", name="Import").click()
        chooser.value.set_files(file)
        expect(page.locator(place)).to_contain_text(said)
        if file == exported:
            expect(reader.title).to_have_text(titles[0])
            assert reader.conversation in lines[0]
    expect(reader.title).to_have_text("The cat — in the picture")
    expect(reader.replies.last).to_contain_text("Imported from ChatGPT (gpt-4o)")
    expect(reader.questions.last).to_contain_text("1 / 2")
