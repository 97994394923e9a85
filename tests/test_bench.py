"""``valueflow bench``, and the random model that it is run with."""

import json
import math
from pathlib import Path

import pytest

from chat_app.chat.bench import Bench, Lengths, Passages, Speeds
from chat_app.cli.bench import _rows
from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.model import ChatModel
from chat_app.vidb.loading import load_vidb
from tests.command_line import one_sentence, run
from training.make_bench_model import Shape, write

SHAPE = Shape(layers=3, width=128, hidden=256, vocabulary=6000, context=1024)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model to measure with, in small."""
    file = tmp_path_factory.mktemp("bench") / "small.gguf"
    write(file, SHAPE)
    return file


@pytest.fixture(scope="module")
def model(path: Path, shared_cache: Path) -> ChatModel:
    return ChatModel.load(path, cache_dir=shared_cache)


def test_the_random_model_is_what_it_is_said_to_be(model: ChatModel) -> None:
    info = model.info
    assert (info.n_layer, info.n_embd, model.n_vocab) == (3, 128, 6000)
    # queries and outputs, keys and values (half as many heads), feed-forward, two norms
    layer = 2 * 128 * 128 + 2 * 64 * 128 + 3 * 256 * 128 + 2 * 128
    assert info.n_params == 6000 * 128 + 3 * layer + 128
    assert info.steerable
    assert info.has_template


def test_it_reads_text_as_the_built_in_model_does(
    model: ChatModel, chat_model: ChatModel, path: Path
) -> None:
    for anchor in load_vidb().anchors[::50]:
        ours, theirs = model.tokenize(anchor.text), chat_model.tokenize(anchor.text)
        assert b"".join(map(model.piece, ours)).decode() == anchor.text
        assert 0.9 * len(theirs) <= len(ours) <= len(theirs)
    messages = [{"role": "user", "content": "Hello."}]
    assert model.render(messages, True) == chat_model.render(messages, True)


def test_it_never_ends_a_reply_by_itself(model: ChatModel) -> None:
    engine = Engine(model, n_ctx=512)
    for seed in range(4):
        drawn = engine.reply([Turn("user", "Hello.")], Sampling(seed=seed, max_tokens=100))
        assert (drawn.finish, drawn.reply_tokens) == ("length", 100)
    engine.close()


def test_passages_are_as_long_as_asked_and_begin_differently(chat_model: ChatModel) -> None:
    passages = Passages(chat_model, load_vidb())
    texts = [passages.take(n) for n in (8, 24, 500, 500)]
    lengths = [len(chat_model.tokenize(text)) for text in texts]
    assert lengths == pytest.approx([8, 24, 500, 500], abs=2)
    assert len({text[:8] for text in texts}) == 4


def test_lengths_fit_a_small_context() -> None:
    for n_ctx in (128, 512, 2048, 4096, 131072):
        lengths = Lengths.fitting(n_ctx)
        assert lengths.prompt + lengths.reply < n_ctx
        assert lengths.conversation < lengths.context <= n_ctx
        assert min(lengths.short, lengths.reply) >= 8


def test_the_built_in_model_writes_past_its_ends(chat_model: ChatModel) -> None:
    """What is measured must not depend on when a reply would have ended."""
    bench = Bench(chat_model, load_vidb(), n_threads=1)
    assert bench._reply(12, None, 250).reply_tokens == 250


def test_json_has_every_key(path: Path) -> None:
    done = run("bench", "--model", str(path), "--threads", "1", "--json")
    found = json.loads(done.stdout)
    assert list(found) == list(Speeds.__dataclass_fields__)
    assert list(found["conversations"]) == ["1", "2", "4", "8"]
    change = found.pop("set_vector_us")  # a difference, so on a busy computer of either sign
    rates = [*found.pop("conversations").values(), *found.values()]
    assert all(0 < rate < 1e9 for rate in rates)
    assert math.isfinite(change)
    assert "context of 1,024 tokens" in done.stderr
    assert "819 tokens long" in done.stderr


def test_without_json_it_is_a_table() -> None:
    speeds = Speeds(410.4, 90.25, 90.1, 0.5, 0.45, {1: 90.0, 8: 310.26}, 4.125, 21.5, 1500, 2711)
    rows = {what.strip(): (number, unit) for what, number, unit in _rows(speeds)}
    assert rows["reading a prompt"] == ("410", "tokens/s")
    assert rows["writing in 1 conversation"] == ("90.0", "tokens/s")
    assert rows["writing in 8 conversations"] == ("310.3", "tokens/s")
    assert rows["changing the vector"] == ("2711", "µs")
    assert len(rows) == 9 + 2


@pytest.mark.parametrize("model", ["nowhere.gguf", "."])
def test_a_model_that_is_none_is_one_sentence(model: str) -> None:
    assert model in one_sentence(run("bench", "--model", model, code=1))


def test_no_threads_are_refused() -> None:
    assert "--threads" in run("bench", "--threads", "0", code=2).stderr
