"""The bar above all pages, and the pages Compare and Calibrate, in a real browser."""

import re

from playwright.sync_api import BrowserContext, expect

from chat_app.chat.compare import comparison
from chat_app.chat.profiles import save_profile
from chat_app.db.database import open_database
from chat_app.values.profile import Profile
from tests.browser.conftest import PATIENCE_MS, ChatPage, Server

QUESTION = "Should I lend my brother money?"
NASTY = "<img src=x onerror=alert(1)> ${alert(1)} {{alert(1)}}"
SIZES = ((1440, 900), (1024, 768), (390, 844))


def dark(chat: ChatPage) -> bool:
    return chat.page.evaluate("document.body.classList.contains('dark')")


def test_the_bar_leads_to_every_page_and_light_or_dark_stays(chat: ChatPage):
    page = chat.page
    names = page.locator(".nav-holder nav a").all_inner_texts()
    assert names == ["Chat", "Compare", "Values", "Calibrate", "Trends", "Models", "Settings"]
    page.locator("#vf-theme").click()
    before = dark(chat)
    for name in (*names[1:], "Chat"):
        chat.visit(name)
        assert dark(chat) is before
        assert page.locator(".nav-holder nav [aria-current=page]").all_inner_texts() == [name]
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            bar = page.locator(".nav-holder").bounding_box()
            assert bar
            assert bar["x"] == 0
            assert bar["height"] <= 48
            expect(page.locator("#vf-theme")).to_be_in_viewport()
            expect(page.locator(".nav-holder .active")).to_be_in_viewport()
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{name} is {wider} pixels too wide at {width}"
        page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("#vf-theme").press("Enter")
    assert dark(chat) is not before
    chat.reload()
    assert dark(chat) is not before


def test_profiles_are_compared_measured_and_one_is_kept(chat: ChatPage, server: Server):
    store = open_database(f"sqlite:///{server.home / 'valueflow.db'}")
    save_profile(store, Profile(NASTY, {"svt/benevolence": -6, "svt/power": 4}))
    chat.visit("Compare")
    page = chat.page
    boxes = [page.locator(f"#vf-column-{i}") for i in range(4)]
    expect(boxes[3]).to_be_hidden()
    page.locator("#vf-count label").get_by_text("4", exact=True).click()
    boxes[3].locator("input").first.click()
    page.get_by_role("option", name=NASTY).click()
    expect(boxes[3].locator(".vf-wish").first).to_have_text("benevolence −6")

    page.locator("#vf-seed input").fill("x7")
    page.locator("#vf-compare-box textarea").fill(QUESTION)
    page.locator("#vf-compare-box textarea").press("Enter")
    expect(page.locator(".toast-body")).to_contain_text("The seed is a whole number")
    page.locator("#vf-seed input").fill("7")
    page.locator("#vf-compare-box textarea").press("Enter")
    for box in boxes:
        expect(box.locator(".vf-said.prose")).to_contain_text(
            re.compile(r"\w"), timeout=PATIENCE_MS
        )
        expect(box.locator(".vf-keep")).to_be_visible(timeout=PATIENCE_MS)
    chip = boxes[1].locator(".vf-chip").first
    measured = re.compile(r"benevolence\s*\+8\s*→\s*[+−]?\d+\.\d\s*± \d+\.\d")
    expect(chip).to_have_text(measured, timeout=PATIENCE_MS)
    table = page.locator(".vf-table")
    expect(table).not_to_contain_text("…", timeout=PATIENCE_MS)
    expect(table.locator("thead th")).to_contain_text(
        ["Value", "A · Unsteered", "B ·", "C ·", NASTY]
    )
    expect(table.locator("tfoot .vf-best")).not_to_have_count(0)
    assert page.locator("#vf-page img, #vf-page script").count() == 0

    question = page.url.partition("?q=")[2]
    stored = comparison(store, question)
    assert {column.seed for column in stored.columns} == {7}
    said = [box.locator(".vf-said.prose").inner_text() for box in boxes]
    chat._leave(page.reload, "body.vf-ready")
    for box, words in zip(boxes, said, strict=True):
        expect(box.locator(".vf-said.prose")).to_have_text(words, use_inner_text=True)
    expect(page.locator("#vf-compare-box textarea")).to_have_value(QUESTION)

    chat._leave(lambda: boxes[1].locator(".vf-keep").click())
    expect(page).to_have_url(f"{chat.address}/?c={stored.conversation_id}")
    expect(chat.questions).to_have_text(QUESTION)
    expect(chat.replies).to_contain_text(said[1].split("\n")[0])
    expect(chat.number("svt/benevolence")).to_have_value("8")
    chat.ask("And if he asks again?")
    store.close()


def test_stop_ends_all_columns_and_keeps_them(endless: ChatPage):
    endless.visit("Compare")
    page = endless.page
    page.locator("#vf-count label").get_by_text("2", exact=True).click()
    for i in range(2):  # the babbler takes a while to have its directions: unsteered is enough
        page.locator(f"#vf-column-{i} input").first.click()
        page.get_by_role("option", name="Unsteered").click()
        expect(page.get_by_role("option")).to_have_count(0)  # a closed list fades out
    page.locator("#vf-same-seed input").uncheck()
    page.locator("#vf-compare-box textarea").fill("Tell me about honesty.")
    page.locator("#vf-compare-box textarea").press("Enter")
    said = page.locator(".vf-said.prose")
    for i in range(2):
        expect(said.nth(i)).to_contain_text(re.compile(r"\w"), timeout=PATIENCE_MS)
    page.keyboard.press("Escape")
    for i in range(2):
        column = page.locator(f"#vf-column-{i}")
        expect(column).to_contain_text("Stopped before the end.", timeout=PATIENCE_MS)
    assert said.nth(0).inner_text() != said.nth(1).inner_text()


def test_a_calibration_is_watched_stopped_and_resumed(chat: ChatPage, context: BrowserContext):
    chat.visit("Calibrate")
    page = chat.page
    kept = page.locator("#vf-calibrations label")
    expect(kept).to_have_count(1)
    kept.first.click()
    expect(page.locator("#vf-cal-plot .main-svg").first).to_be_visible()
    expect(page.locator("#vf-cal-ranges .main-svg").first).to_be_visible()
    expect(page.locator("#vf-cal-said")).to_contain_text("Benevolence can be brought from −")
    expect(page.locator("#vf-cal-delete")).to_be_hidden()

    estimate = page.locator("#vf-estimate")
    expect(estimate).to_contain_text("Tick the values")
    for label in ("Benevolence", "Power"):
        page.locator("#vf-pick-svt").get_by_label(label, exact=True).check()
    page.locator("#vf-cal-method label").get_by_text("Prompt", exact=True).click()
    page.locator("#vf-questions label").get_by_text("quick").click()
    expect(estimate).to_contain_text("108 replies")
    page.locator("#vf-cal-speed").click()
    expect(estimate).to_contain_text("That takes", timeout=PATIENCE_MS)

    page.locator("#vf-cal-start").click()
    news = page.locator("#vf-cal-news")
    expect(news).to_contain_text(re.compile(r"of 108 replies"), timeout=PATIENCE_MS)
    expect(page.locator("#vf-cal-start")).to_be_disabled()
    other = ChatPage(context.new_page(), chat.address)
    other.open()
    other.visit("Calibrate")
    expect(other.page.locator("#vf-cal-news")).to_contain_text("2 values, steered by prompt")
    page.locator("#vf-cal-stop").click()
    expect(news).to_contain_text(re.compile("Stopped after|Finished"), timeout=PATIENCE_MS)
    expect(other.page.locator("#vf-cal-news")).to_contain_text(re.compile("Stopped|Finished"))

    expect(kept).to_have_count(2)
    kept.first.click()
    if "Stopped" in news.inner_text():
        page.locator("#vf-cal-resume").click()
    expect(news).to_contain_text("Finished", timeout=PATIENCE_MS)
    expect(page.locator("#vf-live-plot .main-svg").first).to_be_visible()
    expect(kept.first).to_contain_text("2 values")
    kept.first.click()
    page.locator("#vf-cal-delete").click()
    expect(page.locator("#vf-confirm-calibration")).to_contain_text("builtin-chat · Prompt")
    page.locator("#vf-confirm-calibration button.stop").click()
    expect(kept).to_have_count(1)
    assert other.errors == []
    assert other.outside == []
