"""The models that the page offers, and what it says of the one that is loaded."""

from pathlib import Path

from chat_app.chat.models import known_models, loaded_model, remember_model
from chat_app.chat.send import send
from chat_app.chat.studio import Studio
from chat_app.llm.engine import Sampling
from chat_app.settings import settings
from chat_app.values.profile import Profile


def test_files_and_what_was_used_lately_are_offered_once(home: Path):
    given = settings(home=home)
    assert known_models(given) == [("Built-in model", "builtin")]
    (home / "models").mkdir()
    small, other = home / "models" / "small.gguf", home / "other.gguf"
    for file in (small, other):
        file.write_bytes(b"GGUF")
    remember_model(given, str(small))
    remember_model(given, str(other))
    remember_model(given, "org/repo:file.gguf")
    found = [source for _, source in known_models(given)]
    assert found == ["builtin", "org/repo:file.gguf", str(other), str(small)]
    other.unlink()
    assert str(other) not in [source for _, source in known_models(given)]
    (home / "recent-models.json").write_text('{"no": [')
    assert known_models(given) == [("Built-in model", "builtin"), ("small.gguf", str(small))]


def test_nothing_is_known_before_it_is_loaded_and_its_speed_after_a_reply(studio: Studio):
    assert loaded_model(Studio(studio.settings)) is None
    before = loaded_model(studio)
    assert before is not None
    assert before.tokens_per_s is None
    assert before.file_bytes > 1_000_000
    assert before.steerable
    plain = Profile("plain", {}, method="none")
    list(send(studio, "Should I go?", plain, sampling=Sampling(seed=1, max_tokens=30)))
    after = loaded_model(studio)
    assert after is not None
    assert after.tokens_per_s is not None
    assert after.tokens_per_s > 1
