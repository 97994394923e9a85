"""Many transcripts in one file: what comes out goes in, and what was altered does not."""

import json

import pytest

from chat_app.chat.bundle import export_bundle, import_bundle, read_bundle
from chat_app.chat.conversations import list_conversations, open_conversation, rename_conversation
from chat_app.chat.export import export_conversation
from chat_app.chat.transcript import TranscriptError, transcript
from chat_app.db.database import open_database
from tests.talks import measure, new_talk, say


@pytest.fixture
def talks(database):
    made = []
    for title in ("one", "two\u2028lines", "three"):
        id = new_talk(database, title)
        _, reply = say(database, id, f"{title}?", "Yes.")
        measure(database, reply, "svt/power", 1)
        say(database, id, "another way?", "No.", parent=reply)
        say(database, id, "or this way?", "No.", parent=reply)
        made.append(id)
    return made


@pytest.fixture
def elsewhere(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    yield opened
    opened.close()


def test_a_bundle_comes_back_whole(database, talks, elsewhere):
    text = export_bundle(database, talks)
    assert text.count("\n") == 3
    assert import_bundle(elsewhere, text) == (talks, [])
    for id in talks:
        assert transcript(elsewhere, id) == transcript(database, id)


def test_what_is_here_already_is_not_doubled(database, talks):
    assert import_bundle(database, export_bundle(database, talks)) == ([], talks)
    assert len(list_conversations(database)) == 3


def test_ids_of_conversations_that_have_gone_on_are_made_anew(database, talks):
    text = export_bundle(database, talks)
    for id in talks:
        rename_conversation(database, id, "Another title")
    again, here = import_bundle(database, text)
    assert here == []
    assert len({*talks, *again}) == 6
    for old, new in zip(talks, again, strict=True):
        one, other = open_conversation(database, old), open_conversation(database, new)
        assert [(m.text, m.scores) for m in one.messages] == [
            (m.text, m.scores) for m in other.messages
        ]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_single_transcript_is_a_bundle_too(database, talks, elsewhere, form):
    text = export_conversation(database, talks[0], form)
    assert import_bundle(elsewhere, text) == (talks[:1], [])


def test_of_a_bundle_with_an_altered_transcript_nothing_is_stored(database, talks, elsewhere):
    text = export_bundle(database, talks).replace('"title": "three"', '"title": "3"')
    with pytest.raises(TranscriptError, match="“3” is not stored"):
        import_bundle(elsewhere, text)
    words = export_bundle(database, talks).replace("or this way?", "that way?")
    with pytest.raises(TranscriptError, match="altered"):
        import_bundle(elsewhere, words)
    assert list_conversations(elsewhere) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "[]",
        "{}",
        "null",
        "words",
        '{"format": "x", "messages": []}\n' * 2,
        "[" * 99999,
    ],
)
def test_other_files_get_one_sentence(elsewhere, text):
    with pytest.raises(TranscriptError) as caught:
        import_bundle(elsewhere, text)
    assert "\n" not in str(caught.value)


def test_a_bad_line_is_named(database, talks):
    lines = export_bundle(database, talks[:1]) * 2 + json.dumps({"format": "other"})
    with pytest.raises(TranscriptError, match="Line 3"):
        read_bundle(lines)
