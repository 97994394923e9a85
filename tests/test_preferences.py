"""Settings that a person changes on the page: kept in the data folder, below the environment."""

import json
from pathlib import Path

import pytest

from chat_app.chat.conversations import open_conversation
from chat_app.chat.preferences import preferences, save_preferences
from chat_app.chat.sampling import default_sampling
from chat_app.chat.scoring import score_message
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.settings import save_settings, settings, settings_file
from chat_app.ui.chat_panel import rows
from chat_app.ui.scorer import Scorer
from tests.talks import new_talk, say


def test_what_is_saved_holds_at_the_next_start_below_everything_else(home: Path, monkeypatch):
    save_settings(home, {"top_k": 7, "temperature": 0.2})
    assert settings().top_k == 7
    assert settings(top_k=9).top_k == 9
    monkeypatch.setenv("VALUEFLOW_TOP_K", "8")
    found = settings()
    assert (found.top_k, found.temperature) == (8, 0.2)
    assert settings(home=home.parent).temperature == 0.7


def test_only_what_the_page_may_change_is_taken_from_the_file(home: Path):
    settings_file(home).write_text(json.dumps({"port": 1, "top_k": 3}))
    assert (settings().port, settings().top_k) == (7860, 3)


@pytest.mark.parametrize("text", ["not json", "[1, 2]", '{"top_p": 3}', '{"ranker": "coin"}'])
def test_a_file_that_is_wrong_is_named(home: Path, text: str):
    settings_file(home).write_text(text)
    with pytest.raises(ValueflowError, match=r"settings\.json"):
        settings()


def test_a_change_holds_for_the_next_reply_and_defaults_are_not_kept(home: Path):
    studio = Studio(settings(home=home))
    saved = save_preferences(studio, {"top_k": 5, "seed": 11, "n_ctx": 2048})
    assert set(saved.changed) == {"top_k", "seed", "n_ctx"}
    assert saved.waiting == ()  # no model is loaded that could have other settings
    sampling = default_sampling(studio.settings)
    assert (sampling.top_k, sampling.seed) == (5, 11)
    assert settings(home=home).n_ctx == 2048
    save_preferences(studio, {"top_k": 40, "seed": None})
    assert json.loads(settings_file(home).read_text()) == {"n_ctx": 2048}


def test_what_a_loaded_model_was_loaded_with_waits(studio: Studio):
    assert save_preferences(studio, {"n_threads": 1, "top_p": 0.5}).waiting == ("n_threads",)


def test_a_number_out_of_its_range_changes_nothing(home: Path):
    studio = Studio(settings(home=home))
    with pytest.raises(ValueflowError, match="top_p"):
        save_preferences(studio, {"top_p": 2, "top_k": 1})
    assert studio.settings.top_k == 40
    assert not settings_file(home).exists()


def test_what_the_environment_sets_is_locked(home: Path, monkeypatch):
    monkeypatch.setenv("VALUEFLOW_TOP_K", "8")
    studio = Studio(settings(home=home))
    assert preferences(studio)["top_k"].locked == "VALUEFLOW_TOP_K"
    assert save_preferences(studio, {"top_k": 1, "top_p": 0.5}).changed == ("top_p",)
    assert studio.settings.top_k == 8


def test_with_scoring_off_nothing_is_measured_by_itself(studio: Studio):
    talk = new_talk(studio.database)
    _, reply = say(studio.database, talk, "Shall I?", "I would help her with all my heart.")
    studio.use_settings(studio.settings.model_copy(update={"scoring": False}))
    scorer = Scorer(studio)
    assert not scorer.ensure(talk)
    assert "“all values”" in str(scorer.why_not(reply))
    shown = str(rows(open_conversation(studio.database, talk), why_not=scorer.why_not))
    assert "→</span> not measured" in shown
    assert len(score_message(studio, reply)) == 2  # on demand it is
