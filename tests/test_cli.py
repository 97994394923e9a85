"""The command line as a person runs it: a process, its output, its exit code."""

import json
import re
import subprocess
import sys

import pytest

from chat_app.values.taxonomy import STEERED
from tests.command_line import VALUEFLOW, one_sentence, run

HEAVY = "torch sentence_transformers llama_cpp gradio sqlalchemy scipy sklearn numpy pandas"


# Help and usage


def test_help_imports_nothing_heavy():
    code = f"import sys, chat_app.cli; print(set('{HEAVY}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "command",
    [
        *("reply", "score", "values", "profile", "vectors", "conversations", "export", "import"),
        *("verify", "doctor", "serve"),
    ],
)
def test_every_command_has_help(command):
    assert f"valueflow {command}" in run(command, "--help").stdout


@pytest.mark.parametrize(
    "args",
    [
        ["sing"],
        ["values", "--colour"],
        ["reply", "hello", "--set", "benevolence"],
        ["reply", "hello", "--set", "benevolence=much"],
        ["export", "x", "--format", "pdf"],
        ["--port", "0"],
        ["--port", "7000", "doctor"],
        ["vectors", "export", "--out", "x.gguf"],
    ],
)
def test_mistyped_commands_exit_with_2(args):
    done = run(*args, code=2)
    assert "Usage" in done.stderr
    assert "Traceback" not in done.stderr


def test_version():
    assert re.fullmatch(r"valueflow \d+\.\d+\.\d+\n", run("--version").stdout)


def test_python_m_is_the_same_program():
    command = [sys.executable, "-m", "chat_app", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == run("--version").stdout


# Values


def test_values_lists_the_steered_ones():
    listed = json.loads(run("values", "--json").stdout)
    assert {entry["value"] for entry in listed} == set(STEERED)
    assert all(entry["definition"] for entry in listed)


def test_values_table_of_one_theory():
    out = run("values", "mft").stdout
    assert out.count("mft/") == 6
    assert "svt/" not in out
    assert "\x1b" not in out  # no colours where no terminal is


def test_values_tree_has_what_lies_between():
    out = run("values", "svt", "--tree").stdout
    assert "Self-transcendence" in out
    assert "Dependability" in out


def test_unknown_theory():
    assert "'foo'" in one_sentence(run("values", "foo", code=1))


def test_a_closed_pipe_is_quiet():
    done = subprocess.run(
        f"{VALUEFLOW} values --tree --json | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""


# Profiles


def test_profile_from_saving_to_deleting(tmp_path):
    run("profile", "save", "kind", "--set", "benevolence=8", "--set", "svt/power=-4.5")
    (listed,) = json.loads(run("profile", "list", "--json").stdout)
    assert listed["targets"] == {"svt/benevolence": 8, "svt/power": -4.5}
    assert "kind" in run("profile", "list").stdout
    assert "svt/power" in run("profile", "show", "kind").stdout

    file = tmp_path / "kind.json"
    run("profile", "export", "kind", "--out", str(file))
    assert json.loads(file.read_text()) == listed
    assert json.loads(run("profile", "export", "kind").stdout) == listed
    assert json.loads(run("profile", "show", str(file), "--json").stdout) == listed

    run("profile", "delete", "kind")
    assert json.loads(run("profile", "list", "--json").stdout) == []
    run("profile", "import", str(file), "--name", "kinder")
    (again,) = json.loads(run("profile", "list", "--json").stdout)
    assert again == {**listed, "name": "kinder"}


def test_a_profile_is_shared_as_a_code_and_keeps_its_versions():
    run("profile", "save", "kind", "--set", "benevolence=8")
    code = run("profile", "code", "kind").stdout.strip()
    run("profile", "save", "kind", "--set", "benevolence=2", "--force")
    run("profile", "import", code, "--name", "kinder")
    assert "+8" in run("profile", "show", "kinder").stdout
    assert "damaged" in run("profile", "import", code[:-2], code=1).stderr

    newest, first = json.loads(run("profile", "versions", "kind", "--json").stdout)
    assert (newest["version"], newest["change"]) == (2, "Benevolence +8 → +2")
    assert first["profile"]["targets"] == {"svt/benevolence": 8.0}
    assert "Benevolence +8 → +2" in run("profile", "versions", "kind").stdout
    assert "no 3" in run("profile", "versions", "kind", "--restore", "3", code=1).stderr
    run("profile", "versions", "kind", "--restore", "1")
    assert "+8" in run("profile", "show", "kind").stdout


def test_a_stored_profile_is_replaced_only_by_force():
    run("profile", "save", "kind", "--set", "benevolence=8")
    refused = run("profile", "save", "kind", "--set", "benevolence=2", code=1)
    assert "--force" in one_sentence(refused)
    assert "+8" in run("profile", "show", "kind").stdout
    run("profile", "save", "kind", "--set", "benevolence=2", "--force")
    assert "+2" in run("profile", "show", "kind").stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["save", "x", "--set", "benevolense=3"], "svt/benevolence"),
        (["save", "x", "--set", "benevolence=10.5"], "10.5"),
        (["save", "x", "--set", "benevolence=nan"], "NaN"),
        (["save", "x", "--set", "benevolence=3", "--method", "magic"], "magic"),
        (["save", "x"], "--set"),
        (["show", "nobody"], "nobody"),
        (["delete", "nobody"], "nobody"),
        (["import", "missing.json"], "missing.json"),
    ],
)
def test_bad_profiles_get_one_sentence(args, said):
    assert said in one_sentence(run("profile", *args, code=1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSON"),
        ("[1, 2]", "object"),
        ('{"format": "valueflow.profile/1", "name": "x", "targets": {"svt/joy": 1}}', "svt/joy"),
        ('{"format": "valueflow.profile/1", "name": "x", "targets": {"power": 99}}', "99"),
        ('{"format": "valueflow.profile/9", "name": "x", "targets": {}}', "profile/9"),
        ("\x00\x01", "JSON"),
    ],
)
def test_broken_profile_files_are_named(tmp_path, text, said):
    file = tmp_path / "broken.json"
    file.write_text(text)
    sentence = one_sentence(run("profile", "import", str(file), code=1))
    assert "broken.json" in sentence
    assert said in sentence


def test_a_profile_file_that_is_no_text(tmp_path):
    file = tmp_path / "broken.json"
    file.write_bytes(b"\xff\xfe\x00\xd8")
    assert "UTF-8" in one_sentence(run("profile", "import", str(file), code=1))
