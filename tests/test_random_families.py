"""The random models of real families are what they say: llama.cpp loads them and writes text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.model import ChatModel
from tests.random_families import GEMMA_WITHOUT_SYSTEM, write_gemma3, write_llama3, write_qwen3

TURNS = [Turn("system", "Be kind."), Turn("user", "Hi"), Turn("assistant", "Yes?"),
         Turn("user", "in the end")]  # fmt: skip
RENDERED: dict[Callable[[Path], Path], str] = {
    write_llama3: "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind."
    "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    write_qwen3: "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n",
    write_gemma3: "<bos><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n",
}


@pytest.mark.parametrize("write", RENDERED, ids=lambda write: write.__name__)
def test_llama_cpp_reads_and_steers_them(write: Callable[[Path], Path], tmp_path: Path) -> None:
    model = ChatModel.load(write(tmp_path / "tiny.gguf"), cache_dir=tmp_path)
    assert model.info.has_template
    assert model.info.steerable
    assert write.__name__.startswith(f"write_{model.info.architecture}")
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS]
    assert model.render(messages, open_reply=True).startswith(RENDERED[write])
    engine = Engine(model, n_ctx=512, n_slots=2)
    reply = engine.reply(TURNS, Sampling(max_tokens=8, seed=1))
    assert reply.tokens
    assert np.isfinite(engine.next_logits(TURNS)).all()
    engine.close()
    model.close()


def test_a_system_text_that_the_template_refuses_is_folded(tmp_path: Path) -> None:
    path = write_gemma3(tmp_path / "tiny.gguf", template=GEMMA_WITHOUT_SYSTEM)
    model = ChatModel.load(path, cache_dir=tmp_path)
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS]
    assert model.render(messages, open_reply=True).startswith(RENDERED[write_gemma3])
    model.close()
