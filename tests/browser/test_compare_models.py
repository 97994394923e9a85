"""Compare asks two models, and the chat goes on with the one that is kept."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, ChatPage, Server
from tests.random_models import CHATML
from tests.scripted_model import write_script

OTHER = "Yea-Sayer"


def test_two_models_are_compared_and_the_other_one_is_kept(chat: ChatPage, server: Server):
    models = server.home / "models"
    models.mkdir()
    write_script(models / f"{OTHER}.gguf", [], [" Quite", " so."], CHATML)
    chat.visit("Compare")
    page = chat.page
    page.locator("#vf-count label").get_by_text("2", exact=True).click()
    first, second = (page.locator(f"#vf-column-{i}") for i in range(2))
    expect(page.locator(".vf-column:visible")).to_have_count(2)
    for column, label, choice in (
        (first, "A · profile", "Caring friend"),
        (first, "Steer by", "Prompt"),  # takes no directions, which a new folder has none of
        (second, "B · profile", "Unsteered"),
        (second, "B · model", OTHER),
    ):
        column.get_by_label(label).click()
        page.get_by_role("option", name=choice).click()
        expect(page.get_by_role("option")).to_have_count(0)  # a closed list fades out

    page.locator("#vf-compare-box textarea").fill("Should I lend my brother money?")
    page.locator("#vf-compare-box textarea").press("Enter")
    said = page.locator(".vf-said.prose")
    expect(said.nth(1)).to_have_text("Quite so.", timeout=PATIENCE_MS)
    expect(said.nth(0)).to_contain_text(re.compile(r"\w{3}"))
    expect(said.nth(0)).not_to_contain_text("Quite so.")
    expect(first.locator(".vf-made")).to_have_text(re.compile("^builtin-chat · seed"))
    expect(second.locator(".vf-made")).to_have_text(re.compile(f"^{OTHER} · seed"))
    table = page.locator(".vf-table")
    expect(table).not_to_contain_text("…", timeout=PATIENCE_MS)
    expect(table.locator("thead th")).to_have_text(
        ["Value", "A · Caring friend · builtin-chat", f"B · Unsteered · {OTHER}"]
    )

    chat._leave(page.reload, "body.vf-ready")
    expect(second.get_by_label("B · model")).to_have_value(OTHER)
    expect(first.get_by_label("A · model")).to_have_value("The loaded one")
    chat._leave(lambda: second.locator(".vf-keep").click())
    chat.ask("And if he asks again?")
    expect(chat.replies.last.locator(".message-content").first).to_have_text("Quite so.")
