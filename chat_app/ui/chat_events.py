"""Events of the chat: send, stop, examples, and the scores that come after a reply."""

from collections.abc import Iterable, Iterator
from typing import Any

import gradio as gr

from chat_app.chat.conversations import open_conversation
from chat_app.chat.revise import edit_reply
from chat_app.chat.rows import being_written, stop_reply
from chat_app.chat.send import edit, send
from chat_app.errors import ValueflowError
from chat_app.ui import message_acts, temporary_chat
from chat_app.ui.chat_panel import user_message
from chat_app.ui.examples import EXAMPLES
from chat_app.ui.guard import Tab, guarded
from chat_app.ui.layout import Page
from chat_app.ui.profile_panel import PLACED, read_profile
from chat_app.ui.turn import follow
from chat_app.ui.window import marks
from chat_app.values.profile import Profile


def wire(blocks: gr.Blocks, page: Page, opened: Iterable[Any]) -> None:
    """Connect the message box and the chat. ``opened``: events that showed a conversation, after
    which replies may be waiting for their scores, as they are after each turn."""

    def answer(text: str, open_id: str, tab: Tab, *profile: Any) -> Iterator[Any]:
        yield from _answer(page, tab, text, page.id_of(tab, open_id), read_profile(*profile))

    def example(event: gr.SelectData, tab: Tab) -> Iterator[Any]:
        chosen = next(e for e in EXAMPLES if e.question == event.value["text"])
        yield page.profile.show(chosen.profile)
        yield from _answer(page, tab, chosen.question, page.id_of(tab, ""), chosen.profile)

    def stop(open_id: str, tab: Tab) -> None:
        if tab.cancel:
            tab.cancel.set()
        stop_reply(page.id_of(tab, open_id))

    def look(open_id: str, tab: Tab) -> dict[Any, Any]:
        try:
            return _look(page, tab, page.id_of(tab, open_id))
        except ValueflowError as error:
            if tab.told == str(error):  # said already: looking again would only repeat it
                return {page.watch: gr.Timer(active=False)}
            tab.told = str(error)
            raise

    def lost(open_id: str, tab: Tab) -> Any:
        """The page has Stop and has heard nothing for a while: the stream to it may have broken."""
        if tab.cancel:  # the reply is waited for still
            return gr.skip()
        tab.seen, tab.follows = None, True
        return look(open_id, tab)

    changed = [page.box, page.chat, page.editing, *page.header]
    # In another conversation one can ask while the reply to what was asked before is written.
    sent = page.box.submit(
        guarded(answer),
        [page.box, page.open_id, page.tab, *page.profile.inputs],
        changed,
        js=PLACED,
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    page.box.submit(None, None, None, js="() => vfMiddle.toEnd()")
    tried = page.chat.example_select(
        guarded(example),
        page.tab,
        [*changed, *page.profile.shown],
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    page.box.stop(stop, [page.open_id, page.tab], None, queue=False)
    acted = message_acts.wire(page)
    switched = temporary_chat.wire(blocks, page)
    shown = (each.then for each in (sent, tried, acted, *switched, *opened))
    # Looking again and again needs no queue, and does without it what can be lost there.
    for event in (page.watch.tick, page.look.click, page.lost.click, *shown):
        event(
            guarded(lost if event == page.lost.click else look, queued=False),
            [page.open_id, page.tab],
            [page.chat, page.watch, page.box],
            show_progress="hidden",
            queue=False,
            # The clock's next tick may be left out; nobody else asks a second time.
            trigger_mode="once" if event == page.watch.tick else "multiple",
        )


def _answer(
    page: Page, tab: Tab, text: str, conversation_id: str, profile: Profile
) -> Iterator[dict[Any, Any]]:
    """What is in the box: said at the end, or in the place of the message that is being edited."""
    text = text.strip()
    if not text:
        return
    studio, edited = page.studio_of(tab), tab.editing
    view = open_conversation(studio.database, conversation_id) if conversation_id else None
    messages = view.messages if view else ()
    old = next((message for message in messages if message.id == edited), None)
    tab.editing = ""
    if view is None or old is None:
        before = page.rows(tab, view) if view else []
        yield from follow(
            page,
            tab,
            conversation_id,
            lambda cancel: send(
                studio, text, profile, conversation_id=conversation_id or None, cancel=cancel
            ),
            [*before, user_message(text)],
            text,
        )
    elif old.role == "user":
        before = page.above(tab, view, messages.index(old))
        yield from follow(
            page,
            tab,
            conversation_id,
            lambda cancel: edit(studio, old.id, text, profile, cancel=cancel),
            [*before, user_message(text)],
            text,
        )
    else:
        edit_reply(studio.database, old.id, text)
        now = open_conversation(studio.database, conversation_id)
        yield {
            page.box: "",
            page.chat: page.rows(tab, now),
            **page.show_editing(""),
            **page.name(tab, now.id, now.title),
        }


def _blank(page: Page, tab: Tab) -> dict[Any, Any]:
    """An empty chat, once: an answer about the conversation before may have come in late."""
    if tab.cancel or tab.seen == []:
        return {}
    tab.seen = []
    return {page.chat: []}


def _look(page: Page, tab: Tab, conversation_id: str) -> dict[Any, Any]:
    """What is stored by now, while something is still to come: scores, a reply that this tab did
    not begin or has forgotten of since.

    The page looks again as long as that is so; while this tab's own reply runs it shows that.
    """
    if not conversation_id:
        return {page.watch: gr.Timer(active=False), **_blank(page, tab), **_box(page, tab, False)}
    view, studio = tab.view, page.studio_of(tab)
    busy = page.scorer.ensure(conversation_id, studio)
    stored = open_conversation(studio.database, conversation_id)
    writing = any(message.status == "writing" for message in stored.messages)
    tab.watches = busy or writing
    news: dict[Any, Any] = {page.watch: gr.Timer(active=tab.watches)}
    if tab.cancel or tab.view != view:
        return news
    news |= _box(page, tab, writing and being_written(conversation_id))
    if tab.seen == marks(stored, page.scorer.why_not):
        return news
    return {**news, page.chat: page.rows(tab, stored)}


def _box(page: Page, tab: Tab, follows: bool) -> dict[Any, Any]:
    """The box with Stop while the page follows a reply that it did not begin; said on a change."""
    if tab.cancel or tab.follows == follows:
        return {}
    tab.follows = follows
    if follows:
        return {page.box: gr.Textbox(submit_btn=False, stop_btn="Stop")}
    return {page.box: gr.Textbox(submit_btn="Send", stop_btn=False)}
