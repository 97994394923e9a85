"""The list as HTML, and the page's commands: nothing that anyone wrote is markup or trusted."""

import json
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat import shelf
from chat_app.chat.browse import PAGE, Browsing, browse
from chat_app.chat.bundle import export_bundle
from chat_app.chat.conversations import list_conversations, rename_conversation
from chat_app.errors import ValueflowError
from chat_app.ui.conversation_acts import ListView, perform
from chat_app.ui.conversation_list import list_html, said_html
from tests.other_programs import chatgpt_zip
from tests.seed_database import RARE, TAGS, seed_database
from tests.talks import new_talk, say

PAYLOAD = "<img src=x onerror=alert(1)> \"' ${alert(1)} {{x}} `"


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value)

    def handle_data(self, data):
        self.text += data


def shown(database, **browsing):
    return list_html(browse(database, Browsing(**browsing)))


def do(database, view=None, **command):
    return perform(database, view or ListView(), json.dumps(command))


def test_what_people_wrote_is_text(database):
    id = new_talk(database, PAYLOAD)
    say(database, id, PAYLOAD, PAYLOAD)
    shelf.set_tags(database, id, [PAYLOAD[:20]])
    page = Tags(shown(database, words="alert"))
    assert {"img", "script"}.isdisjoint(page.tags)
    assert set(page.attributes["data-title"]) == {PAYLOAD}
    assert PAYLOAD in page.text
    for html in (shown(database), shown(database, words=PAYLOAD), said_html(PAYLOAD, PAYLOAD)):
        assert not set("$`{}") & set(html)
        assert "img" not in Tags(html).tags


@given(text=st.text(max_size=60))
def test_a_sentence_is_shown_as_it_is(text):
    assert Tags(said_html(text)).text.removesuffix("×") == text if text else not said_html(text)


def test_empty_lists_say_what_to_do(database):
    assert "appear here" in shown(database)
    assert "Archive a conversation" in shown(database, archived=True)
    assert "Nothing found for “x”" in shown(database, words="x")
    assert "has the tag" in shown(database, tag="x")


def test_commands(database):
    id, view = new_talk(database, "A talk"), ListView()
    do(database, do="rename", ids=[id], title=" Another ")
    do(database, do="pin", ids=[id])
    do(database, do="tag", ids=[id], tags="money, #family")
    (now,) = list_conversations(database)
    assert (now.title, now.pinned, now.tags) == ("Another", True, ("family", "money"))
    do(database, do="pin", ids=[id], on=False)
    assert not list_conversations(database)[0].pinned

    assert do(database, view, do="archive", ids=[id]).sentence == "Archived “Another”."
    assert browse(database, view).found == []
    do(database, view, do="undo")
    assert len(browse(database, view).found) == 1
    done = do(database, view, do="delete", ids=[id])
    assert (done.sentence, done.undo, list(done.gone)) == ("Deleted “Another”.", "Undo", [id])
    assert list_conversations(database) == []
    do(database, view, do="undo")
    do(database, view, do="undo")  # of no effect a second time
    assert [c.id for c in list_conversations(database)] == [id]

    do(database, view, do="filter", tag="money")
    assert view.tag == "money"
    do(database, view, do="filter", tag="money")
    assert view.tag == ""
    do(database, view, do="shelf")
    do(database, view, do="more")
    assert (view.archived, view.limit) == (True, 2 * PAGE)


def test_files_go_out_and_come_in(database):
    ids = [new_talk(database, "one"), new_talk(database, "two")]
    for id in ids:
        say(database, id, "a", "b")
    one = json.loads(do(database, do="export", ids=ids[:1]).file)
    assert one["name"] == f"valueflow-{ids[0]}.json"
    both = json.loads(do(database, do="export", ids=ids).file)
    assert both["text"] == export_bundle(database, ids)
    view = ListView(archived=True, tag="x")
    done = do(database, view, do="import", name="both.jsonl", text=both["text"])
    assert done.sentence == "2 conversations were here already."
    rename_conversation(database, ids[0], "another")
    done = do(database, view, do="import", name="both.jsonl", text=both["text"])
    assert done.sentence.startswith("Imported 1 conversation.")
    assert not view.archived
    assert len(list_conversations(database)) == 3
    altered = one["text"].replace('"text": "a"', '"text": "c"')
    with pytest.raises(ValueflowError, match=r"^a.json: .*altered"):
        do(database, do="import", name="a.json", text=altered)
    packed = b64encode(chatgpt_zip()).decode()
    done = do(database, do="import", name="export.zip", packed=packed)
    assert done.sentence == "Imported 2 conversations from ChatGPT."
    with pytest.raises(ValueflowError, match=r"^big\.zip: it is too large"):
        do(database, do="import", name="big.zip", large=True)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        '{"do": "sing"}',
        '{"do": ["pin"]}',
        '{"do": "pin"}',
        '{"do": "pin", "ids": "x"}',
        '{"do": "pin", "ids": [1]}',
        '{"do": "pin", "ids": []}',
        '{"do": "pin", "ids": ["nobody"]}',
        '{"do": "delete", "ids": ["\' OR 1=1"]}',
        '{"do": "rename", "ids": ["nobody"], "title": "x"}',
        '{"do": "import"}',
        '{"do": "import", "name": 1, "text": 2}',
        '{"do": "import", "name": "a.zip", "packed": "no base64!"}',
    ],
)
def test_what_the_page_would_not_ask_gets_one_sentence(database, command):
    new_talk(database)
    with pytest.raises(ValueflowError) as caught:
        perform(database, ListView(), command)
    assert "\n" not in str(caught.value)
    assert len(list_conversations(database)) == 1


def test_a_thousand_conversations(database):
    ids = seed_database(database, conversations=1000, messages=4000)
    first = browse(database, Browsing())
    assert [group.name for group in first.groups][:3] == ["Pinned", "Today", "Yesterday"] or (
        first.groups[0].name == "Pinned"  # just after midnight nothing was today
    )
    assert [c.id for c in first.groups[0].conversations] == [ids[40], ids[400]]
    assert len(first.found) == PAGE
    assert first.more
    assert first.archived == 100
    assert len(list_html(first)) < 50_000  # what one drawing sends
    whole = browse(database, Browsing(limit=2000))
    assert len(whole.found) == 900
    assert whole.tags.keys() == set(TAGS)
    rare = browse(database, Browsing(words=RARE[:6]))
    assert {c.id for c in rare.found} == set(ids[50::100])
    assert all(c.hit and c.hit.text and (RARE[:6], True) in c.hit.text for c in rare.found)
    tagged = browse(database, Browsing(tag=TAGS[0], limit=2000))
    assert {c.id for c in tagged.found} == set(ids[::7]) - set(ids[9::10])
    rename_conversation(database, ids[-1], f"No {RARE}")
    assert ids[-1] in {c.id for c in browse(database, Browsing(words=RARE)).found}
    assert len(list_conversations(database)) == 1000
