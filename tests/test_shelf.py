"""Order among conversations: pinned, tagged, archived, deleted, taken back, and by the day."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from chat_app.chat import shelf
from chat_app.chat.browse import PAGE, Browsing, browse, day_name
from chat_app.chat.conversations import list_conversations, open_conversation
from chat_app.chat.rows import add_question, open_reply
from chat_app.chat.scoring import score_message
from chat_app.chat.send import regenerate
from chat_app.chat.studio import Studio
from chat_app.chat.transcript import import_transcript, transcript
from chat_app.db.conversations import get_conversation, tree
from chat_app.db.database import DatabaseError
from chat_app.db.tables import Conversation, Message, Score, now
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from tests.talks import KIND, measure, new_talk, say


def groups(database, **browsing):
    listing = browse(database, Browsing(**browsing))
    return {group.name: [c.title for c in group.conversations] for group in listing.groups}


def aged(database, title, **ago):
    id = new_talk(database, title)
    with database.write() as session:
        get_conversation(session, id).updated = now() - timedelta(**ago)
    return id


def test_conversations_stand_under_their_days(database):
    aged(database, "old", days=400)
    aged(database, "pinned", days=90)
    aged(database, "week", days=5)
    aged(database, "now")
    shelf.pin(database, [list_conversations(database)[2].id])
    found = groups(database)
    old = (datetime.now() - timedelta(days=400)).strftime("%B %Y")
    assert found == {
        "Pinned": ["pinned"],
        "Today": ["now"],
        "Previous 7 days": ["week"],
        old: ["old"],
    }


def test_the_names_of_days():
    today = date(2026, 3, 1)

    def name(day):
        return day_name(datetime.combine(day, datetime.min.time()).astimezone(UTC), today)

    assert name(date(2026, 3, 2)) == "Today"  # by another clock
    assert name(today) == "Today"
    assert name(date(2026, 2, 28)) == "Yesterday"
    assert name(date(2026, 2, 22)) == "Previous 7 days"
    assert name(date(2026, 2, 21)) == "Previous 30 days"
    assert name(date(2026, 1, 29)) == "January 2026"


def test_a_page_at_a_time(database):
    for number in range(PAGE + 3):
        aged(database, f"{number}", minutes=number)
    first = browse(database, Browsing())
    assert len(first.found) == PAGE
    assert first.more
    whole = browse(database, Browsing(limit=2 * PAGE))
    assert not whole.more
    assert [c.title for c in whole.found] == [str(number) for number in range(PAGE + 3)]


def test_archived_ones_have_a_shelf_of_their_own_and_are_found_last(database):
    kept, put_away = new_talk(database, "a boat"), new_talk(database, "the boat")
    shelf.archive(database, [put_away])
    assert groups(database) == {"Today": ["a boat"]}
    assert groups(database, archived=True) == {"Today": ["the boat"]}
    assert groups(database, words="boat") == {"Today": ["a boat"], "Archived": ["the boat"]}
    assert groups(database, words="boat", archived=True) == {"Today": ["the boat"]}
    assert browse(database, Browsing()).archived == 1
    shelf.archive(database, [put_away], on=False)
    assert [c.id for c in browse(database, Browsing()).found] == [put_away, kept]


def test_tags(database):
    one, two = new_talk(database, "one"), new_talk(database, "two")
    assert shelf.set_tags(database, one, ["  #Family  matters", "money", "", "money"]) == (
        "Family matters",
        "money",
    )
    # Another spelling of a tag in use is that tag.
    assert shelf.tag(database, two, add=["MONEY", "boats"], remove=["nothing"]) == (
        "boats",
        "money",
    )
    assert browse(database, Browsing()).tags == {"Family matters": 1, "boats": 1, "money": 2}
    assert groups(database, tag="boats") == {"Today": ["two"]}
    assert shelf.tag(database, two, remove=["Money"]) == ("boats",)
    shelf.delete(database, [one])
    assert browse(database, Browsing()).tags == {"boats": 1}
    with pytest.raises(DatabaseError, match="no conversation"):
        shelf.set_tags(database, one, ["x"])


@pytest.mark.parametrize("tags", [["x" * 41], [str(n) for n in range(21)]])
def test_tags_have_bounds(database, tags):
    with pytest.raises(ValueflowError, match="are the most"):
        shelf.set_tags(database, new_talk(database), tags)


def test_none_is_changed_where_one_is_not_there(database):
    id = new_talk(database)
    for change in (shelf.pin, shelf.archive, shelf.delete):
        with pytest.raises(DatabaseError, match="no conversation"):
            change(database, [id, "nobody"])
    (found,) = list_conversations(database)
    assert (found.pinned, found.archived) == (False, False)


def test_a_deleted_conversation_is_seen_nowhere_until_it_is_taken_back(database, studio):
    id = new_talk(database, "secret")
    question, reply = say(database, id, "a", "b")
    stored = transcript(database, id)
    shelf.delete(database, [id])
    assert list_conversations(database) == []
    assert "0 conversations, 0 messages" in database.describe()
    for look in (
        lambda: open_conversation(database, id),
        lambda: transcript(database, id),
        lambda: shelf.pin(database, [id]),
        lambda: score_message(studio, reply),
        lambda: next(regenerate(studio, question, KIND)),
    ):
        with pytest.raises(DatabaseError, match="may have been deleted"):
            look()
    # Its transcript is another conversation, not this one come back.
    assert import_transcript(database, stored) != id
    shelf.restore(database, [id])
    assert transcript(database, id)["messages"] == stored["messages"]


def test_a_reply_under_way_ends_where_its_conversation_is_deleted(database):
    id = new_talk(database)
    with database.write() as session:
        conversation = get_conversation(session, id)
        question = add_question(session, conversation, None, "why", KIND)
        row = open_reply(database, session, conversation, question, KIND)
    with row:
        assert row.grow("because")
        shelf.delete(database, [id])
        row._saved = time.monotonic() - 60
        assert not row.grow(" of")
    shelf.restore(database, [id])
    reply = open_conversation(database, id).messages[-1]
    assert (reply.status, reply.text) == ("stopped", "because of")


def test_what_was_deleted_long_ago_is_forgotten_at_the_next_start(home):
    first = Studio(settings(home=home))
    kept, late, gone = (new_talk(first.database, title) for title in ("kept", "late", "gone"))
    for id in (kept, late, gone):
        _, reply = say(first.database, id, "a", "b")
        measure(first.database, reply, "svt/power", 1)
        shelf.set_tags(first.database, id, ["x"])
    shelf.delete(first.database, [late, gone])
    with first.database.write() as session:
        session.get_one(Conversation, gone).deleted = now() - shelf.KEPT_DELETED * 1.01
    first.close()

    second = Studio(settings(home=home))
    with pytest.raises(DatabaseError, match="gone"):
        shelf.restore(second.database, [gone])
    shelf.restore(second.database, [late])
    assert {c.title for c in list_conversations(second.database)} == {"kept", "late"}
    with second.database.read() as session:
        assert session.scalar(sa.select(sa.func.count(Message.id))) == 4
        assert session.scalar(sa.select(sa.func.count(Score.id))) == 2
    second.close()


def test_a_very_long_conversation_can_be_forgotten(database):
    id, parent = new_talk(database), None
    with database.write() as session:
        for _ in range(1500):
            row = Message(
                conversation_id=id, parent_id=parent, role="user", text="x", status="finished"
            )
            session.add(row)
            session.flush()
            parent = row.id
        assert len(tree(session, id)) == 1500
    shelf.delete(database, [id])
    assert shelf.purge(database, before=now() + timedelta(days=1)) == 1
    assert shelf.purge(database, before=now() + timedelta(days=1)) == 0
