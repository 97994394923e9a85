"""A turn that a tab follows: left for another conversation it goes on, and stays off the page."""

import threading
import time
from collections.abc import Generator, Iterator

import gradio as gr
import pytest

from chat_app.chat.conversations import list_conversations, open_conversation
from chat_app.chat.rows import being_written
from chat_app.chat.send import Event, Started, send
from chat_app.chat.temporary import Temporary
from chat_app.llm.engine import Sampling
from chat_app.ui.guard import Tab
from chat_app.ui.layout import Page, lay_out
from chat_app.ui.services import services
from chat_app.ui.turn import Turn, follow
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8})
SHORT = Sampling(seed=3, max_tokens=24)


@pytest.fixture
def page(studio) -> Page:
    with gr.Blocks():
        return lay_out(services(studio))


@pytest.fixture
def on() -> Iterator[threading.Event]:
    """What lets the replies of ``held`` go on."""
    event = threading.Event()
    yield event
    event.set()


def held(page: Page, tab: Tab, text: str, on: threading.Event) -> Turn:
    """A turn whose reply waits after it has begun."""
    studio = page.studio_of(tab)

    def turn(cancel: threading.Event) -> Iterator[Event]:
        for event in send(studio, text, KIND, sampling=SHORT, cancel=cancel):
            yield event
            if isinstance(event, Started):
                on.wait()

    return turn


def begun(
    page: Page, tab: Tab, text: str, on: threading.Event
) -> tuple[Generator[dict, None, None], str]:
    """The updates of such a turn, from where it has begun; its conversation's id."""
    updates = follow(page, tab, "", held(page, tab, text, on), [])
    next(update for update in updates if page.open_id in update)
    (talk,) = list_conversations(page.studio_of(tab).database)[:1]
    return updates, talk.id


def wait_for_all(page: Page, tab: Tab, conversation: str) -> None:
    """Until the reply is written and measured: the next test has the same engine."""
    while being_written(conversation) or page.scorer.ensure(conversation, page.studio_of(tab)):
        time.sleep(0.02)


def test_two_conversations_of_a_tab_have_their_replies_side_by_side(page, on):
    tab, database = Tab(), page.studio.database
    first, early = begun(page, tab, "Shall I help her?", on)
    stops_first = tab.cancel
    page.clear(tab)
    assert tab.cancel is None
    second, late = begun(page, tab, "Shall I help him?", on)
    stops_second = tab.cancel
    # The first one leaves without a word, and leaves the second one to be stopped.
    assert list(first) == [gr.skip()]
    assert tab.cancel is stops_second
    assert not stops_first.is_set()
    on.set()
    *_, settled = second
    assert "Shall I help him?" in str(settled[page.chat])
    assert "Shall I help her?" not in str(settled[page.chat])
    assert tab.cancel is None
    while not (reply := open_conversation(database, early).messages[-1]).scores:
        time.sleep(0.02)  # nobody looks at it, and it is measured nevertheless
    assert reply.status == "finished"
    wait_for_all(page, tab, late)


def test_what_is_sent_twice_is_answered_once(page, on):
    tab = Tab()
    updates, conversation = begun(page, tab, "Shall I help her?", on)
    assert list(follow(page, tab, "", held(page, tab, "Shall I help her?", on), [])) == []
    on.set()
    *_, settled = updates
    assert str(settled[page.chat]).count("Shall I help her?") == 1
    wait_for_all(page, tab, conversation)


@pytest.mark.parametrize("temporary", [True, False])
def test_only_the_reply_of_a_temporary_chat_ends_with_its_page(page, on, temporary):
    tab = Tab(temporary=Temporary(page.studio) if temporary else None)
    updates, conversation = begun(page, tab, "Shall I help her?", on)
    stops = tab.cancel
    updates.close()
    assert stops.is_set() == temporary
    on.set()
    wait_for_all(page, tab, conversation)
