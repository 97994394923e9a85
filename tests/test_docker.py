"""The image: linted, complete, run by nobody special, published to this computer alone."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def steps(word: str) -> list[str]:
    """What follows an instruction's name, its lines joined, in order."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE))
    return re.findall(rf"^{word} (.*)$", joined, flags=re.MULTILINE)


def test_hadolint_has_nothing_to_say():
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([tool, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_is_let_through_and_is_all_that_a_wheel_needs():
    copied = {name for step in steps("COPY") if "--from" not in step for name in step.split()[:-1]}
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["only-include"], project["project"]["readme"], "pyproject.toml"}
    assert copied == {*needed, *project["project"]["license-files"], "constraints.txt"}


def test_nothing_else_of_a_checkout_reaches_the_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith(("#", "!"))]
    assert rules[0] == "*"
    assert any(fnmatch.fnmatch("chat_app/__pycache__", rule) for rule in rules[1:])


def test_the_runtime_is_no_builder_and_runs_as_nobody_special():
    stages = [step.split(" AS ") for step in steps("FROM")]
    names = [name for _, name in stages]
    assert stages[-1] == ["runtime-${CUDA}", "runtime"]
    assert {"builder-on", "builder-off", "runtime-on", "runtime-off"} < set(names)
    runtime = DOCKERFILE[DOCKERFILE.index("AS runtime\n") :]
    assert not re.search(r"\b(g\+\+|cmake|make|gcc)\b", runtime)
    assert steps("USER") == ["10001"]
    assert runtime.index("USER 10001") < runtime.index("ENTRYPOINT")


def test_data_port_and_health():
    (env,) = [step for step in steps("ENV") if "VALUEFLOW_HOME" in step]
    settings = dict(pair.split("=", 1) for pair in env.split())
    assert steps("VOLUME") == [settings["VALUEFLOW_HOME"]] == ["/data"]
    assert settings["HF_HOME"].startswith("/data/")
    assert steps("EXPOSE") == [settings["VALUEFLOW_PORT"]]
    assert settings["VALUEFLOW_HOST"] == "0.0.0.0"
    (check,) = steps("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    compile(command[-1], "health", "exec")


def test_versions_are_the_pinned_ones():
    assert any("PIP_CONSTRAINT=/src/constraints.txt" in step for step in steps("ENV"))
    assert any("-DGGML_NATIVE=off" in step for step in steps("RUN"))


@pytest.mark.parametrize("name", ["chat", "chat-gpu"])
def test_compose_publishes_to_this_computer_and_keeps_the_data(name):
    service = COMPOSE["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert [port.rpartition(":")[2] for port in service["ports"]] == steps("EXPOSE")
    assert service["volumes"] == ["data:/data"]
    assert "data" in COMPOSE["volumes"]
    assert service["cap_drop"] == ["ALL"]


def test_only_the_service_with_a_card_has_one_and_is_in_its_profile():
    plain, card = COMPOSE["services"]["chat"], COMPOSE["services"]["chat-gpu"]
    assert "deploy" not in plain
    assert "profiles" not in plain
    assert card["profiles"] == ["gpu"]
    assert card["build"]["args"] == {"CUDA": "on"}
    assert card["build"]["args"].keys() <= {step.partition("=")[0] for step in steps("ARG")}
    (device,) = card["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
