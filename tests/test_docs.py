"""The documentation is true: its commands run, its links lead somewhere, its names exist."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chat_app.chat.curated import curated_models
from chat_app.settings import Settings
from chat_app.values.profile import Profile
from tests.command_line import VALUEFLOW
from tests.hub_server import LocalHub
from tests.parquet import write_parquet
from tests.random_families import write_qwen3

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUPS = ("profile", "vectors", "vidb", "hives", "models")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The ``valueflow ...`` lines of the shell blocks, as words."""
    lines = "".join(blocks(text, "sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("valueflow ")]


def test_the_commands_of_the_readme_run(tmp_path):
    """All of them, in order, in one empty folder."""
    found = commands(README)
    assert len(found) >= 8
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _, *args in found:
        done = subprocess.run([VALUEFLOW, *args], cwd=tmp_path, env=env, capture_output=True)
        assert done.returncode == 0, (args, done.stderr.decode())
    assert (tmp_path / "kind.json").is_file()
    assert (tmp_path / "benevolence.gguf").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_running_text_exist(page):
    """Every `valueflow COMMAND --option` that a page names is in that command's help."""
    named = re.findall(r"`valueflow ([a-z]+)([^`]*)`", page.read_text(encoding="utf-8"))
    for command, rest in sorted(set(named)):
        inner = re.match(r" ([a-z-]+)", rest) if command in GROUPS else None
        words = [command, inner[1]] if inner else [command]
        done = subprocess.run([VALUEFLOW, *words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, words
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in done.stdout, (words, option)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_the_commands_of_the_models_page_run(hub: LocalHub, tmp_path: Path):
    """All of them, in order, against a hub on this computer that has tiny files of those names."""
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    hub.model("Qwen/Qwen3-4B-GGUF", {"Qwen3-4B-Q4_K_M.gguf": write_qwen3(tmp_path / "q.gguf")})
    ratings = {"text": ["Help her.", "Walk on."], "final_rating": [8, -6]}
    table = write_parquet(tmp_path / "benevolence.parquet", ratings)
    hub.dataset("snu-aidas/vidb-filtered", {"data/benevolence.parquet": table})
    said = {}
    for _, *args in commands(text):
        done = subprocess.run([VALUEFLOW, *args], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (args, done.stderr)
        said[" ".join(args[:2])] = done.stdout + done.stderr
    assert "architecture   qwen3, 3 layers" in said["models info"]
    assert "are free again" in said["models remove"]
    assert "no commercial use" in said["vidb describe"]
    for model in curated_models():
        assert f"`{model.source}`" in text


def test_the_readme_names_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", " ".join(blocks(README, "sh")))) <= targets
    assert {"chat", "test", "setup", "lint", "clean", "help"} <= targets


def test_the_readme_names_settings_that_exist():
    named = {name.lower() for name in re.findall(r"VALUEFLOW_([A-Z_]+)", README)}
    assert named
    assert named - {"judge_key"} <= set(Settings.model_fields)  # a secret is kept nowhere


def test_the_python_of_the_evaluation_page_runs(capsys):
    (example,) = blocks((ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8"), "python")
    exec(example, {})
    printed = capsys.readouterr().out.replace("(", "").replace(")", "").replace(",", "").split()
    intensity, stderr, low, high = map(float, printed)
    assert -10 <= low <= intensity <= high <= 10
    assert 0 < stderr < 10


def test_the_profile_in_the_formats_is_one():
    (example,) = blocks((ROOT / "docs" / "formats.md").read_text(encoding="utf-8"), "json")
    profile = Profile.from_json(example)
    assert profile.to_json() == json.loads(example)


def test_the_rooms_in_how_it_works_exist():
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    rooms = re.findall(r"`([a-z_]+/|[a-z_]+\.py|[a-z_]+/[a-z_]+\.py)`", text)
    folders = (ROOT / "chat_app", ROOT)
    assert rooms
    assert not [room for room in rooms if not any((f / room).exists() for f in folders)]
