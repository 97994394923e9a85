"""The page in a real browser: a steered, scored, saved conversation, and what may go wrong."""

import json
import re
import time
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext, expect

from chat_app.chat.transcript import verify_transcript
from tests.browser.conftest import PATIENCE_MS, ChatPage, Server

QUESTION = "Should I lend my brother money?"
PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "${alert(1)} {{alert(1)}}",
    "![x](http://example.org/x.png)",
    "[x](javascript:alert(1))",
]


def test_the_server_is_up_before_any_model_is_loaded(server: Server):
    assert httpx.get(f"{server.address}/health").json()["model"]["loaded"] is False
    assert not (server.home / "cache").exists()


def test_a_first_chat(chat: ChatPage):
    chat.slide("svt/benevolence", 8)
    expect(chat.page.locator("#vf-summary")).to_have_text("benevolence +8")
    expect(chat.page.locator("#vf-theories [role=tab]").first).to_have_text("Schwartz · 1")

    # The lengths that the last reply goes through, noted by the browser itself at each change.
    chat.page.evaluate(
        """() => {
            window.lengths = [];
            new MutationObserver(() => {
                const reply = [...document.querySelectorAll('.bot-row .message-content')].at(-1);
                const length = reply ? reply.textContent.length : 0;
                if (length && length !== window.lengths.at(-1)) window.lengths.push(length);
            }).observe(document.querySelector('#vf-chat'),
                {childList: true, subtree: true, characterData: true});
        }"""
    )
    chat.ask(QUESTION)
    lengths = chat.page.evaluate("window.lengths")
    assert len(lengths) >= 2, "The reply did not stream."
    assert lengths == sorted(lengths)
    expect(chat.title).to_contain_text("lend my brother")

    chip = chat.page.locator(".vf-chip")
    expect(chip).to_have_count(1)
    measured = re.compile(r"benevolence\s*\+8\s*→\s*[+−]?\d+\.\d\s*± \d+\.\d")
    expect(chip).to_have_text(measured, timeout=PATIENCE_MS)

    chat.page.locator("#vf-profile-name input").fill("Kind")
    chat.page.locator("#vf-save").click()
    expect(chat.page.get_by_text("Saved “Kind”.")).to_be_visible()

    reply, conversation = chat.replies.inner_text(), chat.conversation
    assert conversation
    chat.reload()
    assert chat.conversation == conversation
    expect(chat.questions).to_have_text(QUESTION)
    assert chat.replies.inner_text() == reply
    expect(chat.number("svt/benevolence")).to_have_value("8")
    expect(chat.page.locator("#vf-summary")).to_have_text("benevolence +8")

    transcript = _exported(chat, "json")
    data = json.loads(transcript)
    assert verify_transcript(data) == []
    assert QUESTION in transcript
    assert "± " not in transcript
    assert QUESTION in _exported(chat, "md")
    assert "svt/benevolence" in _exported(chat, "csv")


def test_a_saved_profile_is_loaded_duplicated_and_deleted(chat: ChatPage):
    name, saved = chat.page.locator("#vf-profile-name input"), chat.page.locator("#vf-saved input")
    chat.slide("svt/power", -4)
    name.fill("Gentle")
    chat.page.locator("#vf-save").click()
    expect(saved).to_have_value("Gentle")

    chat.page.locator("#vf-clear").click()
    expect(chat.page.locator("#vf-summary")).to_contain_text("unsteered")
    expect(chat.number("svt/power")).to_have_value("0")
    chat.reload()
    saved.click()
    chat.page.get_by_role("option", name="Gentle", exact=True).click()
    expect(chat.number("svt/power")).to_have_value("-4")
    expect(chat.page.locator("#vf-summary")).to_have_text("power −4")

    chat.page.locator("#vf-duplicate").click()
    expect(name).not_to_have_value("Gentle")
    expect(name).to_have_value(re.compile("Gentle"))
    chat.page.locator("#vf-delete-profile").click()
    chat.page.locator("#vf-confirm-profile button.stop").click()
    expect(name).to_have_value("")
    saved.click()
    expect(chat.page.get_by_role("option", name="Gentle", exact=True)).to_have_count(1)
    expect(chat.page.get_by_role("option", name="Gentle copy")).to_have_count(0)


def test_a_reply_grows_while_it_is_read(endless: ChatPage):
    endless.write("Tell me about home.")
    endless.wait_for_words()
    words = endless.replies.locator(".message-content")
    first = len(words.inner_text())
    for _ in range(100):
        time.sleep(0.1)
        if len(words.inner_text()) > first:
            break
    assert len(words.inner_text()) > first
    expect(endless.page.locator("#vf-box .stop-button")).to_be_visible()


def test_stop_ends_a_reply_and_keeps_what_was_said(endless: ChatPage):
    endless.write("Tell me about honesty.")
    endless.wait_for_words()
    endless.page.locator("#vf-box .stop-button").click()
    endless.wait_until_ready()
    expect(endless.replies).to_contain_text("Stopped before the end.")
    said = endless.replies.locator(".message-content").inner_text()
    assert said
    endless.reload()
    assert endless.replies.locator(".message-content").inner_text() == said


def test_a_reply_stays_in_its_own_conversation(endless: ChatPage):
    endless.write("Tell me about money.")
    endless.wait_for_words()
    endless.page.locator("#vf-new").click()
    expect(endless.title).to_have_text("New conversation")
    time.sleep(0.5)
    expect(endless.questions).to_have_count(0)
    expect(endless.replies).to_have_count(0)
    expect(endless.page.locator("#vf-box .submit-button")).to_be_visible()
    endless.page.locator("#vf-conversations").get_by_text("money").click()
    endless.wait_for_words()
    endless.page.locator("#vf-box .stop-button").click()
    endless.wait_until_ready()
    expect(endless.replies).to_contain_text("Stopped before the end.")


def test_markup_in_what_a_person_says_does_nothing(chat: ChatPage):
    page, name = chat.page, chat.page.locator("#vf-profile-name input")
    said = "\n".join(PAYLOADS)
    chat.ask(said)
    expect(chat.questions).to_have_text(said, use_inner_text=True)
    listed = page.locator(".vf-row").first
    for payload in PAYLOADS:
        listed.locator(".vf-link").press("F2")
        page.locator(".vf-editor").fill(payload)
        page.locator(".vf-editor").press("Enter")
        expect(chat.title).to_have_text(payload)
        expect(listed.locator(".vf-topic")).to_have_text(payload)
        listed.locator(".vf-link").press("Delete")
        expect(page.locator("#vf-menu")).to_contain_text(payload)
        page.keyboard.press("Escape")
        name.fill(payload)
        page.locator("#vf-save").click()
        expect(page.get_by_text(f"Saved “{payload}”.")).to_be_visible()
        page.locator("#vf-delete-profile").click()
        expect(page.locator("#vf-confirm-profile")).to_contain_text(payload)
    chat.reload()
    expect(chat.questions).to_have_text(said, use_inner_text=True)
    page.locator("#vf-saved input").click()
    expect(page.get_by_role("option", name=PAYLOADS[0])).to_be_visible()
    listed.locator(".vf-link").press("F2")
    page.locator(".vf-editor").fill("Markup")
    page.locator(".vf-editor").press("Enter")
    for payload in PAYLOADS:
        page.locator("#vf-list-search input").fill(payload)
        expect(listed.locator(".vf-where mark").first).to_be_visible()
    assert page.locator("#vf-chat img, .user-row script, .vf-title *").count() == 0
    assert page.locator("#vf-left :is(img, script, a:not([href^='?c=']))").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_a_conversation_that_is_not_there_is_said_so(chat: ChatPage):
    chat.open("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(chat.page.locator(".toast-body")).to_contain_text("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(chat.title).to_have_text("New conversation")
    expect(chat.page.locator(".toast-body")).not_to_contain_text("Traceback")
    expect(chat.page).to_have_url(f"{chat.address}/")


def test_two_tabs_do_not_disturb_each_other(chat: ChatPage, context: BrowserContext):
    other = ChatPage(context.new_page(), chat.address)
    other.open()
    chat.slide("svt/hedonism", 6)
    expect(other.number("svt/hedonism")).to_have_value("0")
    chat.write("Shall I eat the cake?")
    other.write("Shall I sell my bicycle?")
    for tab, words in ((chat, "cake"), (other, "bicycle")):
        expect(tab.title).to_contain_text(words, timeout=PATIENCE_MS)
        tab.wait_until_ready()
        expect(tab.questions).to_have_count(1)
        expect(tab.questions).to_contain_text(words)
    assert chat.conversation != other.conversation
    expect(chat.page.locator(".vf-chip")).to_have_count(1)
    expect(other.page.locator(".vf-chip")).to_have_count(0)
    assert other.errors == []
    assert other.outside == []


def test_an_example_sets_its_profile_and_asks(chat: ChatPage):
    example = chat.page.locator("#vf-chat .example").nth(1)
    question = example.inner_text().splitlines()[0]
    example.click()
    expect(chat.questions).to_have_text(question)
    chat.wait_until_ready()
    expect(chat.number("svt/stimulation")).to_have_value("8")
    expect(chat.page.locator("#vf-profile-name input")).to_have_value("Adventurer")
    # At once after a new chat, whose cleared sliders are being answered still.
    chat.page.locator("#vf-new").click()
    expect(chat.questions).to_have_count(0)
    chat.page.locator("#vf-chat .example").nth(1).click()
    expect(chat.page.locator("#vf-summary")).to_contain_text("stimulation +8")
    chat.wait_until_ready()
    time.sleep(1)
    expect(chat.page.locator("#vf-summary")).to_contain_text("stimulation +8")


def test_an_empty_message_is_not_sent(chat: ChatPage):
    chat.write("   ")
    time.sleep(0.5)
    expect(chat.questions).to_have_count(0)
    assert chat.conversation == ""


def _exported(chat: ChatPage, form: str) -> str:
    with chat.page.expect_download() as download:
        chat.page.locator(f"#vf-export-{form}").click()
    file = download.value
    assert file.suggested_filename == f"valueflow-{chat.conversation}.{form}"
    return Path(file.path()).read_text(encoding="utf-8")
