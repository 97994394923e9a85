import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.conversations import (
    UNSTEERED,
    list_conversations,
    open_conversation,
    rename_conversation,
    set_profile,
    show_branch,
    storable,
    title_from,
)
from chat_app.chat.rows import recover
from chat_app.chat.shelf import delete
from chat_app.db.database import DatabaseError
from chat_app.errors import ValueflowError
from tests.talks import KIND, measure, new_talk, say


def test_the_conversation_that_changed_last_comes_first(database):
    one, two = new_talk(database, "one"), new_talk(database, "two")
    say(database, two, "a", "b")
    say(database, one, "a", "b")
    say(database, one, "c", "d")
    found = list_conversations(database)
    assert [(c.id, c.title, c.messages) for c in found] == [(one, "one", 4), (two, "two", 2)]


def test_renaming(database):
    id = new_talk(database)
    rename_conversation(database, id, "  Money\n and  brothers ")
    assert open_conversation(database, id).title == "Money and brothers"


@pytest.mark.parametrize("title", ["", " \n", "x" * 201])
def test_a_title_must_be_one(database, title):
    id = new_talk(database)
    with pytest.raises(ValueflowError, match="title"):
        rename_conversation(database, id, title)
    assert open_conversation(database, id).title == "A talk"


def test_deleting(database):
    id, other = new_talk(database), new_talk(database)
    _, reply = say(database, id, "a", "b")
    measure(database, reply, "svt/power", 1)
    delete(database, [id])
    assert [c.id for c in list_conversations(database)] == [other]
    with pytest.raises(DatabaseError, match="no conversation"):
        open_conversation(database, id)
    with pytest.raises(DatabaseError, match="no conversation"):
        delete(database, [id])


def test_the_profile_that_was_set_is_shown(database):
    id = new_talk(database)
    assert open_conversation(database, id).profile == UNSTEERED
    set_profile(database, id, KIND)
    assert open_conversation(database, id).profile == KIND


def test_scores_stand_in_the_order_of_the_targets_the_last_measured_each(database):
    id = new_talk(database)
    _, reply = say(database, id, "a", "b")
    for value, intensity in (("svt/security", 1), ("svt/power", -2), ("svt/benevolence", 3)):
        measure(database, reply, value, intensity)
    message = open_conversation(database, id).messages[1]
    assert [(s.value, s.target, s.intensity) for s in message.scores] == [
        ("svt/benevolence", 8, 3),
        ("svt/power", -4, -2),
        ("svt/security", None, 1),
    ]


def test_of_two_rankers_the_one_that_measured_last_is_shown(database):
    id = new_talk(database)
    _, reply = say(database, id, "a", "b")
    for ranker, intensity in (("old", 1), ("new", 2)):
        measure(database, reply, "svt/power", intensity, ranker)
        time.sleep(0.002)  # times are kept in milliseconds
    (score,) = open_conversation(database, id).messages[1].scores
    assert (score.ranker, score.intensity) == ("new", 2)


def test_showing_a_branch_goes_to_its_newest_end(database):
    id = new_talk(database)
    question, first = say(database, id, "a", "b")
    say(database, id, "c", "d")
    say(database, id, "e", "f", parent=first)
    texts = [m.text for m in open_conversation(database, id).messages]
    assert texts == ["a", "b", "e", "f"]
    show_branch(database, question)
    assert [m.text for m in open_conversation(database, id).messages] == texts
    other = open_conversation(database, id).messages[2].siblings[0]
    show_branch(database, other)
    assert [m.text for m in open_conversation(database, id).messages] == ["a", "b", "c", "d"]


def test_recovering_a_second_time_finds_nothing(database):
    id = new_talk(database)
    say(database, id, "a", "b")
    assert recover(database) == 0


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why?", "Why?"),
        ("  two\n lines ", "two lines"),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("x" * 100, "x" * 60 + "…"),
    ],
)
def test_titles_from_what_was_said_first(text, title):
    assert title_from(text) == title


@given(st.text(min_size=1).filter(str.strip))
def test_a_title_is_one_short_line_that_begins_the_text(text):
    title = title_from(text)
    assert title
    assert len(title) <= 61
    assert len(title.splitlines()) == 1
    assert " ".join(text.split()).startswith(title.removesuffix("…"))


@given(st.text(st.characters()))
def test_what_is_storable_is_utf_8_without_nul(text):
    stored = storable(text)
    assert "\0" not in stored.encode().decode()
    assert storable(stored) == stored
