"""Measured intensities summed up by the database, against the same sums done by hand."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat_app.chat.trends import CELLS, choices, csv_of, lines, summaries
from chat_app.db.database import Database, open_database
from chat_app.db.errors import DatabaseError
from chat_app.db.tables import Message, Score, new_id
from chat_app.db.trends import Which
from chat_app.ui.pages.trends_html import lines_html, summaries_html
from chat_app.values.profile import Profile
from tests.talks import measure, new_talk, say

BLUNT = Profile("=blunt", {"svt/power": 6})


@pytest.fixture
def told(database: Database) -> tuple[Database, str, str]:
    """Two conversations: two replies of a kind profile and one of a blunt one."""
    one, two = new_talk(database, "One"), new_talk(database, "Two")
    for at in (5.0, 7.0):
        _, reply = say(database, one, "Shall I?", "Yes.")
        measure(database, reply, "svt/benevolence", at)
        measure(database, reply, "svt/power", -4.0)
        measure(database, reply, "svt/face", 1.0)
    _, reply = say(database, two, "Shall I?", "No.", profile=BLUNT)
    measure(database, reply, "svt/power", 9.0)
    return database, one, two


def test_one_value_over_all_conversations(told):
    database, _, _ = told
    kind, power = summaries(database, Which())
    assert (kind.value, kind.n, kind.mean, kind.spread) == ("svt/benevolence", 2, 6.0, 1.0)
    assert (kind.target, kind.targets, kind.missed) == (8.0, (8.0, 8.0), 2.0)
    assert kind.cells[15] == kind.cells[17] == 1
    assert (power.n, power.targets) == (3, (-4.0, 6.0))
    assert power.missed == pytest.approx(1.0)
    every = summaries(database, Which(targeted=False))
    assert [each.value for each in every] == ["svt/benevolence", "svt/power", "svt/face"]
    assert every[2].target is every[2].missed is None


def test_filters(told):
    database, one, two = told
    power = summaries(database, Which(profile="=blunt"))
    assert [(each.value, each.n) for each in power] == [("svt/power", 1)]
    assert summaries(database, Which(conversation=two)) == power
    assert summaries(database, Which(model="nobody")) == []
    now = datetime.now(UTC)
    assert summaries(database, Which(since=now + timedelta(hours=1))) == []
    assert len(summaries(database, Which(since=now - timedelta(hours=1)))) == 2
    known = choices(database)
    assert {id for id, _ in known.conversations} == {one, two}
    assert known.profiles == ("=blunt", "kind")
    assert known.models == ("builtin-chat",)


def test_a_value_that_was_measured_twice_counts_once_with_the_later_number(told):
    database, one, _ = told
    (line, _) = lines(database, one)
    with database.read() as session:
        reply = session.query(Score).filter_by(intensity=5.0).one().message_id
    measure(database, reply, "svt/benevolence", -1.0, ranker="llm 1")
    kind = summaries(database, Which())[0]
    assert (kind.n, kind.mean) == (2, 3.0)
    assert [p.intensity for p in line.points] == [5.0, 7.0]
    assert [p.intensity for p in lines(database, one)[0].points] == [-1.0, 7.0]


def test_lines_of_a_conversation(told):
    database, one, _ = told
    found = {line.value: line for line in lines(database, one, targeted=False)}
    assert [p.turn for p in found["svt/face"].points] == [1, 2]
    assert found["svt/face"].points[0].target is None
    assert "svt/face" not in {line.value for line in lines(database, one)}
    shown = lines_html(list(found.values()))
    assert shown.count("<svg") == 3
    assert shown.count('class="vf-t-target"') == 4
    with pytest.raises(DatabaseError):
        lines(database, "01NOBODY")


def test_the_csv_holds_every_score_and_no_formula(told):
    database, _, _ = told
    rows = list(csv.DictReader(io.StringIO(csv_of(database, Which(targeted=False)))))
    assert len(rows) == 7
    assert {row["profile"] for row in rows} == {"'=blunt", "kind"}
    assert {float(row["intensity"]) for row in rows} == {5.0, 7.0, -4.0, 1.0, 9.0}


def test_names_are_shown_as_text(database: Database):
    value = "custom/<b>bold</b> {{x}}"
    talk = new_talk(database)
    _, reply = say(database, talk, "?", "!", profile=Profile("p", {value: 5}))
    measure(database, reply, value, 2.0)
    shown = lines_html(lines(database, talk)) + summaries_html(summaries(database, Which()))
    assert "<b>bold" not in shown
    assert "{{" not in shown
    assert "&lt;b&gt;bold" in shown


intensities = st.lists(
    st.tuples(st.floats(-10, 10), st.one_of(st.none(), st.floats(-10, 10))), min_size=1, max_size=30
)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Iterator[Database]:
    """One database for all examples, each in a conversation of its own."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('sums')}/x.db")
    yield database
    database.close()


@given(intensities)
@hypothesis_settings(max_examples=40)
def test_sums_are_those_of_the_scores_themselves(many: Database, measured):
    database, talk = many, new_talk(many)
    with database.write() as session:
        for intensity, target in measured:
            message = Message(
                id=new_id(), conversation_id=talk, role="assistant", text="x", status="finished"
            )
            session.add(message)
            session.flush()
            session.add(
                Score(
                    message_id=message.id, value="svt/face", target=target, intensity=intensity,
                    stderr=1.0, ranker="r", vidb_version="v", windows=[],
                )
            )  # fmt: skip
    (found,) = summaries(database, Which(conversation=talk, targeted=False))
    numbers = [intensity for intensity, _ in measured]
    gaps = [abs(i - t) for i, t in measured if t is not None]
    assert found.n == sum(found.cells) == len(numbers)
    assert found.mean == pytest.approx(fmean(numbers), abs=1e-9)
    assert found.spread == pytest.approx(pstdev(numbers), abs=1e-5)
    assert found.missed == (pytest.approx(fmean(gaps)) if gaps else None)
    for cell, count in enumerate(found.cells):
        # An edge belongs to either side, and so does what rounding brings there.
        inside = sum(cell - 10 - 1e-9 <= n <= cell - 9 + 1e-9 for n in numbers)
        assert count <= inside
    assert len(found.cells) == CELLS
