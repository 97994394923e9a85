"""``valueflow reply``, ``score`` and ``vectors`` with the real built-in model."""

import json
import signal
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from chat_app.steering.control_vector import ControlVector
from tests.command_line import VALUEFLOW, one_sentence, run
from tests.random_models import write_babbler

QUESTION = "Should I lend my brother money?"


@pytest.fixture(scope="module")
def kept(tmp_path_factory, shared_cache):
    """A data folder for the module; what is dear to compute is made once for all tests."""
    home = tmp_path_factory.mktemp("kept")
    (home / "cache").symlink_to(shared_cache)
    return home


def reply(kept, *args: str) -> dict:
    done = run("reply", QUESTION, "--max-tokens", "40", "--json", *args, home=kept)
    return json.loads(done.stdout)


def test_json_is_one_object_with_everything_about_the_reply(kept):
    got = reply(kept, "--set", "svt/benevolence=6", "--set", "power=-4", "--seed", "1")
    assert set(got) == {*("reply", "scores", "system_prompt", "vector", "model", "seed", "timings")}
    assert got["reply"].strip()
    assert set(got["scores"]) == {"svt/benevolence", "svt/power"}
    assert got["scores"]["svt/power"]["target"] == -4
    for score in got["scores"].values():
        assert set(score) == {"target", "intensity", "stderr"}
        assert -10 <= score["intensity"] <= 10
        assert score["stderr"] > 0
    assert set(got["vector"]) == {"hash", "norm", "layers"}
    assert got["vector"]["norm"] > 0
    assert got["vector"]["layers"]
    assert set(got["model"]) == {"name", "sha256", "n_params"}
    assert len(got["model"]["sha256"]) == 64
    assert got["seed"] == 1
    timings = {"load_s", "ttft_s", "prompt_tokens", "reply_tokens", "tokens_per_s"}
    assert set(got["timings"]) == timings
    assert 0 < got["timings"]["reply_tokens"] <= 40


def test_the_seed_decides_the_reply_streamed_or_whole(kept):
    whole = reply(kept, "--set", "hedonism=7", "--seed", "5")
    other = reply(kept, "--set", "hedonism=7", "--seed", "6")
    assert other["reply"] != whole["reply"]
    streamed = run(
        *("reply", QUESTION, "--max-tokens", "40", "--set", "hedonism=7", "--seed", "5"), home=kept
    )
    assert streamed.stdout == whole["reply"] + "\n"
    measured = whole["scores"]["svt/hedonism"]["intensity"]
    assert f"svt/hedonism asked +7, measured {measured:+.1f}" in streamed.stderr


def test_an_unsteered_reply_has_no_vector_and_no_scores_and_tells_its_seed(kept):
    drawn = reply(kept)
    assert drawn["vector"] == {"hash": None, "norm": 0.0, "layers": []}
    assert drawn["scores"] == {}
    assert reply(kept, "--seed", str(drawn["seed"]))["reply"] == drawn["reply"]


def test_the_prompt_method_uses_no_vector_and_is_scored(kept):
    got = reply(kept, "--set", "benevolence=6", "--method", "prompt", "--seed", "1")
    assert got["vector"]["hash"] is None
    assert got["scores"]["svt/benevolence"]["target"] == 6
    # The question alone is shorter than with the sentence that asks for the value.
    unsteered = reply(kept, "--seed", "1")
    assert got["timings"]["prompt_tokens"] > unsteered["timings"]["prompt_tokens"]


def test_a_profile_comes_from_a_file_or_by_name_and_set_goes_on_top(kept, tmp_path):
    run("profile", "save", "kind", "--set", "benevolence=8", home=kept)
    file = tmp_path / "kind.json"
    run("profile", "export", "kind", "--out", str(file), home=kept)
    options = ("--set", "benevolence=2", "--set", "face=1", "--seed", "3")
    by_name = reply(kept, "--profile", "kind", *options)
    by_file = reply(kept, "--profile", str(file), *options)
    assert by_name["vector"] == by_file["vector"]
    assert by_name["reply"] == by_file["reply"]
    targets = {value: score["target"] for value, score in by_name["scores"].items()}
    assert targets == {"svt/benevolence": 2, "svt/face": 1}


def test_text_is_read_from_a_pipe(kept):
    args = ("--max-tokens", "10", "--seed", "1")
    piped = run("reply", "-", *args, typed=QUESTION + "\n", home=kept)
    assert piped.stdout == run("reply", QUESTION, *args, home=kept).stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--set", "benevolense=3"], "svt/benevolence"),
        (["--set", "benevolence=11"], "11"),
        (["--profile", "nobody"], "nobody"),
        (["--method", "magic"], "magic"),
        (["--vector", "nothing"], "nothing"),
        (["--model", "missing.gguf"], "missing.gguf"),
        (["--model", "pyproject.toml"], "pyproject.toml"),
        (["--temperature", "1e9"], "temperature"),
    ],
)
def test_bad_input_gets_one_sentence(kept, args, said):
    assert said in one_sentence(run("reply", "hello", *args, code=1, home=kept))


def test_nothing_to_say_gets_one_sentence(kept):
    assert "text" in one_sentence(run("reply", code=1, home=kept))
    assert "text" in one_sentence(run("score", "  ", code=1, home=kept))


def test_a_truncated_model_gets_one_sentence(kept, builtin_model, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(builtin_model.read_bytes()[:1_000_000])
    said = one_sentence(run("reply", "hello", "--model", str(cut), code=1, home=kept))
    assert "cut.gguf" in said


def test_ctrl_c_ends_quietly(tmp_path):
    model = write_babbler(tmp_path / "babbler.gguf")
    process = subprocess.Popen(
        [VALUEFLOW, "reply", QUESTION, "--model", model, "--max-tokens", "3000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What a shell starts in the background ignores it, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.read(1)  # it is writing
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == b""


def test_score_of_a_text(kept):
    text = "I gave my neighbour my last loaf, because caring for others comes first."
    values = ("--value", "benevolence", "--value", "svt/power")
    got = json.loads(run("score", *values, "--json", typed=text, home=kept).stdout)
    assert got["text"] == text
    assert set(got["scores"]) == {"svt/benevolence", "svt/power"}
    assert set(got["scores"]["svt/power"]) == {"intensity", "stderr"}


def test_score_table_of_all_values(kept):
    lines = run("score", "Rules are there to be kept.", home=kept).stdout.splitlines()
    assert sum("/" in line for line in lines) == 32


# Control vectors


@pytest.fixture(scope="module")
def exported(kept, tmp_path_factory):
    out = tmp_path_factory.mktemp("vectors") / "kindness.gguf"
    run("vectors", "export", "svt/benevolence", "--out", str(out), home=kept)
    return out


def test_vectors_are_built_for_all_values(kept):
    built = json.loads(run("vectors", "build", "--json", home=kept).stdout)
    assert len(built["vectors"]) == 32
    assert all(v["norm"] > 0 and v["layers"] for v in built["vectors"])


def test_a_profile_exported_and_imported_again_steers_as_it_did(kept, exported, tmp_path):
    out = tmp_path / "mine.gguf"
    run("vectors", "export", "--set", "benevolence=-5", "--out", str(out), home=kept)
    run("vectors", "import", str(out), home=kept)
    (listed,) = json.loads(run("vectors", "list", "--json", home=kept).stdout)
    assert listed["name"] == "mine"
    assert listed["problem"] is None
    asked = reply(kept, "--set", "benevolence=-5", "--seed", "2")
    added = reply(kept, "--vector", "mine", "--seed", "2")
    assert added["vector"] == asked["vector"]
    assert added["reply"] == asked["reply"]

    against, whole = ControlVector.from_gguf(out), ControlVector.from_gguf(exported)
    wanted = -against.norm / whole.norm * whole
    for layer, direction in against.directions.items():
        np.testing.assert_allclose(direction, wanted.directions[layer], rtol=1e-3, atol=1e-5)


def test_a_range_of_layers_is_exported(kept, exported, tmp_path):
    whole, out = ControlVector.from_gguf(exported), tmp_path / "last.gguf"
    last = whole.layers[-1]
    args = ("vectors", "export", "svt/benevolence", "--out", str(out), "--layers")
    run(*args, f"{last}-99", home=kept)
    assert ControlVector.from_gguf(out) == whole.within(last, last)
    assert f"it has {whole.layers[0]}" in one_sentence(run(*args, "98-99", code=1, home=kept))
    assert "--layers" in run(*args, "some", code=2, home=kept).stderr


def test_a_vector_of_another_file_of_the_model_is_taken_where_one_insists(kept, exported, tmp_path):
    file, whole = tmp_path / "q4.gguf", ControlVector.from_gguf(exported)
    assert len(whole.model_sha256) == 64
    replace(whole, model_sha256="f" * 64).to_gguf(file)
    said = one_sentence(run("vectors", "import", str(file), code=1, home=kept))
    assert "ffffffffffff" in said
    assert whole.model_sha256[:12] in said
    run("vectors", "import", str(file), "--any-file", home=kept)
    assert reply(kept, "--vector", "q4=0.2", "--seed", "2")["vector"]["layers"] == [*whole.layers]


def test_a_vector_of_another_model_is_refused_by_its_sizes(kept, chat_model, tmp_path):
    other = chat_model.n_embd * 2
    file = tmp_path / "other.gguf"
    directions = {1: np.ones(other, np.float32)}
    ControlVector("llama", chat_model.n_layer, other, directions).to_gguf(file)
    said = one_sentence(run("vectors", "import", str(file), code=1, home=kept))
    assert f"{other} dimensions" in said
    assert str(chat_model.n_embd) in said


def test_a_vector_of_too_many_layers_is_refused(kept, chat_model, tmp_path):
    file = tmp_path / "deep.gguf"
    deep = chat_model.n_layer + 4
    directions = {deep - 1: np.ones(chat_model.n_embd, np.float32)}
    ControlVector("llama", deep, chat_model.n_embd, directions).to_gguf(file)
    assert "layer" in one_sentence(run("vectors", "import", str(file), code=1, home=kept))


def test_a_vector_listed_for_another_model_says_why_not(kept, exported, random_model_path):
    run("vectors", "import", str(exported), "--name", "for-builtin", home=kept)
    listed = run("vectors", "list", "--model", str(random_model_path), "--json", home=kept)
    problems = {row["name"]: row["problem"] for row in json.loads(listed.stdout)}
    assert "64" in problems["for-builtin"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["import", "README.md"], "README.md"),
        (["import", "missing.gguf"], "missing.gguf"),
        (["import", "models/builtin-chat.gguf"], "control vector"),
        (["export", "svt/conservation", "--out", "x.gguf"], "svt/conservation"),
        (["export", "nothing", "--out", "x.gguf"], "nothing"),
    ],
)
def test_bad_vectors_get_one_sentence(kept, args, said):
    assert said in one_sentence(run("vectors", *args, code=1, home=kept))


def test_a_vector_name_cannot_leave_the_folder(kept, exported):
    args = ("vectors", "import", str(exported), "--name", "../../out")
    assert "name" in one_sentence(run(*args, code=1, home=kept))
