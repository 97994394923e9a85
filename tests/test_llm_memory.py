"""What a model takes in memory, beside what llama.cpp says of the same file."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.llm import bindings
from chat_app.llm.context import Context, EngineError
from chat_app.llm.context_options import ContextOptions, KvType, flash_attention_used
from chat_app.llm.devices import Device
from chat_app.llm.gguf_header import read_header
from chat_app.llm.kv import kv_bytes_per_token
from chat_app.llm.memory import Need, allocated, fitting_layers, need
from chat_app.llm.model import ChatModel
from tests.random_models import write_llama, write_mamba, write_plamo2

GB = 2**30
NEED = Need(weights=12 * GB, layers=(GB,) * 10, output=GB // 4, cache=(GB // 2,) * 10)


def _card(free: float, kind: str = "gpu", total: float = 80) -> Device:
    return Device("CUDA0", "a card", kind, int(free * GB), int(total * GB))


@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
@pytest.mark.parametrize("n_ctx", [100, 256, 1000])
def test_cache_of_the_builtin_model(chat_model: ChatModel, n_ctx: int, kv_type: KvType) -> None:
    found = need(read_header(chat_model.info.path), n_ctx=n_ctx, kv_type=kv_type)
    context = Context(chat_model, n_ctx=n_ctx, n_seq=4, options=ContextOptions(kv_type=kv_type))
    said = re.search(r"llama_kv_cache: size = *([\d.]+) MiB", bindings.recent_log())
    context.close()
    assert said
    assert sum(found.cache) / 2**20 == pytest.approx(float(said[1]), abs=0.006)


@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
def test_bytes_of_one_token(tmp_path: Path, chat_model: ChatModel, kv_type: KvType) -> None:
    for model in (chat_model, ChatModel.load(write_plamo2(tmp_path / "plamo2.gguf"))):
        found = need(read_header(model.info.path), n_ctx=512, kv_type=kv_type)
        assert kv_bytes_per_token(model.numbers_per_cell, kv_type) * 512 == sum(found.cache)


def test_weights_are_all_of_the_file(tmp_path: Path, builtin_model: Path) -> None:
    paths = [builtin_model, write_llama(tmp_path / "l.gguf"), write_plamo2(tmp_path / "p.gguf")]
    for path in paths:
        header = read_header(path)
        found = need(header, n_ctx=256)
        assert found.weights == sum(t.n_bytes for t in header.tensors)
        whole = found.on_card(len(found.layers) + 1) - sum(found.cache)
        # all but the embeddings go to a card, and those, too, where they serve as the output
        (embeddings,) = [t.n_bytes for t in header.tensors if t.name == "token_embd.weight"]
        own = any(t.name == "output.weight" for t in header.tensors)
        assert whole == found.weights - (embeddings if own else 0)
        assert len(found.layers) == header.metadata[f"{header.architecture}.block_count"]


def test_recurrent_layers_keep_no_keys(tmp_path: Path) -> None:
    assert sum(need(read_header(write_mamba(tmp_path / "m.gguf")), n_ctx=512).cache) == 0
    recurrent, attending = need(read_header(write_plamo2(tmp_path / "p.gguf")), n_ctx=512).cache
    assert recurrent == 0
    assert attending == 512 * 4 * (16 + 16) * 2


def test_layers_on_a_card_by_hand() -> None:
    assert NEED.on_card(0) == 0
    assert NEED.on_card(1) == GB // 4
    assert NEED.on_card(3) == GB // 4 + 2 * (GB + GB // 2)
    # 1.5 GB stay free, the output takes a quarter, and each layer with its cache 1.5 GB
    assert fitting_layers(NEED, [_card(1.7)], 0) == 0
    assert fitting_layers(NEED, [_card(1.8)], 0) == 1
    assert fitting_layers(NEED, [_card(1.75 + 4 * 1.5 + 0.1)], 0) == 5
    assert fitting_layers(NEED, [_card(80)], 0) == 11
    assert fitting_layers(NEED, [_card(4), _card(4)], 0) == 4
    # a row of logits for each of 512 tokens: 150,000 * 512 * 4 bytes are 0.29 GB
    assert fitting_layers(NEED, [_card(2)], 150_000) == 0
    assert fitting_layers(NEED, [_card(2.1)], 150_000) == 1


def test_only_cards_take_layers() -> None:
    processor, helper = _card(64, kind="cpu"), _card(64, kind="accelerator")
    assert fitting_layers(NEED, [processor, helper], 0) == 0
    assert fitting_layers(NEED, [processor, _card(64, kind="integrated gpu")], 0) == 11
    assert fitting_layers(NEED, [processor, _card(0, total=0)], 0) == 11


@given(
    layers=st.lists(st.integers(0, 10**9), max_size=8),
    free=st.lists(st.integers(0, 20 * GB), min_size=1, max_size=3),
    more=st.integers(0, 10 * GB),
)
def test_more_room_holds_more_layers(layers: list[int], free: list[int], more: int) -> None:
    found = Need(10**10, tuple(layers), 10**8, tuple(n // 3 for n in layers))
    cards = [Device("CUDA0", "", "gpu", n, 80 * GB) for n in free]
    n = fitting_layers(found, cards, 1000)
    assert 0 <= n <= len(layers) + 1
    assert found.on_card(n) <= sum(free)
    cards[0] = replace(cards[0], free=cards[0].free + more)
    assert fitting_layers(found, cards, 1000) >= n


def test_what_llama_took_is_added_up(chat_model: ChatModel) -> None:
    lines = [
        "llama_context:  CUDA_Host  output buffer size =     0.50 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =   100.00 MiB",
        "llama_kv_cache:        CPU KV buffer size =    28.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   250.00 MiB",
    ]
    assert allocated("\n".join(lines)) == {"cache": 128 * 2**20, "workspace": 501 * 2**19}
    Context(chat_model, n_ctx=512).close()
    found = allocated(bindings.recent_log())
    wanted = sum(need(read_header(chat_model.info.path), n_ctx=512).cache)
    assert found["cache"] == pytest.approx(wanted, abs=6000)
    assert found["workspace"] > 512 * chat_model.n_vocab


@pytest.mark.parametrize(
    ("options", "used"),
    [
        (ContextOptions(flash_attention="on"), True),
        (ContextOptions(flash_attention="off"), False),
        (ContextOptions(kv_type="q8_0"), True),
    ],
)
def test_whether_flash_attention_is_used(
    chat_model: ChatModel, options: ContextOptions, used: bool
) -> None:
    Context(chat_model, n_ctx=256, options=options).close()
    assert flash_attention_used(bindings.recent_log()) is used


def test_llama_chooses_flash_attention_itself(chat_model: ChatModel) -> None:
    Context(chat_model, n_ctx=256).close()
    log = bindings.recent_log()
    assert flash_attention_used(log) == ("Flash Attention enabled" in log)
    assert flash_attention_used("nothing of it") is None


@pytest.mark.parametrize("options", [{"flash_attention": "off", "kv_type": "q4_0"}])
def test_a_small_cache_needs_flash_attention(options: dict[str, str]) -> None:
    with pytest.raises(Exception, match="kept as q4_0 needs flash attention, which is off"):
        ContextOptions(**options)  # type: ignore[arg-type]


def test_a_cache_that_a_model_cannot_have(tmp_path: Path) -> None:
    model = ChatModel.load(write_llama(tmp_path / "narrow.gguf", n_embd=64))  # heads 16 wide
    with pytest.raises(EngineError, match="cannot be kept as q8_0, since the width of its heads"):
        Context(model, n_ctx=256, options=ContextOptions(kv_type="q8_0"))


@pytest.mark.parametrize(("kv_type", "most"), [("q8_0", 0.1), ("q4_0", 0.5)])
def test_small_caches_change_the_logits_little(
    chat_model: ChatModel, kv_type: KvType, most: float
) -> None:
    tokens = chat_model.tokenize("They should help their brother because family matters most.")
    rows = []
    for options in (ContextOptions(), ContextOptions(kv_type=kv_type)):
        context = Context(chat_model, n_ctx=256, options=options)
        context.decode(tokens, range(len(tokens)), logits=[len(tokens) - 1])
        rows.append(context.logits())
        context.close()
    exact, rough = rows
    assert exact.argmax() == rough.argmax()
    assert 0 < abs(exact - rough).max() < most * exact.std()
