import pytest
import sqlalchemy as sa

from chat_app.chat.conversations import open_conversation
from chat_app.chat.scoring import pending_scores, score_message
from chat_app.db.tables import Score
from chat_app.errors import ValueflowError
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import STEERED
from tests.talks import KIND, new_talk, say

KINDNESS = "I would give her the money and stay with her until she is well again."


def rows(studio):
    with studio.database.read() as session:
        return list(session.scalars(sa.select(Score).order_by(Score.value)))


@pytest.fixture
def reply(studio):
    talk = new_talk(studio.database)
    return talk, say(studio.database, talk, "My sister is ill.", KINDNESS)[1]


def test_the_targets_are_measured_and_stored_with_how(studio, reply):
    talk, message = reply
    scores = score_message(studio, message)
    assert [(s.value, s.target) for s in scores] == [("svt/benevolence", 8), ("svt/power", -4)]
    direct = studio.evaluator.measure(KINDNESS, list(KIND.targets))
    assert [s.intensity for s in scores] == [direct[s.value].intensity for s in scores]
    kept = rows(studio)[0]
    assert kept.stderr == direct["svt/benevolence"].stderr > 0
    assert kept.windows == list(direct["svt/benevolence"].windows)
    assert (kept.ranker, kept.vidb_version) == (direct["svt/power"].ranker, studio.vidb.version)
    assert list(open_conversation(studio.database, talk).messages[1].scores) == scores


def test_measuring_again_adds_nothing(studio, reply):
    first = score_message(studio, reply[1])
    ids = [row.id for row in rows(studio)]
    assert score_message(studio, reply[1]) == first
    assert [row.id for row in rows(studio)] == ids


def test_all_values_on_request(studio, reply):
    score_message(studio, reply[1])
    scores = score_message(studio, reply[1], STEERED)
    assert [s.value for s in scores] == list(STEERED)
    assert len(rows(studio)) == 32
    targets = {s.value: s.target for s in scores if s.target is not None}
    assert targets == dict(KIND.targets)


def test_replies_wait_for_their_scores(studio, reply):
    talk, message = reply
    unsteered = Profile("plain", {})
    say(studio.database, talk, "And then?", "Then we go home.", profile=unsteered)
    _, later = say(studio.database, talk, "Why?", "Because home is good.")
    assert pending_scores(studio, talk) == [message, later]
    score_message(studio, message)
    assert pending_scores(studio, talk) == [later]


def test_what_cannot_be_measured(studio, reply):
    talk, _ = reply
    _, empty = say(studio.database, talk, "Hello?", " ")
    with pytest.raises(ValueflowError, match="empty"):
        score_message(studio, empty)
    _, writing = say(studio.database, talk, "Hello?", "Well", parent=empty, finished=False)
    with pytest.raises(ValueflowError, match="still being written"):
        score_message(studio, writing)
    with pytest.raises(ValueflowError, match="no message 'none'"):
        score_message(studio, "none")
    assert set(pending_scores(studio, talk)).isdisjoint({empty, writing})
