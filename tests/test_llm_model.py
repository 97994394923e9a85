"""Loading models, and refusing what cannot serve as one."""

import hashlib
import json
import logging
from pathlib import Path

import pytest

import chat_app.llm.checksums as checksums
from chat_app.llm.checksums import file_sha256
from chat_app.llm.hub import HubError
from chat_app.llm.model import ChatModel, ModelError
from chat_app.llm.sources import resolve_model
from chat_app.settings import data_path
from tests.random_models import write_llama, write_mamba, write_plamo2


def test_builtin_model(chat_model: ChatModel, builtin_model: Path) -> None:
    info = chat_model.info
    assert info.name == "builtin-chat"
    assert info.architecture == "llama"
    assert info.has_template
    assert info.steerable
    assert info.sha256 == hashlib.sha256(builtin_model.read_bytes()).hexdigest()
    assert info.n_layer >= 4
    assert 4e6 < info.n_params < 12e6


@pytest.mark.parametrize(
    "text", ["", "Hi there.", "naïve café, 日本語 🙂", "a\n\n  b", "<|im_end|>"]
)
def test_tokens_spell_the_text(chat_model: ChatModel, text: str) -> None:
    tokens = chat_model.tokenize(text)
    assert b"".join(chat_model.piece(t) for t in tokens).decode() == text


def test_control_tokens_only_where_asked(chat_model: ChatModel) -> None:
    assert "<|im_end|>" in chat_model.control_texts
    (special,) = chat_model.tokenize("<|im_end|>", special=True)
    assert chat_model.ends_reply(special)
    assert chat_model.piece(special) == b""
    assert special not in chat_model.tokenize("<|im_end|>")


def test_without_template(tmp_path: Path) -> None:
    model = ChatModel.load(write_llama(tmp_path / "bare.gguf", template=None))
    assert not model.info.has_template
    assert model.render([{"role": "user", "content": "Hi"}], True).startswith("<|im_start|>user")


def test_an_architecture_that_takes_no_vector(tmp_path: Path) -> None:
    assert not ChatModel.load(write_plamo2(tmp_path / "plamo2.gguf")).info.steerable


@pytest.mark.parametrize(("n_layer", "steerable"), [(1, False), (2, True), (5, True)])
def test_the_first_layer_takes_no_vector(tmp_path: Path, n_layer: int, steerable: bool) -> None:
    model = ChatModel.load(write_llama(tmp_path / "tiny.gguf", n_layer=n_layer, n_embd=32))
    assert model.info.steerable == steerable


def test_recurrent_models_take_a_vector(tmp_path: Path) -> None:
    assert ChatModel.load(write_mamba(tmp_path / "mamba.gguf")).info.steerable


def test_a_model_that_computes_no_numbers(tmp_path: Path) -> None:
    path = write_llama(tmp_path / "nan.gguf", scale=float("nan"))
    with pytest.raises(ModelError, match=r"nan\.gguf computes no numbers \(NaN\)"):
        ChatModel.load(path)


def test_silent_tokens_are_those_without_a_text(chat_model: ChatModel) -> None:
    silent = set(chat_model.silent_tokens.tolist())
    for token in range(chat_model.n_vocab):
        bare = chat_model.piece(token) == b"" and not chat_model.ends_reply(token)
        assert bare == (token in silent)


def test_first_and_single_bytes(chat_model: ChatModel) -> None:
    pieces = [chat_model.piece(t) for t in range(chat_model.n_vocab)]
    assert chat_model.first_bytes.tolist() == [p[0] if p else -1 for p in pieces]
    alone = [pieces[t] for t in chat_model.single_bytes]
    assert sorted(alone) == sorted({p for p in pieces if len(p) == 1})


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        ChatModel.load(tmp_path / "gone.gguf")


def test_truncated(tmp_path: Path, builtin_model: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(builtin_model.read_bytes()[: builtin_model.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"half\.gguf is cut off"):
        ChatModel.load(path)


def test_unknown_architecture(tmp_path: Path) -> None:
    path = write_llama(tmp_path / "odd.gguf", architecture="llamoid")
    with pytest.raises(ModelError, match="architecture 'llamoid'"):
        ChatModel.load(path)


def test_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no vocabulary"):
        ChatModel.load(write_llama(tmp_path / "mute.gguf", vocabulary=False))


def test_control_vector_is_no_model(tmp_path: Path) -> None:
    path = write_llama(tmp_path / "v.gguf", architecture="controlvector")
    with pytest.raises(ModelError, match="holds a controlvector"):
        ChatModel.load(path)


def test_other_failures_say_why(tmp_path: Path, builtin_model: Path) -> None:
    # a whole file whose weights contradict its header
    content = builtin_model.read_bytes()
    key = b"llama.feed_forward_length"
    at = content.index(key) + len(key) + 4
    path = tmp_path / "odd.gguf"
    path.write_bytes(content[:at] + (99).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(ModelError, match=r"cannot be loaded by llama\.cpp: .*shape") as error:
        ChatModel.load(path)
    assert "no reason" not in str(error.value)


def test_llama_log_stays_off_the_terminal(
    random_model_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="valueflow.llama"):
        ChatModel.load(random_model_path).close()
    assert capfd.readouterr() == ("", "")
    assert caplog.records
    assert all(r.levelno == logging.DEBUG for r in caplog.records if r.name == "valueflow.llama")


def test_large_files_are_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builtin_model: Path
) -> None:
    monkeypatch.setattr(checksums, "_REMEMBER_FROM", 10)
    path, cache = tmp_path / "large.bin", tmp_path / "cache"
    path.write_bytes(b"x" * 100)
    digest = file_sha256(path, cache)
    assert digest == hashlib.sha256(b"x" * 100).hexdigest()
    remembered = json.loads((cache / "sha256.json").read_text())
    remembered[str(path)]["sha256"] = "remembered"
    (cache / "sha256.json").write_text(json.dumps(remembered))
    assert file_sha256(path, cache) == "remembered"
    path.write_bytes(b"y" * 101)
    assert file_sha256(path, cache) == hashlib.sha256(b"y" * 101).hexdigest()
    (cache / "sha256.json").write_text("not json")
    assert file_sha256(path, cache) == hashlib.sha256(b"y" * 101).hexdigest()


def test_resolve(random_model_path: Path, tmp_path: Path) -> None:
    assert resolve_model("builtin") == data_path("models", "builtin-chat.gguf")
    assert resolve_model(str(random_model_path)) == random_model_path
    with pytest.raises(HubError, match="no model file"):
        resolve_model(str(tmp_path / "gone.gguf"))


def test_resolve_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="cannot be reached"):
        resolve_model("nobody/nothing:nowhere.gguf")
