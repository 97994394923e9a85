"""Events of the chat: send, stop, examples, and the scores that come after a reply."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.send import Delta, Started, send
from chat_app.errors import ValueflowError
from chat_app.ui.chat_panel import reply_message, rows, user_message, waiting_message
from chat_app.ui.examples import EXAMPLES
from chat_app.ui.guard import Tab, guarded, tell
from chat_app.ui.layout import Page
from chat_app.ui.loading import ticking
from chat_app.ui.profile_panel import read_profile
from chat_app.values.profile import Profile

# How often an idle wait looks around: for what is loading, for another tab's reply.
_TICK_S = 0.4
# Often enough to read along. Each update costs the browser a rendering of the whole reply, so
# that they come less often as it grows: half as often after so many characters, and so on.
_UPDATE_S, _UPDATE_CHARS = 0.03, 600


def wire(page: Page, opened: Iterable[Any]) -> None:
    """Connect the message box and the chat. ``opened``: events that showed a conversation, after
    which replies may be waiting for their scores, as they are after each turn."""

    def answer(text: str, conversation_id: str, tab: Tab, *profile: Any) -> Iterator[Any]:
        yield from _turn(page, tab, text, conversation_id, read_profile(*profile))

    def example(event: gr.SelectData, tab: Tab) -> Iterator[Any]:
        chosen = next(e for e in EXAMPLES if e.question == event.value["text"])
        yield page.profile.show(chosen.profile)
        yield from _turn(page, tab, chosen.question, "", chosen.profile)

    def stop(tab: Tab) -> None:
        if tab.cancel:
            tab.cancel.set()

    def look(conversation_id: str, tab: Tab) -> dict[Any, Any]:
        try:
            return _look(page, tab, conversation_id)
        except ValueflowError as error:
            if tab.told == str(error):  # said already: looking again would only repeat it
                return {page.watch: gr.Timer(active=False)}
            tab.told = str(error)
            raise

    changed = [page.box, page.chat, *page.header]
    sent = page.box.submit(
        guarded(answer),
        [page.box, page.open_id, page.tab, *page.profile.inputs],
        changed,
        show_progress="hidden",
        concurrency_limit=None,
    )
    tried = page.chat.example_select(
        guarded(example),
        page.tab,
        [*changed, *page.profile.shown],
        show_progress="hidden",
        concurrency_limit=None,
    )
    page.box.stop(stop, page.tab, None, queue=False)
    # Looking again and again needs no queue, and does without it what can be lost there.
    for event in (page.watch.tick, *(each.then for each in (sent, tried, *opened))):
        event(
            guarded(look, queued=False),
            [page.open_id, page.tab],
            [page.chat, page.watch],
            show_progress="hidden",
            queue=False,
        )


def _turn(
    page: Page, tab: Tab, text: str, conversation_id: str, profile: Profile
) -> Iterator[dict[Any, Any]]:
    """One turn as page updates: the question at once, the reply as it grows, then what is stored.

    When the person opens another conversation meanwhile, the reply goes on into the database.
    """
    text = text.strip()
    if not text:
        return
    database, view = page.studio.database, tab.view
    before = rows(open_conversation(database, conversation_id)) if conversation_id else []
    before.append(user_message(text))
    cancel = tab.cancel = threading.Event()
    said, shown_at, stored, asked = "", 0.0, conversation_id, False
    yield {
        page.box: gr.Textbox(value="", submit_btn=False, stop_btn="Stop"),
        page.chat: [*before, waiting_message(page.loading.words())],
    }
    turn = send(page.studio, text, profile, conversation_id=conversation_id or None, cancel=cancel)
    try:
        for event in ticking(turn, _TICK_S):
            if isinstance(event, Started):
                stored, asked = event.conversation_id, True
                news = page.show_header(stored, open_conversation(database, stored).title)
            elif isinstance(event, Delta):
                said += event.text
                if time.monotonic() - shown_at < _UPDATE_S * (1 + len(said) / _UPDATE_CHARS):
                    continue
                shown_at = time.monotonic()
                news = {page.chat: [*before, reply_message(said, "")]}
            elif event is None and not said:
                news = {page.chat: [*before, waiting_message(page.loading.words())]}
            else:
                continue
            if tab.view == view:
                yield news
    except Exception as error:
        tell(error)
    finally:
        cancel.set()  # of no effect on a turn that has ended; ends one whose page has gone
        tab.cancel = None
    settled = _settled(page, stored, shown=tab.view == view)
    if not asked:  # nothing is stored: the words go back to where they were written
        settled[page.box] = gr.Textbox(value=text, submit_btn="Send", stop_btn=False)
    yield settled


def _settled(page: Page, conversation_id: str, *, shown: bool) -> dict[Any, Any]:
    """The page after a turn: the message box ready again, and what is stored on the screen."""
    ready = {page.box: gr.Textbox(submit_btn="Send", stop_btn=False)}
    if not shown:
        return ready
    if not conversation_id:
        return {**ready, page.chat: []}
    view = open_conversation(page.studio.database, conversation_id)
    return {**ready, page.chat: rows(view), **page.show_header(view.id, view.title)}


def _blank(page: Page, tab: Tab) -> dict[Any, Any]:
    """An empty chat, once: an answer about the conversation before may have come in late."""
    if tab.cancel or tab.seen == []:
        return {}
    tab.seen = []
    return {page.chat: []}


def _look(page: Page, tab: Tab, conversation_id: str) -> dict[Any, Any]:
    """What is stored by now, while something is still to come: scores, another tab's reply.

    The page looks again as long as that is so; while this tab's own reply runs it shows that.
    """
    if not conversation_id:
        return {page.watch: gr.Timer(active=False), **_blank(page, tab)}
    view = tab.view
    busy = page.scorer.ensure(conversation_id)
    stored = open_conversation(page.studio.database, conversation_id)
    busy = busy or any(message.status == "writing" for message in stored.messages)
    watch = {page.watch: gr.Timer(active=busy)}
    seen = [(m.id, m.status, len(m.text), len(m.scores)) for m in stored.messages]
    if tab.cancel or tab.view != view or tab.seen == seen:
        return watch
    tab.seen = seen
    return {**watch, page.chat: rows(stored)}
