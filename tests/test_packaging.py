"""The package as it is installed: its data, its declared dependencies, its set-up."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import chat_app

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def requirement_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported_packages(folder: Path) -> set[str]:
    """Top-level names of every absolute import in a folder's Python files."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.split(".")[0])
    return names


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split(";")[0].strip() for line in lines if line and not line.startswith("#")]
    return {requirement_name(pin): pin.partition("==")[2] for pin in pins}


def test_every_import_is_a_declared_dependency():
    distributions = metadata.packages_distributions()
    declared = {requirement_name(r) for r in PROJECT["dependencies"]}
    ours = {"chat_app"} | set(sys.stdlib_module_names)
    missing = {
        name
        for name in imported_packages(ROOT / "chat_app") - ours
        if not declared & {requirement_name(d) for d in distributions.get(name, [name])}
    }
    assert not missing


def test_every_dependency_is_pinned_to_what_is_installed():
    pins = constraints()
    for requirement in [*PROJECT["dependencies"], *OPTIONAL["dev"]]:
        name = requirement_name(requirement)
        assert metadata.version(name).split("+")[0] == pins[name]


def test_torch_is_pinned_exactly():
    assert "torch==2.13.0" in PROJECT["dependencies"]


def test_version_is_the_installed_one():
    assert metadata.version("valueflow-chat") == chat_app.__version__


def test_set_up_is_skipped_when_nothing_changed(tmp_path):
    """A second `make setup` does nothing; a touched pin makes it due again."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / ".venv").mkdir()
    stamp = tmp_path / ".venv" / ".set-up"
    stamp.touch()

    def due() -> bool:
        command = ["make", "--question", "setup"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1

    assert not due()
    later = stamp.stat().st_mtime + 10
    os.utime(tmp_path / "constraints.txt", (later, later))
    assert due()


def test_set_up_names_what_is_missing(tmp_path):
    """Without cmake on the path, set-up stops with one sentence that says so."""
    for tool in ("sh", "make", "g++", "python3"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tmp_path / tool).symlink_to(found.stdout.strip())
    run = subprocess.run(
        ["make", "tools", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("cmake is needed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The project's wheel, built without network."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_wheel_holds_the_code_and_the_built_in_files(wheel):
    names = set(wheel.namelist())
    assert "chat_app/cli/__init__.py" in names
    assert "chat_app/_data/models/vidb-seed.csv" in names
    assert "chat_app/_data/models/builtin-chat.gguf" in names
    assert any(n.startswith("chat_app/_data/models/hives-mini/") for n in names)
    assert any(n.startswith("chat_app/_data/migrations/versions/") for n in names)
    assert any(n.startswith("chat_app/_data/static/") for n in names)


def test_wheel_leaves_the_workshop_out(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"chat_app", f"valueflow_chat-{chat_app.__version__}.dist-info"}
