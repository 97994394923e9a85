"""One question under several profiles, with the real model, database and evaluator."""

import threading
from dataclasses import replace

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.compare import (
    Column,
    Comparison,
    Heard,
    compare,
    comparison,
    keep,
    score_columns,
    speaker_of,
    speakers,
    unscored,
)
from chat_app.chat.conversations import ScoreView, list_conversations, open_conversation
from chat_app.chat.profiles import save_profile
from chat_app.chat.send import Delta, Finished, Started, regenerate, send
from chat_app.chat.transcript import transcript, verify_transcript
from chat_app.db.conversations import get_message
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from chat_app.ui.pages.compare_view import UNSTEERED, chosen, lay_out, seed_of
from chat_app.values.profile import Profile
from tests.random_models import CHATML
from tests.scripted_model import write_script

KIND = Profile("kind", {"svt/benevolence": 8})
STRONG = Profile("strong", {"svt/power": 8, "svt/benevolence": -4}, method="prompt")
PLAIN = Profile("plain", {}, method="none")
QUESTION = "Should I lend my brother money?"


@pytest.fixture
def short(studio):
    studio.settings = settings(home=studio.settings.home, max_tokens=24)
    return studio


def asked(studio, profiles, **how) -> tuple[list[Heard], str]:
    heard = list(compare(studio, QUESTION, profiles, **how))
    return heard, heard[0].event.user_message_id


def test_every_column_is_stored_as_a_branch_below_one_question(short):
    heard, question = asked(short, [PLAIN, KIND, STRONG], seed=5)
    assert [h.column for h in heard[:3]] == [0, 1, 2]
    assert all(isinstance(h.event, Started) for h in heard[:3])
    assert len([h for h in heard if isinstance(h.event, Finished)]) == 3
    found = comparison(short.database, question)
    assert found.question == QUESTION
    assert [column.profile for column in found.columns] == [PLAIN, KIND, STRONG]
    for i, column in enumerate(found.columns):
        said = "".join(h.event.text for h in heard if h.column == i and isinstance(h.event, Delta))
        assert column.text == said.rstrip() or column.text == said
        with short.database.read() as session:
            row = get_message(session, column.message_id)
        assert row.seed == 5
        assert row.tokens
        assert row.hash
        assert bool(row.vector_hash) == (i == 1)
    assert len({column.text for column in found.columns}) == 3
    (listed,) = list_conversations(short.database)
    assert listed.id == found.conversation_id
    assert listed.messages == 4
    for column in found.columns:
        keep(short.database, column.message_id)
        assert verify_transcript(transcript(short.database, listed.id)) == []


def test_a_column_says_what_the_chat_would_say(short):
    _, question = asked(short, [KIND, STRONG], seed=7)
    first = comparison(short.database, question).columns[0]
    sampling = replace(_sampling(short), seed=7)
    alone = list(send(short, QUESTION, KIND, sampling=sampling))[-1]
    assert alone.reply.text == first.text


def test_other_luck_is_another_seed_in_each_column(short):
    _, question = asked(short, [KIND, KIND], seed=3, same_seed=False)
    assert [c.seed for c in comparison(short.database, question).columns] == [3, 4]


def test_the_kept_column_is_gone_on_with_and_the_others_stay(short):
    _, question = asked(short, [PLAIN, KIND])
    found = comparison(short.database, question)
    conversation = keep(short.database, found.columns[0].message_id)
    view = open_conversation(short.database, conversation)
    assert view.profile == PLAIN
    assert [m.text for m in view.messages] == [QUESTION, found.columns[0].text]
    assert view.messages[-1].siblings == tuple(c.message_id for c in found.columns)
    last = list(send(short, "And if he asks again?", PLAIN, conversation_id=conversation))[-1]
    assert last.status == "finished"
    assert len(open_conversation(short.database, conversation).messages) == 4
    assert verify_transcript(transcript(short.database, conversation)) == []


def test_all_columns_are_measured_for_the_values_of_all(short):
    _, question = asked(short, [PLAIN, KIND, STRONG])
    assert len(unscored(comparison(short.database, question))) == 3
    steps = list(score_columns(short, question))
    assert [len(unscored(step)) for step in steps] == [2, 1, 0]
    last = steps[-1]
    assert last.values == ("svt/benevolence", "svt/power")
    assert all(set(column.scores) == set(last.values) for column in last.columns)
    assert last.columns[0].scores["svt/power"].target is None
    assert last.columns[1].scores["svt/benevolence"].target == 8
    assert last.columns[0].gap is None
    assert last.best <= {1, 2}
    assert list(score_columns(short, question)) == []


def test_stop_ends_every_column_and_keeps_what_was_said(studio):
    cancel = threading.Event()
    statuses = []
    for heard in compare(studio, QUESTION, [PLAIN, KIND, STRONG], cancel=cancel):
        if isinstance(heard.event, Delta):
            cancel.set()
        if isinstance(heard.event, Finished):
            statuses.append(heard.event.status)
            question = None
    assert len(statuses) == 3
    assert "stopped" in statuses
    (listed,) = list_conversations(studio.database)
    question = open_conversation(studio.database, listed.id).messages[0].id
    assert not comparison(studio.database, question).writing


def test_a_reader_who_leaves_stops_every_column(studio):
    events = compare(studio, QUESTION, [PLAIN, KIND])
    question = next(events).event.user_message_id
    next(events)
    next(events)
    events.close()
    assert not comparison(studio.database, question).writing


def test_what_cannot_be_compared_is_refused(short):
    for profiles in ([KIND], [KIND] * 5):
        with pytest.raises(ValueflowError, match="Compare 2 to 4"):
            next(compare(short, QUESTION, profiles))
    with pytest.raises(ValueflowError, match="is empty"):
        next(compare(short, "  \n", [KIND, PLAIN]))
    assert list_conversations(short.database) == []
    _, question = asked(short, [KIND, PLAIN])
    reply = comparison(short.database, question).columns[0].message_id
    with pytest.raises(ValueflowError, match="replies to a question"):
        comparison(short.database, reply)


def test_versions_of_a_reply_in_the_chat_are_a_comparison_too(short):
    sampling = _sampling(short)
    first = list(send(short, QUESTION, KIND, sampling=sampling))
    list(regenerate(short, first[-1].message_id, PLAIN, sampling=sampling))
    found = comparison(short.database, first[0].user_message_id)
    assert [column.profile.name for column in found.columns] == ["kind", "plain"]


@given(st.text(max_size=12))
def test_a_seed_is_a_whole_number_or_nothing(words):
    try:
        seed = seed_of(words)
    except ValueflowError:
        assert words.strip()
    else:
        assert seed is None or seed >= 0
        assert (seed is None) == (not words.strip())


def test_columns_name_profiles_and_a_method_of_their_own(database):
    save_profile(database, KIND)
    fields = ("", "prompt", "kind", "", "Blunt coach", "prompt", "kind", "vector")
    unsteered, saved, preset = chosen(database, 3, *fields)
    assert unsteered == UNSTEERED
    assert saved == KIND
    assert (preset.name, preset.method) == ("Blunt coach", "prompt")
    with pytest.raises(ValueflowError, match="no profile 'gone'"):
        chosen(database, 2, "", "", "gone", "")


gaps = st.lists(st.floats(-10, 10), min_size=2, max_size=4)


@given(gaps, gaps)
def test_the_closest_is_never_farther_than_another(targets, measured):
    n = min(len(targets), len(measured))
    columns = tuple(_column(t, m) for t, m in zip(targets[:n], measured[:n], strict=True))
    found = Comparison("c", "q", "?", columns)
    closest = found.closest("svt/power")
    apart = [abs(t - m) for t, m in zip(targets[:n], measured[:n], strict=True)]
    assert closest
    assert apart.index(min(apart)) in closest
    assert all(apart[i] <= min(apart) + 0.05 for i in closest)
    assert found.best == closest


def test_one_column_with_a_target_has_none_to_be_closer_than():
    columns = (_column(8, 3), replace(_column(8, 3), profile=PLAIN))
    found = Comparison("c", "q", "?", columns)
    assert found.closest("svt/power") == found.best == frozenset()


def _column(target: float, intensity: float) -> Column:
    score = ScoreView("svt/power", target, intensity, 1.0, "hives 1", "v")
    profile = Profile("p", {"svt/power": target})
    return Column(
        "m", profile, "words", "finished", "stop", None, (), 1, "model", {"svt/power": score}
    )


def _sampling(studio):
    from chat_app.chat.sampling import default_sampling

    return default_sampling(studio.settings, seed=1)


def test_models_are_compared_each_loaded_for_its_columns(short, tmp_path):
    """The loaded model on both sides of another one; the columns stay in their order."""
    other = write_script(tmp_path / "other.gguf", ["<think>", "</think>"], [" Do", " it."], CHATML)
    profiles = [PLAIN, PLAIN, PLAIN]
    events = list(compare(short, "Shall I?", profiles, models=["", str(other), ""], seed=1))
    started = [each.column for each in events if isinstance(each.event, Started)]
    assert started == [0, 1, 2]
    found = comparison(short.database, events[0].event.user_message_id)
    names = [column.model for column in found.columns]
    assert names == ["builtin-chat", "other", "builtin-chat"]
    assert found.columns[1].text.endswith("Do it.")
    assert found.columns[0].text == found.columns[2].text
    assert speaker_of(short, found.columns[0].message_id) is None
    assert speakers(short, found) == ("", "", "")
    with pytest.raises(ValueflowError, match="not on this computer any more"):
        speaker_of(short, found.columns[1].message_id)
    kept = short.settings.home / "models"
    kept.mkdir()
    other.rename(kept / "other.gguf")
    source = str(kept / "other.gguf")
    assert speaker_of(short, found.columns[1].message_id) == source
    assert speakers(short, found) == ("", source, "")
    with gr.Blocks():
        view = lay_out()
    asked_again = view.restore(short.database, found, speakers(short, found))
    assert [asked_again[column.model] for column in view.columns[:3]] == ["", source, ""]
    assert {column.model for column in view.columns} <= set(view.asking)


def test_a_model_that_is_not_here_is_said_before_anything_is_stored(short):
    with pytest.raises(ValueflowError, match=r"nowhere\.gguf"):
        list(compare(short, "Shall I?", [PLAIN, PLAIN], models=["", "/nowhere.gguf"]))
    assert list_conversations(short.database) == []
