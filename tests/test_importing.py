"""Other programs' conversations: what is taken from them, what is not, and that none is doubled."""

import copy
import io
import json
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_app.chat import shelf
from chat_app.chat.conversations import list_conversations, open_conversation, show_branch
from chat_app.chat.export import export_conversation
from chat_app.chat.foreign.chats import ForeignMessage, Node, Role, from_nodes, moment
from chat_app.chat.foreign.open_webui import without_thoughts
from chat_app.chat.importing import import_conversations, read_content
from chat_app.chat.insight import whole_profile
from chat_app.chat.send import Finished, regenerate, send
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.db.database import open_database
from chat_app.errors import ValueflowError
from tests import other_programs as programs
from tests.chat_turns import KIND, SHORT
from tests.command_line import one_sentence, run
from tests.other_programs import BEGAN, lines
from tests.talks import new_talk, say

FILES = {
    "ChatGPT": json.dumps(programs.chatgpt()),
    "Open WebUI": json.dumps(programs.open_webui()),
    "ShareGPT": json.dumps(programs.sharegpt()),
    "ShareGPT's JSONL": lines(programs.sharegpt()),
    "messages as JSONL": lines(programs.openai_messages()),
    "messages as JSON": json.dumps(programs.openai_messages()),
    "one list of messages": json.dumps(programs.openai_messages()[1]["messages"]),
}


def shown(database, id):
    return [(m.role, m.text) for m in open_conversation(database, id).messages]


def test_chatgpts_export_comes_with_its_branches_titles_and_times(database):
    done = import_conversations(database, FILES["ChatGPT"])
    assert done.sentence == "Imported 2 conversations from ChatGPT."
    first, second = done.new
    view = open_conversation(database, first)
    assert shown(database, first) == [
        ("user", "[image]\nWhat is in this picture?\n[file: cat.png]"),
        ("assistant", "Let me look.\n\nA cat."),
        ("user", "Is it kind?"),
        ("assistant", "Very kind."),
    ]
    assert (view.title, view.created.timestamp()) == ("The cat — in the picture", BEGAN)
    assert view.updated.timestamp() == BEGAN + 99
    assert [m.created.timestamp() - BEGAN for m in view.messages] == [1, 3, 7, 8]
    assert view.messages[1].imported == "ChatGPT (gpt-4o)"
    assert [len(m.siblings) for m in view.messages] == [1, 1, 2, 2]
    show_branch(database, view.messages[2].siblings[1])
    assert shown(database, first)[2:] == [("user", "Is it mine?"), ("assistant", "Ask it.")]
    listed = {c.id: c for c in list_conversations(database)}
    assert (listed[second].title, listed[second].archived) == ("Hello, world", True)
    assert shown(database, second) == [("user", "Hello, \nworld"), ("assistant", "Hello.")]


def test_open_webuis_export_comes_as_tree_and_flat(database):
    tree, flat = import_conversations(database, FILES["Open WebUI"]).new
    view = open_conversation(database, tree)
    assert shown(database, tree) == [
        ("user", "Should I lend him money?"),
        ("assistant", "Yes, if you can."),
    ]
    assert view.messages[1].imported == "Open WebUI (qwen3:4b)"
    assert len(view.messages[1].siblings) == 2
    assert view.updated.timestamp() == BEGAN + 9
    assert shown(database, flat) == [("user", "Look:\n[image]"), ("assistant", "I see.")]
    assert open_conversation(database, flat).created.timestamp() == BEGAN


def test_of_open_webuis_thoughts_only_closed_ones_are_left_out():
    opened = '<details type="reasoning"'
    said = f"{opened}>A</details>\n\nOne. {opened} two {opened}>B</details> three"
    assert without_thoughts(said) == f"One. {opened} two three"
    many = opened * 50_000
    assert without_thoughts(many) == many


@pytest.mark.parametrize("form", ["ShareGPT", "ShareGPT's JSONL"])
def test_sharegpts_form_comes_with_its_system_text(database, form):
    first, second = import_conversations(database, FILES[form]).new
    assert shown(database, first) == [
        ("system", "You are kind."),
        ("user", "Help me?"),
        ("assistant", "Gladly."),
    ]
    assert open_conversation(database, first).title == "Help me?"
    assert shown(database, second) == [("user", "Hi"), ("assistant", "Hello.")]


@pytest.mark.parametrize("form", ["messages as JSONL", "messages as JSON"])
def test_lists_of_messages_come(database, form):
    first, _ = import_conversations(database, FILES[form]).new
    assert shown(database, first) == [
        ("system", "Be brief."),
        ("user", "Why help?"),
        ("assistant", "Why not?"),
    ]


def test_a_bare_list_of_messages_is_one_conversation(database):
    (id,) = import_conversations(database, FILES["one list of messages"]).new
    assert shown(database, id) == [("user", "A"), ("assistant", "B")]


@pytest.mark.parametrize("form", FILES)
def test_nothing_that_no_person_saw_comes_through(database, form):
    for id in import_conversations(database, FILES[form]).new:
        assert "secret" not in export_conversation(database, id, "json")


def test_half_characters_in_names_and_a_recipient_of_null_are_no_harm(database):
    chats = programs.chatgpt()
    chats[0] |= {"title": "half \ud800", "conversation_id": "\udfff"}
    for node in chats[0]["mapping"].values():
        if node["message"] and node["message"]["author"]["role"] == "assistant":
            node["message"]["metadata"]["model_slug"] = "m\ud800"
            if node["message"]["recipient"] == "all":
                node["message"]["recipient"] = None
    id = import_conversations(database, json.dumps(chats)).new[0]
    view = open_conversation(database, id)
    assert (view.title, view.messages[3].imported) == ("half ?", "ChatGPT (m?)")
    assert verify_transcript(transcript(database, id)) == []


@pytest.mark.parametrize("form", FILES)
def test_what_is_imported_twice_is_not_doubled(database, form):
    done = import_conversations(database, FILES[form])
    again = import_conversations(database, FILES[form])
    assert (again.new, again.grown, again.here) == ((), (), done.new)
    assert len(list_conversations(database)) == len(done.new)


@pytest.mark.parametrize("form", FILES)
def test_what_was_imported_is_exported_verified_and_imported(database, tmp_path, form):
    elsewhere = open_database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    for id in import_conversations(database, FILES[form]).new:
        data = transcript(database, id)
        assert verify_transcript(data) == []
        import_conversations(elsewhere, json.dumps(data))
        assert transcript(elsewhere, id) == data
    elsewhere.close()


def test_a_later_export_adds_what_is_new(database):
    chats = programs.chatgpt()
    first, _ = import_conversations(database, json.dumps(chats)).new
    mapping = chats[0]["mapping"]
    mapping["q4"] = programs.node("q4", "a2", "user", "Why?", at=200)
    mapping["a4"] = programs.node("a4", "q4", "assistant", "It purrs.", at=201)
    chats[0] |= {"current_node": "a4", "update_time": BEGAN + 300}
    done = import_conversations(database, json.dumps(chats))
    assert (done.new, done.grown) == ((), (first,))
    assert shown(database, first)[-2:] == [("user", "Why?"), ("assistant", "It purrs.")]
    assert verify_transcript(transcript(database, first)) == []
    assert "1 conversation got new messages. 1 conversation was here already." in done.sentence


def test_a_deleted_conversation_comes_back(database):
    first, second = import_conversations(database, FILES["ChatGPT"]).new
    shelf.delete(database, [first])
    assert import_conversations(database, FILES["ChatGPT"]).grown == (first,)
    assert {c.id for c in list_conversations(database)} == {first, second}


@pytest.mark.parametrize("name", ["conversations.json", "export/conversations-001.json"])
def test_chatgpts_zip_is_read(database, name):
    assert len(import_conversations(database, programs.chatgpt_zip(name)).new) == 2


def test_the_zip_of_everything_is_read(database, tmp_path):
    from chat_app.chat.data_folder import export_everything

    ids = [new_talk(database, title) for title in ("one", "two")]
    for id in ids:
        say(database, id, "a", "b")
    export_everything(database, tmp_path / "all.zip")
    elsewhere = open_database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    done = import_conversations(elsewhere, (tmp_path / "all.zip").read_bytes())
    assert sorted(done.new) == sorted(ids)
    elsewhere.close()


def circle():
    chats = programs.chatgpt()
    chats[1]["mapping"]["p"]["parent"] = "r"
    return json.dumps(chats)


def broken(change):
    chats = programs.chatgpt()
    change(chats[1])
    return json.dumps(chats)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (circle(), "Conversation 2 is not whole: its messages run in a circle"),
        (broken(lambda c: c.update(mapping={"a": 3})), "Conversation 2 is not whole"),
        (broken(lambda c: c.clear()), "Conversation 2 is of no kind"),
        (broken(lambda c: c["mapping"]["p"].update(parent=7)), "parent is no id"),
        ('{"conversations": [{"value": "who?"}]}', "does not say who speaks"),
        ('{"conversations": [3]}', "no object"),
        ('{"messages": []}', "no conversation in which anything was said"),
        ("[]", "no conversation"),
        ("", "neither JSON nor JSONL"),
        ("hello\nworld", "neither JSON nor JSONL"),
        ("[" * 99_999, "nested too deeply"),
        (b"\xff\xfe", "not UTF-8"),
        (b"PK\x03\x04 and no zip", "zip cannot be read"),
        (b"PK\x05\x06" + bytes(18), "no conversations.json"),
        ('{"format": "valueflow.profile/1"}', "format is"),
    ],
)
def test_of_a_file_that_is_refused_nothing_is_stored(database, file, said):
    with pytest.raises(ValueflowError, match=said) as caught:
        import_conversations(database, file)
    assert "\n" not in str(caught.value)
    assert list_conversations(database) == []


def test_a_zip_that_would_burst_is_refused(database, tmp_path, monkeypatch):
    monkeypatch.setattr("chat_app.chat.importing.MOST_BYTES", 1000)
    file = tmp_path / "large.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zip:
        zip.writestr("conversations.json", " " * 1001)
    with pytest.raises(ValueflowError, match="more than"):
        import_conversations(database, file.read_bytes())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["mapping", "message", "parent", "author", "role", "content", "parts", "chat",
             "history", "messages", "currentId", "conversations", "from", "value", "format", "text"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    how=st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    places=st.lists(st.tuples(st.integers(2, 2**31), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_zip_is_read_or_refused_in_a_sentence(how, places):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as zip:
        zip.writestr("conversations.json", FILES["messages as JSON"])
        zip.writestr("höflich.txt", "x")
    file = bytearray(packed.getvalue())
    for place, byte in places:
        file[2 + place % (len(file) - 2)] = byte
    read_or_refused(bytes(file))


def read_or_refused(file):
    with suppress(ValueflowError):
        return read_content(file)


@given(json_values)
def test_whatever_json_it_is_it_is_read_or_refused_in_a_sentence(data):
    content = read_or_refused(json.dumps(data))
    assert content is None or content.chats or content.texts


@given(st.data())
def test_one_changed_place_in_an_export_never_breaks_the_reader(draw):
    data = copy.deepcopy(draw.draw(st.sampled_from([programs.chatgpt(), programs.open_webui()])))
    at, key = data, draw.draw(st.integers(0, 1))
    while isinstance(at[key], dict | list) and at[key] and draw.draw(st.booleans()):
        at = at[key]
        key = draw.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
    at[key] = draw.draw(json_values)
    read_or_refused(json.dumps(data))


@given(st.lists(st.tuples(st.integers(0, 99), st.booleans(), st.booleans()), max_size=30))
def test_of_any_tree_each_message_follows_the_nearest_kept_one_of_the_other_side(drawn):
    """(which earlier node it follows, whether the assistant speaks, whether it holds anything)"""
    nodes = {}
    for number, (where, reply, kept) in enumerate(drawn):
        parent = str(where % number) if number else None
        role: Role = "assistant" if reply else "user"
        message = ForeignMessage("", None, role, f"<{number}>") if kept else None
        nodes[str(number)] = Node(parent, message)
    messages, last = from_nodes(nodes, None)
    keys = [m.key for m in messages]
    assert all(m.parent is None or m.parent in keys[:i] for i, m in enumerate(messages))
    texts = "".join(m.text for m in messages)
    assert all(texts.count(f"<{n}>") == kept for n, (_, _, kept) in enumerate(drawn))
    assert last in keys or not keys
    by_key = {m.key: m for m in messages}
    for message in messages:
        before = by_key.get(message.parent or "")
        if before and before.role == message.role:  # only where a turn splits into branches
            assert sum(m.parent == before.key for m in messages) > 1


@pytest.mark.parametrize(
    "number", [True, "1700000000", None, -1, 0, 1e30, 10**400, float("inf"), float("nan"), 12345]
)
def test_what_is_no_time_is_none(number):
    assert moment(number) is None


def test_an_imported_conversation_is_scored_and_goes_on(studio):
    database = studio.database
    id, _ = import_conversations(database, FILES["ShareGPT"]).new
    reply = open_conversation(database, id).messages[-1]
    found = whole_profile(studio, reply.id)
    assert len(found.scores) == 32
    encoder = studio.texts_evaluator.ranker.version
    assert encoder != studio.evaluator.ranker.version
    assert {s.ranker for s in open_conversation(database, id).messages[-1].scores} == {
        f"hives {encoder}"
    }
    *_, ended = send(studio, "Thank you.", KIND, conversation_id=id, sampling=SHORT)
    assert isinstance(ended, Finished)
    assert ended.status == "finished"
    view = open_conversation(database, id)
    assert [m.role for m in view.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert view.messages[-1].imported is None
    assert verify_transcript(transcript(database, id)) == []


def test_to_what_answers_no_question_there_is_no_other_reply(studio):
    turns = [{"from": "system", "value": "Greet."}, {"from": "gpt", "value": "Hello!"}]
    greeting = json.dumps({"conversations": turns})
    (id,) = import_conversations(studio.database, greeting).new
    reply = open_conversation(studio.database, id).messages[-1]
    with pytest.raises(ValueflowError, match="answers no question"):
        next(regenerate(studio, reply.id, KIND, sampling=SHORT))


def test_on_the_command_line(tmp_path):
    file = tmp_path / "export.zip"
    file.write_bytes(programs.chatgpt_zip())
    done = run("import", str(file))
    assert len(done.stdout.split()) == 2
    assert "from ChatGPT" in done.stderr
    assert "already" in run("import", str(file)).stderr
    file.write_text(circle())
    assert str(file) in one_sentence(run("import", str(file), code=1))
