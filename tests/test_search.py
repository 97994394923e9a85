"""Words are found where they are, in step with every change, and any search is answered."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_app.chat.browse import Browsing, browse
from chat_app.chat.conversations import rename_conversation
from chat_app.chat.rows import add_question, open_reply
from chat_app.chat.shelf import delete, purge, restore
from chat_app.db.conversations import get_conversation
from chat_app.db.search import _pattern, excerpt, mark
from chat_app.db.tables import now
from tests.talks import KIND, new_talk, say


def found(database, words, **browsing):
    return [each.id for each in browse(database, Browsing(words=words, **browsing)).found]


def hit(database, words):
    (one,) = browse(database, Browsing(words=words)).found
    return one.hit


def marked(pieces):
    return "".join(f"[{text}]" if is_hit else text for text, is_hit in pieces)


def indexed(database):
    """Whether the index holds exactly what its source says, and how many rows it has."""
    with database.write() as session:
        session.execute(sa.text("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)"))
        return session.scalar(sa.text("SELECT count(*) FROM search_rows"))


@pytest.fixture
def talk(database):
    id = new_talk(database, "Money — für wen?")
    say(database, id, "Should I lend my brother money?", "Lending to family is a gift, say many.")
    return id


def test_titles_and_texts_are_found_and_marked(database, talk):
    assert marked(hit(database, "MON").title) == "[Mon]ey — für wen?"
    assert marked(hit(database, "mon").text) == "Should I lend my brother [mon]ey?"
    both = hit(database, "famil gift")
    assert marked(both.text) == "Lending to [famil]y is a [gift], say many."
    assert both.title is None


def test_a_thought_is_found_and_shown_without_its_tags(database):
    id = new_talk(database)
    say(database, id, "What is <think>?", "<think>\nThey ask for a loan.\n</think>\n\nLend it.")
    assert marked(hit(database, "loan").text) == "They ask for a [loan]. Lend it."
    assert marked(hit(database, "what").text) == "[What] is <think>?"


def test_case_accents_and_beginnings_do_not_matter(database, talk):
    for words in ("fur", "FÜR", "lend", "LENDING", "bro"):
        assert found(database, words) == [talk], words
    assert marked(hit(database, "fur wen").title) == "Money — [für] [wen]?"
    say(database, talk, "He said: don't — ré\u0301sume\u0301s!", "-")
    assert marked(hit(database, "DON'T resume").text).startswith("He said: [don't] — ")


def test_all_words_have_to_be_in_one_place(database, talk):
    assert found(database, "brother gift") == []
    assert found(database, "nobody") == []


@pytest.mark.parametrize("words", ["お金", "金を", "🙂", "?!", "%", "_", "'", "x\\y"])
def test_what_the_index_has_no_words_for_is_found_as_it_stands(database, words):
    id = new_talk(database, "Other")
    say(database, id, f"弟にお金を貸すべき🙂?! 100% a_b don't x\\y {words}", "-")
    say(database, new_talk(database), "plain words", "and an answer.")
    assert found(database, words) == [id]
    assert f"[{words}]" in marked(hit(database, words).text)


def test_a_title_in_such_letters(database):
    id = new_talk(database, "弟にお金を貸す")
    assert marked(hit(database, "お金").title) == "弟に[お金]を貸す"
    assert found(database, "お金") == [id]


def test_long_texts_are_cut_around_the_words(database):
    id = new_talk(database)
    say(database, id, "one " * 300 + "needle" + " two" * 300, "b")
    text = marked(hit(database, "needle").text)
    assert "[needle]" in text
    assert text.startswith("…")
    assert text.endswith("…")
    assert len(text) < 130


def test_the_newest_message_with_the_words_is_shown(database):
    id = new_talk(database)
    say(database, id, "a boat, first", "b")
    say(database, id, "a boat, second", "b")
    assert "second" in marked(hit(database, "boat").text)


def test_the_index_follows_every_change(database, talk):
    assert indexed(database) == 3
    rename_conversation(database, talk, "Family matters")
    assert found(database, "wen") == []
    assert found(database, "matters") == [talk]
    delete(database, [talk])
    assert found(database, "matters") == []
    restore(database, [talk])
    assert found(database, "matters") == [talk]
    delete(database, [talk])
    assert indexed(database) == 3
    assert purge(database, before=now().replace(year=2100)) == 1
    assert indexed(database) == 0
    with database.read() as session:
        kept = session.scalars(sa.text("SELECT block FROM search_data")).all()
    assert not any(b"matter" in block or b"brother" in block for block in kept)


def test_a_reply_is_found_once_it_has_ended(database):
    id = new_talk(database)
    with database.write() as session:
        conversation = get_conversation(session, id)
        question = add_question(session, conversation, None, "why", KIND)
        row = open_reply(database, session, conversation, question, KIND)
    with row:
        row.grow("because of the harbour")
        row._update({"text": row.text, "status": "writing"})
        assert found(database, "harbour") == []
    assert found(database, "harbour") == [id]
    assert indexed(database) == 3


def test_the_index_holds_after_the_file_was_compacted(database, talk):
    first = new_talk(database, "gone soon")
    say(database, first, "x", "y")
    say(database, talk, "And the boat?", "Keep it.")
    delete(database, [first])
    purge(database, before=now().replace(year=2100))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.connection.driver_connection.execute("VACUUM")
    assert marked(hit(database, "boat").text) == "And the [boat]?"
    assert indexed(database) == 5


# Any words at all: the database is written once and only read from then on.
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=30) | st.text('"*^:()-+NEARANDORNOT \x02\x03{}', max_size=20))
def test_no_words_are_an_error(database, words):
    if not browse(database, Browsing()).found:
        say(database, new_talk(database, 'NEAR("a" AND b)'), 'x OR "y*', "col:umn ^start {z}")
    assert len(found(database, words)) <= 1


@given(text=st.text(max_size=200), words=st.text(max_size=8), beginnings=st.booleans())
def test_marks_change_no_letter(text, words, beginnings):
    terms = _pattern(words, beginnings=beginnings)
    assert "".join(piece for piece, _ in mark(text, terms)) == text
    assert "\n" not in excerpt(text, terms)
