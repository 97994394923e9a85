"""A conversation that is longer than what a page lays out at once."""

from playwright.sync_api import expect

from chat_app.db.database import open_database
from tests.browser.conftest import ChatPage, Server
from tests.talks import new_talk, say


def test_its_end_is_there_and_the_beginning_when_asked_for(chat: ChatPage, server: Server):
    store = open_database(f"sqlite:///{server.home / 'valueflow.db'}")
    talk = new_talk(store, "A long one")
    for turn in range(40):
        say(store, talk, f"Question {turn}?", f"Reply {turn}. " + "And so on. " * 30)
    store.close()
    chat.open(talk)
    page = chat.page
    expect(chat.questions).to_have_count(10)
    expect(chat.replies.last).to_contain_text("Reply 39.")
    expect(chat.replies.last).to_be_in_viewport()

    oldest = chat.questions.filter(has_text="Question 30?")
    page.get_by_role("button", name="Show the 60 messages before").click()
    expect(chat.questions).to_have_count(35)
    expect(oldest).to_be_in_viewport()
    page.get_by_role("button", name="Show the 10 messages before").click()
    expect(chat.questions).to_have_count(40)
    expect(page.locator('#vf-chat [data-act="earlier"]')).to_have_count(0)

    chat.ask("And what was the first question?")
    expect(chat.questions).to_have_count(41)
    expect(chat.replies.last).to_be_in_viewport()
