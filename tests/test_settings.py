from pathlib import Path

import pytest

from chat_app.errors import ValueflowError
from chat_app.settings import data_path, settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("HOME", "DATABASE_URL", "PORT", "MODEL", "N_CTX", "KV_TYPE", "N_SLOTS"):
        monkeypatch.delenv(f"VALUEFLOW_{name}", raising=False)


def test_home_decides_where_everything_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("VALUEFLOW_HOME", str(tmp_path))
    found = settings()
    assert found.database() == f"sqlite:///{tmp_path}/valueflow.db"
    assert found.vectors_dir == tmp_path / "vectors"
    assert found.cache_dir == tmp_path / "cache"


def test_reading_settings_makes_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VALUEFLOW_HOME", str(tmp_path / "new"))
    settings().database()
    assert not (tmp_path / "new").exists()


def test_relative_home_is_fixed_when_it_is_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VALUEFLOW_HOME", "here")
    assert settings().home == tmp_path / "here"


def test_home_may_be_written_with_a_tilde(monkeypatch):
    monkeypatch.setenv("VALUEFLOW_HOME", "~/chat")
    assert settings().home == Path.home() / "chat"


def test_database_url_wins_over_home(monkeypatch):
    monkeypatch.setenv("VALUEFLOW_DATABASE_URL", "postgresql://me@box/chat")
    assert settings().database() == "postgresql://me@box/chat"


def test_an_empty_variable_counts_as_none(monkeypatch):
    monkeypatch.setenv("VALUEFLOW_PORT", "")
    assert settings().port == 7860


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PORT", "http", "a valid integer"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("N_CTX", "7", "greater than or equal to 64"),
        ("KV_TYPE", "q5", "'f16', 'q8_0' or 'q4_0'"),
        ("FLASH_ATTENTION", "yes", "'auto', 'on' or 'off'"),
        ("N_SLOTS", "0", "greater than or equal to 1"),
    ],
)
def test_a_bad_variable_is_one_sentence_that_names_it(monkeypatch, name, value, wanted):
    monkeypatch.setenv(f"VALUEFLOW_{name}", value)
    with pytest.raises(ValueflowError) as caught:
        settings()
    message = str(caught.value)
    assert message.startswith(f"VALUEFLOW_{name} is '{value}': it must be")
    assert wanted in message
    assert "\n" not in message


def test_what_is_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("VALUEFLOW_PORT", "8000")
    assert settings(port=9000).port == 9000


def test_the_files_that_come_along_are_there():
    assert data_path("models", "vidb-seed.csv").is_file()
    assert data_path("migrations", "versions").is_dir()


def test_a_setting_that_there_is_not_is_named():
    with pytest.raises(ValueflowError, match="no setting 'temprature'"):
        settings(temprature=1)
