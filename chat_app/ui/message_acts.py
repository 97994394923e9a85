"""What the buttons under a message do; the page's script says which one was pressed, on what.

An id that comes from the page is looked for among the messages that are shown: it can name no
other conversation's.
"""

import json
from collections.abc import Iterator
from typing import Any

from chat_app.chat.conversations import (
    ConversationView,
    MessageView,
    open_conversation,
    show_branch,
)
from chat_app.chat.revise import rate, take_back
from chat_app.chat.rows import being_written
from chat_app.chat.send import go_on, regenerate
from chat_app.errors import ValueflowError
from chat_app.ui.guard import Tab, guarded
from chat_app.ui.layout import Page
from chat_app.ui.profile_panel import PLACED, read_profile
from chat_app.ui.turn import follow
from chat_app.ui.window import show_earlier

_READ = ("copy", "about")  # what may be done while a reply is being written


def wire(page: Page) -> Any:
    """Connect the buttons; returns the event after which replies may wait for their scores."""

    def act(pressed: str, open_id: str, tab: Tab, *profile: Any) -> Iterator[dict[Any, Any]]:
        yield from _act(page, tab, pressed, page.id_of(tab, open_id), profile)

    done = page.act.click(
        guarded(act),
        [page.clip, page.open_id, page.tab, *page.profile.inputs],
        [page.box, page.chat, page.editing, page.clip, *page.header],
        js=f"(_, ...given) => [vfMiddle.pressed(), ...({PLACED})(...given)]",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
    done.success(None, page.clip, None, js="(text) => vfMiddle.done(text)")
    return done


def _act(
    page: Page, tab: Tab, pressed: str, conversation_id: str, profile: tuple[Any, ...]
) -> Iterator[dict[Any, Any]]:
    data = json.loads(pressed or "{}")
    act, message_id = str(data.get("act")), str(data.get("message"))
    if act == "cancel":
        tab.editing = ""
        yield {page.box: "", **page.show_editing("")}
        return
    studio = page.studio_of(tab)
    view = open_conversation(studio.database, conversation_id)
    if act not in _READ and being_written(conversation_id):
        raise ValueflowError("A reply is still being written: stop it or let it finish.")
    if act == "earlier":
        show_earlier(tab, view)
        yield _again(page, tab, view)
        return
    if act in ("undo", "later"):
        yield _turn_back(page, tab, view, act)
        return
    message = next((each for each in view.messages if each.id == message_id), None)
    if message is None:
        raise ValueflowError("That message is not shown any more: load the page again.")
    if act == "retry":
        wanted = read_profile(*profile)
        # To a question, an answer follows it; of a reply, another takes the place.
        kept = view.messages.index(message) + (message.role == "user")
        yield from follow(
            page,
            tab,
            view.id,
            lambda cancel: regenerate(studio, message.id, wanted, cancel=cancel),
            page.above(tab, view, kept),
        )
    elif act == "go_on":
        yield from follow(
            page,
            tab,
            view.id,
            lambda cancel: go_on(studio, message.id, cancel=cancel),
            page.above(tab, view, view.messages.index(message)),
        )
    else:
        yield _at_once(page, tab, view, message, act)


def _turn_back(page: Page, tab: Tab, view: ConversationView, act: str) -> dict[Any, Any]:
    database = page.studio_of(tab).database
    if act == "later":
        if view.later:
            show_branch(database, view.later)
        return _again(page, tab, view)
    words, tab.editing = take_back(database, view.id), ""
    return {page.box: words, **page.show_editing(""), **_again(page, tab, view)}


def _at_once(
    page: Page, tab: Tab, view: ConversationView, message: MessageView, act: str
) -> dict[Any, Any]:
    database = page.studio_of(tab).database
    if act == "copy":
        return {page.clip: message.text}
    if act == "edit":
        tab.editing = message.id
        whose = "question" if message.role == "user" else "reply"
        return {page.box: message.text, **page.show_editing(whose)}
    if act in ("previous", "next"):
        at = message.siblings.index(message.id) + (1 if act == "next" else -1)
        if 0 <= at < len(message.siblings):
            show_branch(database, message.siblings[at])
    elif act in ("like", "dislike"):
        vote = 1 if act == "like" else -1
        rate(database, message.id, 0 if message.vote == vote else 1 if vote == 1 else -1)
    return _again(page, tab, view)


def _again(page: Page, tab: Tab, view: ConversationView) -> dict[Any, Any]:
    """The conversation as it is stored now."""
    now = open_conversation(page.studio_of(tab).database, view.id)
    return {page.chat: page.rows(tab, now), **page.name(tab, now.id, now.title)}
