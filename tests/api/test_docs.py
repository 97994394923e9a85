"""docs/api.md is true: its examples and README's run, and it tells of every field and code."""

import re
import subprocess
from pathlib import Path

import pytest

from chat_app.api.requests import ChatRequest, Steering
from tests.test_docs import blocks

FOLDER = Path(__file__).parents[2]
PAGE = (FOLDER / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"


def test_the_examples_in_python_run(api, capsys):
    examples = blocks(PAGE, "python")
    names: dict = {}
    for example in examples:
        exec(example.replace(ADDRESS, api.address), names)
    printed = capsys.readouterr().out
    assert len(examples) >= 5
    assert "svt/benevolence: asked +6, measured" in printed
    assert "'lend':" in printed
    assert "invalid_profile valueflow.profile" in printed


def test_the_example_of_the_readme_runs(api, capsys):
    examples = blocks((FOLDER / "README.md").read_text(encoding="utf-8"), "python")
    (example,) = [each for each in examples if ADDRESS in each]
    exec(example.replace(ADDRESS, api.address), {})
    assert "'target': -4.0" in capsys.readouterr().out


@pytest.mark.parametrize("example", blocks(PAGE, "sh"))
def test_the_commands_run(api, example):
    script = "set -e -o pipefail\n" + example.replace(ADDRESS, api.address)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert '"error"' not in done.stdout


def test_every_code_and_field_is_told_of():
    sources = "".join(path.read_text() for path in (FOLDER / "chat_app" / "api").glob("*.py"))
    called = re.findall(r"\b(?:refused|ApiError)\((.*?)\n? *\)", sources, re.DOTALL)
    listed = re.findall(r"^    \(\w+, \d{3}, .*$", sources, re.MULTILINE)
    codes = set(re.findall(r'"([a-z]+_[a-z_]+)"', "".join((*called, *listed))))
    fields = {*ChatRequest.model_fields, *Steering.model_fields}
    known = {name for name in codes if name not in fields and name != "response_format"}
    assert "context_length_exceeded" in known
    assert [name for name in (*known, *fields) if f"`{name}" not in PAGE] == []
