"""The chat from Python: what it says, measures, keeps in memory and writes where it is told to."""

import json
import subprocess
import sys

import pytest

from chat_app import Session
from chat_app.chat.conversations import list_conversations
from chat_app.chat.replay import replay
from chat_app.chat.transcript import read_transcript, verify_transcript
from chat_app.errors import ValueflowError
from chat_app.steering.control_vector import ControlVector
from chat_app.values.profile import Profile
from tests.other_programs import chatgpt_zip
from tests.test_docs import ROOT, blocks


@pytest.fixture
def chat(studio):
    with Session(studio=studio, seed=5, profile={"benevolence": 6}) as session:
        yield session


def test_the_package_itself_is_light():
    code = (
        "import sys, chat_app; heavy = {'torch', 'llama_cpp', 'sqlalchemy', 'pydantic', 'gradio'};"
        "print(sorted(heavy & set(sys.modules)), chat_app.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ")
    with pytest.raises(AttributeError, match="nothing_of_it"):
        __import__("chat_app").nothing_of_it  # noqa: B018


def test_a_reply_and_its_scores(chat, studio):
    reply = chat.say("Should I lend my brother money?", max_tokens=30)
    assert reply.text == str(reply) == chat.history[-1].text
    assert (reply.seed, reply.notes) == (5, ())
    score = reply.scores["svt/benevolence"]
    assert (score.target, -10 <= score.intensity <= 10) == (6, True)
    assert set(reply.score("power", "mft/care-harm")) == {"svt/power", "mft/care-harm"}
    assert {s.value for s in chat.history[-1].scores} > {"svt/benevolence", "mft/care-harm"}
    assert list_conversations(studio.database) == []  # that is the stored one


def test_streaming_ends_where_the_loop_is_left(chat):
    pieces = chat.stream("Tell me a long story.", max_tokens=200)
    begun = next(pieces)
    pieces.close()
    assert chat.last.text.startswith(begun)
    assert chat.last.view.status == "stopped"
    whole = "".join(chat.stream("Go on.", max_tokens=12))
    assert chat.last.text == whole
    assert [m.role for m in chat.history] == ["user", "assistant"] * 2


def test_seeds_profiles_and_methods(chat):
    first = chat.say("Why help?", seed=9, max_tokens=30)
    assert chat.again(seed=9, max_tokens=30).text == first.text
    assert len(chat.history[1].siblings) == 2
    chat.profile = None
    assert dict(chat.profile.targets) == {}
    chat.profile = Profile("hard", {"svt/power": 9}, method="prompt")
    assert chat.method == "prompt"
    assert chat.vector is None
    chat.method = "vector"
    assert dict(chat.profile.targets) == {"svt/power": 9}
    chat.profile = json.dumps(Profile("kind", {"svt/benevolence": 3}).to_json())
    assert chat.profile.name == "kind"
    with pytest.raises(ValueflowError, match="kindliness"):
        chat.profile = {"kindliness": 3}
    with pytest.raises(ValueflowError, match="empty"):
        chat.say(" ")
    chat.new()
    assert chat.history == ()
    with pytest.raises(ValueflowError, match="no reply"):
        chat.again()


def test_compared_replies_leave_the_conversation_alone(chat):
    chat.say("Hello.", max_tokens=8)
    before = chat.history
    one, other = chat.compare("Shall I fire him?", [{"benevolence": 8}, {"power": 8}], seed=2)
    assert one.text != other.text
    assert one.seed == other.seed == 2
    assert set(one.scores) == {"svt/benevolence"}
    assert chat.history == before


def test_vectors_come_out(chat, tmp_path):
    chat.vector.to_gguf(tmp_path / "kind.gguf")
    assert ControlVector.from_gguf(tmp_path / "kind.gguf") == chat.vector
    assert chat.direction("power").model_sha256 == chat.studio.model.info.sha256
    found = chat.score("I always help my friends.", "benevolence")
    assert found["svt/benevolence"] > 0


def test_what_is_saved_is_verified_replayed_and_goes_on(chat, studio, tmp_path):
    with pytest.raises(ValueflowError, match="Nothing was said"):
        chat.save(tmp_path / "talk.json")
    chat.say("Should I lend my brother money?", max_tokens=30)
    chat.say("Why?", max_tokens=30)
    file = chat.save(tmp_path / "talk.json")
    data = read_transcript(file.read_text())
    assert verify_transcript(data) == []
    assert replay(studio, data).complete
    assert "lend my brother" in chat.save(tmp_path / "talk.md").read_text()
    with pytest.raises(ValueflowError, match="ends in none"):
        chat.save(tmp_path / "talk.doc")
    with Session(studio=studio) as later:
        later.load(file)
        assert later.last.text == chat.last.text
        later.say("Thank you.", max_tokens=8)
        assert len(later.history) == 6
    export = tmp_path / "export.zip"
    export.write_bytes(chatgpt_zip())
    chat.load(export)
    assert chat.history[-1].text == "Very kind."
    with pytest.raises(ValueflowError, match="cannot be read"):
        chat.load(tmp_path / "missing.json")


def test_a_data_folder_keeps_it(tmp_path, shared_cache):
    home = tmp_path / "kept"
    home.mkdir()
    (home / "cache").symlink_to(shared_cache, target_is_directory=True)
    with Session(home=home, max_tokens=8) as chat:
        chat.say("Hello.")
        assert [c.title for c in list_conversations(chat.studio.database)] == ["Hello."]
    assert (home / "valueflow.db").is_file()


def test_in_memory_nothing_but_caches_is_written(home, chat):
    chat.say("A secret.", max_tokens=8)
    written = [path for path in home.iterdir() if path.name != "cache"]
    assert not any(b"A secret." in path.read_bytes() for path in written)


def test_the_examples_of_the_page_and_of_readme_run(tmp_path, monkeypatch, capsys):
    """All of them, in order, in one namespace and an empty folder."""
    monkeypatch.chdir(tmp_path)
    examples = blocks((ROOT / "docs" / "python.md").read_text(encoding="utf-8"), "python")
    assert len(examples) >= 7
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    assert "svt/benevolence" in capsys.readouterr().out
    (example,) = [
        each
        for each in blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python")
        if "Session" in each
    ]
    exec(example, {})
    assert "svt/benevolence" in capsys.readouterr().out
    assert verify_transcript(read_transcript((tmp_path / "talk.json").read_text())) == []
    assert ControlVector.from_gguf(tmp_path / "kind.gguf") == names["vector"]
