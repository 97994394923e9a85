"""The models on this computer: what is found where, what is said of each, what is left alone."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import gguf
import pytest

from chat_app.chat.model_library import choose_model, details, library, remove
from chat_app.errors import ValueflowError
from chat_app.llm import bindings
from chat_app.llm.devices import Device
from chat_app.llm.engine import Engine
from chat_app.llm.estimate import Estimate, estimate, free_memory, shortage
from chat_app.llm.facts import facts_of, model_facts, model_header
from chat_app.llm.found import found_models, named
from chat_app.llm.gguf_header import GgufError
from chat_app.llm.memory import allocated
from chat_app.llm.model import ChatModel
from chat_app.llm.sources import SourceError, resolve_model
from chat_app.settings import settings
from tests.hub_server import LocalHub
from tests.random_families import write_gemma3, write_llama3, write_qwen3

GB = 10**9


@pytest.fixture
def computer(hub: LocalHub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home folder in which every program that keeps models has some."""
    person = tmp_path / "person"
    for variable in ("OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(person))
    (home / "models").mkdir()
    write_llama3(home / "models" / "mine.gguf", seed=1)
    studio = person / ".lmstudio" / "models" / "maker" / "Tiny-Gemma-GGUF"
    studio.mkdir(parents=True)
    write_gemma3(studio / "tiny-gemma-Q8_0.gguf", seed=2)
    write_llama3(studio / "big.gguf", seed=3, tensors_a_part=20)
    _ollama(person / ".ollama" / "models", write_qwen3(tmp_path / "tiny-qwen.gguf", seed=4))
    cache = person / ".cache" / "llama.cpp"
    cache.mkdir(parents=True)
    write_qwen3(cache / "maker_tiny-Q4_K_M.gguf", seed=5)
    return person


def _ollama(folder: Path, model: Path) -> None:
    """Put ``model`` into Ollama's store as tiny-qwen:0.1b."""
    digest = "a" * 64
    (folder / "blobs").mkdir(parents=True)
    shutil.move(model, folder / "blobs" / f"sha256-{digest}")
    manifest = folder / "manifests" / "registry.ollama.ai" / "library" / "tiny-qwen" / "0.1b"
    manifest.parent.mkdir(parents=True)
    kind = "application/vnd.ollama.image"
    layers = [
        {"mediaType": f"{kind}.template", "digest": f"sha256:{'b' * 64}", "size": 3},
        {"mediaType": f"{kind}.model", "digest": f"sha256:{digest}", "size": 5},
    ]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))


def test_models_of_other_programs_are_found_and_untouched(computer: Path, home: Path) -> None:
    before = {path: path.stat() for path in sorted(computer.rglob("*")) if path.is_file()}
    found = library(settings(home=home))
    assert [(each.place, each.name) for each in found] == [
        ("Built in", "Built-in model"),
        ("Models folder", "mine"),
        ("LM Studio", "maker/Tiny-Gemma-GGUF/big"),
        ("LM Studio", "maker/Tiny-Gemma-GGUF/tiny-gemma-Q8_0"),
        ("Ollama", "tiny-qwen:0.1b"),
        ("llama.cpp", "maker_tiny-Q4_K_M"),
    ]
    assert [each.in_use for each in found] == [True] + [False] * 5
    big = next(each for each in found if each.name.endswith("big"))
    assert big.path.name == "big-00001-of-00002.gguf"
    assert big.size == sum(p.stat().st_size for p in big.path.parent.glob("big-*.gguf"))
    for each in found[1:]:
        assert resolve_model(each.source) == each.path
        with pytest.raises(ValueflowError, match="not fetched by this program"):
            remove(settings(home=home), each.source, force=True)
    assert before == {path: path.stat() for path in sorted(computer.rglob("*")) if path.is_file()}


def test_a_name_that_is_shown_is_enough(computer: Path, home: Path) -> None:
    folder = home / "models"
    assert named("MINE.gguf", found_models(folder))[0].path == folder / "mine.gguf"
    assert resolve_model("tiny-qwen:0.1b").name.startswith("sha256-")
    model = ChatModel.load(resolve_model("tiny-qwen:0.1b"), cache_dir=home)
    assert model.info.name == "Tiny Qwen3"
    model.close()
    shutil.copy(folder / "mine.gguf", computer / ".cache" / "llama.cpp" / "mine.gguf")
    with pytest.raises(SourceError, match=r"mine may be any of .*mine\.gguf.*give the path"):
        resolve_model("mine", models_dir=folder)
    chosen = choose_model(settings(home=home), "tiny-qwen:0.1b")
    assert Path(chosen.model).name.startswith("sha256-")
    assert settings(home=home).model == chosen.model
    assert settings(home=home, model="builtin").model == "builtin"


@pytest.mark.parametrize(
    "spoil",
    ["half of it is missing", "no vocabulary", "an embedding model", "a vision part", "a vector"],
)
def test_only_whole_chat_models_are_offered(tmp_path: Path, spoil: str) -> None:
    path = _spoilt(tmp_path, spoil)
    assert path.is_file()
    assert found_models(path.parent) == []


def _spoilt(tmp_path: Path, spoil: str) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / ("mmproj-a.gguf" if spoil == "a vision part" else "a.gguf")
    if spoil in ("half of it is missing", "a vision part"):
        whole = write_qwen3(path).read_bytes()
        path.write_bytes(whole if spoil == "a vision part" else whole[: len(whole) // 2])
        return path
    writer = gguf.GGUFWriter(str(path), "controlvector" if spoil == "a vector" else "qwen3")
    writer.add_block_count(2)
    if spoil == "an embedding model":
        writer.add_token_list(["a", "b"])
        writer.add_pooling_type(gguf.PoolingType.LAST)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_name_that_is_no_text_and_a_damaged_note_hide_no_other_model(
    computer: Path, home: Path
) -> None:
    before = library(settings(home=home))
    # the byte E9, an é of another encoding than the system's
    shutil.copy(home / "models" / "mine.gguf", home / "models" / "caf\udce9.gguf")
    deep = computer / ".ollama" / "models" / "manifests" / "host" / "library" / "deep" / "1"
    deep.parent.mkdir(parents=True)
    deep.write_text("[" * 100_000)
    assert library(settings(home=home)) == before


@pytest.mark.parametrize("key", ["block_count", "context_length", "attention.head_count_kv"])
@pytest.mark.parametrize("said", ["x", ["x"], [[1]], 1.5, float("nan"), -1, None])
def test_a_head_that_says_no_number_is_damaged(tmp_path: Path, key: str, said: object) -> None:
    header = model_header(write_qwen3(tmp_path / "a.gguf"))
    header = replace(header, metadata=header.metadata | {f"qwen3.{key}": said})
    with pytest.raises(GgufError, match=r"a\.gguf is a damaged GGUF file: its"):
        estimate(header, n_ctx=512)
    header.metadata["qwen3.block_count"] = 2**31
    with pytest.raises(GgufError, match="lacks 2,147,483,648 layers"):
        facts_of(header)


def test_facts_from_the_head_alone(tmp_path: Path) -> None:
    found = model_facts(write_gemma3(tmp_path / "g-IQ2_XS.gguf"))
    loaded = ChatModel.load(found.path, cache_dir=tmp_path)
    assert (found.title, found.architecture, found.licence) == ("Tiny Gemma 3", "gemma3", "gemma")
    assert (found.n_params, found.n_layer) == (loaded.n_params, loaded.n_layer)
    assert (found.n_ctx_train, found.quantisation) == (loaded.n_ctx_train, "F16")
    assert (found.has_template, found.parts) == (True, 1)
    loaded.close()
    assert not model_facts(write_llama3(tmp_path / "l.gguf", template=None)).has_template


def test_a_model_in_parts(tmp_path: Path) -> None:
    whole = write_llama3(tmp_path / "whole.gguf", seed=8)
    first = write_llama3(tmp_path / "split.gguf", seed=8, tensors_a_part=20)
    assert first.name == "split-00001-of-00002.gguf"
    second = first.with_name("split-00002-of-00002.gguf")
    assert resolve_model(str(second)) == first
    found, same = model_facts(first), model_facts(whole)
    assert (found.parts, found.n_params, found.licence) == (2, same.n_params, same.licence)
    models = [ChatModel.load(path, cache_dir=tmp_path) for path in (first, whole)]
    assert [model.info.name for model in models] == ["split", "whole"]
    assert models[0].info.sha256 != models[1].info.sha256
    tokens = [model.tokenize("in the end") for model in models]
    assert tokens[0] == tokens[1]
    for model in models:
        model.close()
    second.unlink()
    assert found_models(tmp_path)[0].path == whole
    with pytest.raises(GgufError, match=r"split-00002-of-00002\.gguf does not exist"):
        model_facts(first)


@pytest.mark.parametrize("n_ctx", [512, 4096])
@pytest.mark.parametrize("write", [write_llama3, write_qwen3, write_gemma3])
def test_the_estimate_is_what_llama_cpp_takes(tmp_path: Path, write, n_ctx: int) -> None:
    path = write(tmp_path / "tiny.gguf")
    expected = estimate(model_header(path), n_ctx=n_ctx, n_slots=5)
    model = ChatModel.load(path, cache_dir=tmp_path)
    bindings.clear_recent_log()
    engine = Engine(model, n_ctx=n_ctx, n_slots=5)
    taken = allocated(bindings.recent_log())
    assert expected.weights == model.n_bytes
    assert expected.cache == pytest.approx(taken["cache"], rel=0.005)
    assert expected.workspace == pytest.approx(taken["workspace"], rel=0.06)
    engine.close()
    model.close()


def test_what_does_not_fit_is_said(home: Path) -> None:
    needs = Estimate(weights=5 * GB, cache=GB, workspace=GB)
    card = Device("CUDA0", "a card", "gpu", 2 * GB, 8 * GB)
    assert shortage(needs, [], 8 * GB) is None
    assert shortage(needs, [card], 6 * GB) is None
    said = shortage(needs, [card], 4 * GB)
    assert said
    assert said.startswith(
        "It needs about 7.0 GB of memory, and 4.0 GB and 2.0 GB on the graphics card are free now"
    )
    assert shortage(needs, [], 0) is None  # nobody knows
    assert 10**8 < free_memory() < 10**14
    assert details(settings(home=home), "builtin").warning is None
    huge = details(settings(home=home), "builtin", n_ctx=10**6)
    assert huge.n_ctx == huge.facts.n_ctx_train == 2048


def test_what_is_not_here_or_damaged_is_not_chosen(
    hub: LocalHub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(home=home)
    with pytest.raises(ValueflowError, match="fetch it with `valueflow models pull a/b:Q4_0`"):
        choose_model(given, "a/b:Q4_0")
    torn = write_qwen3(tmp_path / "torn.gguf")
    torn.write_bytes(torn.read_bytes()[:9000])
    with pytest.raises(GgufError, match=r"torn\.gguf is cut off"):
        choose_model(given, str(torn))
    assert settings(home=home).model == "builtin"
    monkeypatch.setenv("VALUEFLOW_MODEL", "builtin")
    with pytest.raises(ValueflowError, match="VALUEFLOW_MODEL chooses the model now"):
        choose_model(given, "builtin")
    assert hub.asked == []
