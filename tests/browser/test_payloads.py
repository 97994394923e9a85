"""Whatever a model, a person, a title or a profile says, the page shows it and does nothing."""

import pytest
from playwright.sync_api import expect

from chat_app.chat.conversations import rename_conversation
from chat_app.chat.rows import open_reply
from chat_app.db.conversations import get_conversation, get_message
from chat_app.db.database import Database, open_database
from chat_app.values.profile import Profile
from tests.browser.conftest import ChatPage, Server
from tests.talks import measure, new_talk, say

RAN = "window.ran=1"
FAR = "http://far.example.org"
PAYLOADS = [
    f"<script>{RAN}</script>",
    f"<img src=x onerror={RAN}>",
    f"<svg onload={RAN}><circle/></svg>",
    f'<svg><a xlink:href="javascript:{RAN}"><text y=9>x</text></a></svg>',
    f'<a href="javascript:{RAN}">link</a> [link](javascript:{RAN}) [l](JaVaScRiPt:{RAN})',
    f"[data](data:text/html,<script>{RAN}</script>) ![d](data:image/svg+xml,<svg/onload={RAN}>)",
    f"![image]({FAR}/a.png) <img src='{FAR}/b.png'> <picture><source srcset='{FAR}/c.png'>",
    f"[ref]: {FAR}/d.png\n\n![ref] ![again][ref]\n\n<link rel=stylesheet href={FAR}/e.css>",
    f"<iframe src='{FAR}/f'></iframe><object data='{FAR}/g'></object><base href='{FAR}/'>",
    f"<style>@import '{FAR}/h.css'; body {{background: url({FAR}/i.png)}}</style>",
    f"<form action='{FAR}/j'><input autofocus onfocus={RAN}></form><video src='{FAR}/k'>",
    f"{{{{constructor.constructor('{RAN}')()}}}} ${{{RAN}}} `${{{RAN}}}` {{{{{{{RAN}}}}}}}",
    f"<%= {RAN} %> {{% raw %}} {{#if x}}{{/if}} #{{{RAN}}} @{{{RAN}}}",
    f"```html\n<script>{RAN}</script>\n~~~\n```\n<img src=x onerror={RAN}>\n````\n```\n<script>\n",
    f"~~~\n```\n~~~\n<details open ontoggle={RAN}>",
    f"```js onload={RAN}\nx\n```\n\n```mermaid\ngraph TD; A[<img src=x onerror={RAN}>]\n```",
    f"$$\\href{{javascript:{RAN}}}{{x}}$$ \\(\\includegraphics{{{FAR}/l.png}}\\)",
    "W" + "o" * 3000 + "rd",
    "abc \u202e<b>gnp.exe\u202c \u2067x\u2069 end",
    f'"><img src=x onerror={RAN}> \' onmouseover={RAN} x="',
    f"<vf-x data-act='retry' onclick={RAN}></vf-x><button class=vf-act data-act=undo>x</button>",
]

_TOUCH = """() => document.querySelectorAll('#vf-chat *').forEach((at) => {
    at.scrollIntoView();
    for (const kind of ['mouseover', 'pointerenter', 'focus', 'toggle', 'load'])
        at.dispatchEvent(new Event(kind));
})"""
_HANDLERS = """() => [...document.querySelectorAll('#vf-chat *, .vf-title *')].flatMap((at) =>
    [...at.attributes].filter((a) => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)
    ).map((a) => a.name + '=' + a.value))"""


@pytest.fixture
def talk(server: Server) -> str:
    """A stored conversation in which everybody says every payload, by every way to the page."""
    database = open_database(f"sqlite:///{server.home / 'valueflow.db'}")
    id = new_talk(database, PAYLOADS[1])
    for payload in PAYLOADS:
        profile = Profile(payload[:200], {"svt/benevolence": 2.0, "custom/" + _own(payload): -3.0})
        _, reply = say(database, id, payload, payload, profile=profile)
        _say_of(database, reply, payload)
        for value in profile.targets:
            measure(database, reply, value, 1.0)
    _fail(database, id, PAYLOADS[1])
    database.close()
    return id


def _own(payload: str) -> str:
    words = "".join(letter for letter in payload if letter.isalnum() or letter in "<>=(). ")
    return " ".join(words.split())[:60]


def _say_of(database: Database, message_id: str, payload: str) -> None:
    """Also in what stands below a reply."""
    with database.write() as session:
        row = get_message(session, message_id)
        row.model_name = payload[:200]
        row.steering = {**(row.steering or {}), "notes": [payload]}


def _fail(database: Database, id: str, error: str) -> None:
    with database.write() as session:
        conversation = get_conversation(session, id)
        question = get_message(session, conversation.leaf_id or "")
        above = get_message(session, question.parent_id or "")
        row = open_reply(database, session, conversation, above, Profile("p", {}))
    with row:
        row.end("failed", error=error)


def _open_whole(chat: ChatPage, talk: str) -> None:
    chat.open(talk)
    chat.page.locator('[data-act="earlier"]').click()
    expect(chat.questions).to_have_count(len(PAYLOADS))


def test_nothing_that_is_said_runs_or_asks_for_anything(chat: ChatPage, talk: str, server: Server):
    page, found = chat.page, list[str]()
    page.on("response", lambda answer: found.append(answer.url) if answer.status > 399 else None)
    database = open_database(f"sqlite:///{server.home / 'valueflow.db'}")
    _open_whole(chat, talk)
    expect(chat.title).to_have_text(PAYLOADS[1])
    for payload in PAYLOADS[::6]:
        rename_conversation(database, talk, payload[:200])
        _open_whole(chat, talk)
        assert page.locator(".vf-title *").count() == 0
    database.close()
    page.evaluate(_TOUCH)
    assert page.evaluate("window.ran") is None
    said = "#vf-chat .message-content"
    assert page.locator(f"{said} :is(img, script, iframe, object, video, form, base)").count() == 0
    assert page.locator(f"{said} :is(picture, source, link, details, input)").count() == 0
    assert page.evaluate(_HANDLERS) == []
    links = page.locator(f"{said} a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert all(link is None or link.startswith(("http", "#")) for link in links)
    # The buttons that count are the page's own, and act on messages that are shown.
    assert page.locator(".vf-act:not(.vf-acts *, .vf-later *, .vf-editing *)").count() == 0
    # What a profile is called stands between the turns, and turns nothing around.
    assert "\u202e" not in "".join(page.locator(".vf-divider").all_inner_texts())
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.locator("#vf-chat .bubble-wrap").evaluate("at => at.scrollWidth <= at.clientWidth")
    assert found == []
    assert chat.outside == []
    assert chat.errors == []
