"""A value in one's own words from the profile to the stored score, with the built-in parts.

The words are the ones that the project itself uses for a known value, so that every encoder
worth its name finds it; what an encoder makes of other words is measured, not tested
(tests/bench/custom_values.py).
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from chat_app.chat.conversations import open_conversation
from chat_app.chat.explained import as_data, in_a_sentence
from chat_app.chat.export import export_conversation
from chat_app.chat.once import reply_once
from chat_app.chat.profiles import load_profile, save_profile
from chat_app.chat.sampling import default_sampling
from chat_app.chat.scoring import pending_scores, score_message
from chat_app.chat.send import Finished, Started, send
from chat_app.chat.studio import Studio
from chat_app.chat.transcript import import_transcript, verify_transcript
from chat_app.chat.turns import past_vector
from chat_app.cli import app
from chat_app.db.conversations import get_message
from chat_app.values.custom import CustomValueError
from chat_app.values.phrases import PHRASES
from chat_app.values.profile import Profile
from tests.command_line import one_sentence, run
from tests.talks import measure, new_talk, say

CARE = "mft/care-harm"
OWN = f"custom/{PHRASES[CARE]}"
NASTY = 'custom/=<script>alert("1")</script>, {{x}} ${y} *bold*'


def turn(studio: Studio, profile: Profile) -> tuple[str, str]:
    """A stored turn under ``profile``: its conversation and its reply."""
    sampling = default_sampling(studio.settings, seed=1)
    events = list(send(studio, "Should I lend my brother money?", profile, sampling=sampling))
    started, finished = events[0], events[-1]
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert finished.error is None
    return started.conversation_id, finished.message_id


def test_a_values_own_phrase_is_read_as_that_value(studio: Studio) -> None:
    custom = studio.custom(OWN)
    assert custom.values[0].value == CARE
    assert custom.values[0].weight == 1.0
    assert "near Care / harm" in in_a_sentence(custom)
    data = json.loads(json.dumps(as_data(custom)))
    assert data["value"] == OWN
    assert data["texts"][0]["rated_for"] in studio.vidb.values
    assert studio.custom(OWN) is custom


def test_its_direction_is_near_the_values_own(studio: Studio) -> None:
    found = studio.directions_of([OWN, CARE, "svt/power"])
    own, care, power = (found[v].buffer().data.ravel() for v in (OWN, CARE, "svt/power"))

    def cosine(other: np.ndarray) -> float:
        return float(own @ other / np.linalg.norm(own) / np.linalg.norm(other))

    assert cosine(care) > 0.5 > cosine(power)
    assert found[OWN].layers == found[CARE].layers
    assert found[OWN].norm == pytest.approx(found[CARE].norm, rel=1e-3)


def test_a_turn_is_steered_scored_stored_and_made_again(studio: Studio) -> None:
    conversation, reply = turn(studio, Profile("mine", {OWN: 6, "svt/power": -4}))
    assert pending_scores(studio, conversation) == [reply]
    scores = score_message(studio, reply)
    assert [(s.value, s.target) for s in scores] == [(OWN, 6), ("svt/power", -4)]
    assert scores[0].stderr > studio.custom(OWN).error
    assert pending_scores(studio, conversation) == []
    assert score_message(studio, reply) == scores

    with studio.database.read() as session:
        message = get_message(session, reply)
    assert message.steering is not None
    assert set(message.steering["coefficients"]) == {OWN, "svt/power"}
    studio.past_vectors.clear()
    again = past_vector(studio, message)
    assert again is not None
    assert again.hash == message.vector_hash


def test_opposite_targets_give_opposite_vectors(studio: Studio) -> None:
    up, down = (studio.compose(Profile("p", {OWN: t})).vector for t in (6, -6))
    assert up is not None
    assert down is not None
    assert np.allclose(up.buffer().data, -down.buffer().data)


def test_the_prompt_method_says_the_words(studio: Studio) -> None:
    profile = Profile("mine", {"custom/spending as little as possible": 8}, method="prompt")
    once = reply_once(studio, "A new coat?", profile, default_sampling(studio.settings, seed=1))
    assert once.vector is None
    assert once.composition.system_prompt == (
        "Answer as a person who strongly values spending as little as possible."
    )


def test_words_near_nothing_end_a_turn_with_the_sentence(studio: Studio) -> None:
    profile = Profile("junk", {"custom/the number seven": 6})
    events = list(send(studio, "Hello?", profile))
    assert isinstance(events[-1], Finished)
    assert events[-1].status == "failed"
    assert "“the number seven” lies no nearer" in (events[-1].error or "")
    with pytest.raises(CustomValueError):
        studio.directions_of(["custom/the number seven"])


def test_any_words_survive_every_format(database) -> None:
    profile = Profile("mine", {NASTY: 6})
    save_profile(database, profile)
    assert load_profile(database, "mine") == profile
    talk = new_talk(database)
    _, reply = say(database, talk, "Well?", "So it is.", profile=profile)
    measure(database, reply, NASTY, 4.2)
    words = NASTY.removeprefix("custom/")

    data = json.loads(export_conversation(database, talk, "json"))
    assert verify_transcript(data) == []
    (copy,) = [m for m in data["messages"] if m["role"] == "assistant"]
    assert copy["profile"]["targets"] == {NASTY: 6}
    view = open_conversation(database, import_transcript(database, data))
    assert view.messages[-1].profile.targets == {NASTY: 6}
    assert view.messages[-1].scores[0].value == NASTY

    rows = list(csv.DictReader(io.StringIO(export_conversation(database, talk, "csv"))))
    assert NASTY in {row["value"] for row in rows}
    page = export_conversation(database, talk, "html")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert r"\<script\>" in export_conversation(database, talk, "md")
    assert json.dumps(words)[1:-1] in export_conversation(database, talk, "jsonl")


def test_an_altered_target_is_found_out(database) -> None:
    talk = new_talk(database)
    say(database, talk, "Well?", "So it is.", profile=Profile("mine", {"custom/thrift": 6}))
    text = export_conversation(database, talk, "json").replace("custom/thrift", "custom/waste")
    assert verify_transcript(json.loads(text)) != []


# On the command line: in this process, since each new one would import torch again


@pytest.fixture
def valueflow(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command with the studio that all tests share in the place of a new one."""
    monkeypatch.setattr("chat_app.chat.studio.Studio", lambda settings: studio)

    def run(*args: str) -> Result:
        return CliRunner().invoke(app, list(args), catch_exceptions=False)

    return run


def test_a_profile_is_saved_shown_and_explained(valueflow) -> None:
    saved = valueflow("profile", "save", "mine", "--set", f"{OWN}=6", "--set", "power=-2")
    assert f"“{PHRASES[CARE]}” is read as near Care / harm" in saved.stderr
    shown = valueflow("profile", "show", "mine").stdout
    assert OWN in shown
    assert "+6" in shown
    own, power = json.loads(valueflow("profile", "explain", "mine", "--json").stdout)
    assert own["values"][0]["value"] == CARE
    assert own["error"] > 0
    assert power["value"] == "svt/power"
    assert "nearest texts" in valueflow("profile", "explain", "mine").stdout


def test_words_near_nothing_are_not_saved(valueflow) -> None:
    with pytest.raises(CustomValueError, match="“asdf qwer” lies no nearer"):
        valueflow("profile", "save", "junk", "--set", "custom/asdf qwer=6")
    assert "junk" not in valueflow("profile", "list").stdout


def test_reply_score_and_vectors_take_ones_own_words(valueflow, tmp_path: Path) -> None:
    args = ("reply", "Should I go?", "--set", f"{OWN}=6", "--max-tokens", "20", "--json")
    got = json.loads(valueflow(*args).stdout)
    assert got["vector"]["hash"]
    assert got["scores"][OWN]["target"] == 6
    scored = valueflow("score", "I gave it all away.", "--value", OWN, "--json")
    assert set(json.loads(scored.stdout)["scores"]) == {OWN}
    out = tmp_path / "own.gguf"
    valueflow("vectors", "export", OWN, "--out", str(out))
    assert out.stat().st_size > 1000


def test_an_encoder_that_is_not_there_gets_one_sentence() -> None:
    for args in (("score", "hello"), ("profile", "explain", "--set", "custom/thrift=1")):
        said = one_sentence(run(*args, "--hives", "/no/such/folder", code=1))
        assert "/no/such/folder" in said
    assert "/no/such.csv" in one_sentence(run("score", "hi", "--vidb", "/no/such.csv", code=1))
