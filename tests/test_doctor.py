"""The doctor: what the chat runs on and with, and what is wrong."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from chat_app.doctor import Finding, examine, problems
from chat_app.llm.gguf_header import read_header
from chat_app.llm.memory import need
from chat_app.settings import settings
from tests.random_models import write_llama, write_plamo2


def _by_topic(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.topic: finding for finding in findings}


def test_what_the_chat_runs_with(builtin_model: Path) -> None:
    findings = examine(settings(n_ctx=1024, n_slots=3, n_threads=1, kv_type="q8_0"))
    found = _by_topic(findings)
    assert problems(findings) == []
    json.dumps([asdict(finding) for finding in findings], allow_nan=False)
    assert found["steering"].details == {"steerable": True}
    assert found["threads"].details == {"reply": 1, "prompt": 1}
    assert found["context"].details == {
        "n_ctx": 1024,
        "n_slots": 3,
        "flash_attention": True,
        "kv_type": "q8_0",
    }
    assert "1024 tokens a conversation, 3 conversations at once" in found["context"].found
    memory = found["memory"].details
    header = read_header(builtin_model)
    one = sum(need(header, n_ctx=1024, kv_type="q8_0").cache)
    assert one <= memory["cache"] <= 4 * one
    assert memory["weights"] == sum(tensor.n_bytes for tensor in header.tensors)
    devices = [f.details for f in findings if f.topic == "device"]
    assert any(device["kind"] == "cpu" and device["total"] > 0 for device in devices)
    layers = found["layers"].details
    assert layers["layers"] == header.metadata["llama.block_count"] + 1
    offload = found["llama.cpp"].details["gpu_offload"]
    assert layers["on_gpu"] == (layers["layers"] if offload else 0)


def test_a_model_that_takes_no_vector(tmp_path: Path) -> None:
    path = write_plamo2(tmp_path / "plamo2.gguf")
    found = _by_topic(examine(settings(model=str(path))))["steering"]
    assert found.problem
    assert "plamo2 cannot be steered by vectors (plamo2 does not apply them" in found.problem
    assert found.details == {"steerable": False}
    path = write_llama(tmp_path / "flat.gguf", n_layer=1)
    found = _by_topic(examine(settings(model=str(path))))["steering"]
    assert "has only one layer" in (found.problem or "")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"kv_type": "q8_0", "flash_attention": "off"}, "kept as q8_0 needs flash attention"),
        ({"kv_type": "q4_0"}, "cannot be kept as q4_0, since the width of its heads"),
    ],
)
def test_a_context_that_cannot_be_is_named_and_the_rest_still_looked_at(
    tmp_path: Path, given: dict[str, str], wrong: str
) -> None:
    narrow = write_llama(tmp_path / "narrow.gguf")  # heads 16 wide
    findings = _by_topic(examine(settings(model=str(narrow), **given)))
    assert wrong in (findings["context"].problem or "")
    assert findings["chat model"].problem is None
    assert findings["anchors"].problem is None


def test_a_missing_model_is_a_finding() -> None:
    found = _by_topic(examine(settings(model="missing.gguf")))
    assert "missing.gguf" in (found["chat model"].problem or "")
    assert "encoder" in found
