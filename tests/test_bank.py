"""Hidden states of spans, and the activation bank made of them."""

from pathlib import Path

import numpy as np
import pytest

from chat_app.errors import ValueflowError
from chat_app.llm.hidden_states import mean_states, span_states
from chat_app.llm.model import ChatModel
from chat_app.steering.bank import Bank, build_bank
from chat_app.vidb.loading import Anchor, Vidb, load_vidb
from tests.random_models import write_mamba


@pytest.fixture(scope="session")
def small_vidb() -> Vidb:
    """Twelve texts of each of three values of the seed."""
    seed = load_vidb()
    chosen = ("svt/benevolence", "svt/power", "duty/fidelity")
    return Vidb("small", tuple(a for v in chosen for a in seed.of(v)[::5]))


@pytest.fixture(scope="session")
def bank(chat_model: ChatModel, small_vidb: Vidb) -> Bank:
    return build_bank(chat_model, small_vidb, None)


@pytest.fixture(scope="session")
def float_model(random_model_path: Path) -> ChatModel:
    """Float32 weights: a quantised model rounds its activations otherwise in other batches."""
    return ChatModel.load(random_model_path)


def test_packed_is_one_by_one(float_model: ChatModel) -> None:
    texts = ["I help.", "I help my friends when they ask me to.", "Never mind them!", "I help."]
    prompt = float_model.tokenize("Someone asked: what do you think? ")
    tokens = [[*prompt, *float_model.tokenize(t)] for t in texts] + [float_model.tokenize(texts[1])]
    spans = [(len(prompt), len(t)) for t in tokens[:-1]] + [(2, 5)]
    packed = span_states(float_model, tokens, spans)
    for i, (text, span) in enumerate(zip(tokens, spans, strict=True)):
        alone = span_states(float_model, [text], [span])
        for layer, state in enumerate(alone.means[0]):
            error = np.linalg.norm(packed.means[i, layer] - state)
            assert error < 0.01 * np.linalg.norm(state)
        np.testing.assert_allclose(packed.norms[i], alone.norms[0], rtol=0.01)


def test_many_texts_of_many_prompts(float_model: ChatModel) -> None:
    """More than a batch of them, in no order: each comes back in its own place."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, 256, size).tolist() for size in (5, 30, 90)]
    tokens, spans = [], []
    for _ in range(60):
        prompt = prompts[rng.integers(3)]
        tokens.append([*prompt, *rng.integers(0, 256, rng.integers(1, 40)).tolist()])
        spans.append((len(prompt), len(tokens[-1])))
    found = mean_states(float_model, tokens, spans)
    for i in range(0, 60, 7):
        alone = mean_states(float_model, [tokens[i]], [spans[i]])[0]
        error = np.linalg.norm(found[i] - alone, axis=1)
        assert (error < 0.01 * np.linalg.norm(alone, axis=1)).all()


def test_the_mean_is_that_of_the_spans_tokens(float_model: ChatModel) -> None:
    tokens = float_model.tokenize("They went home and slept.")
    each = mean_states(
        float_model, [tokens] * len(tokens), [(i, i + 1) for i in range(len(tokens))]
    )
    whole = mean_states(float_model, [tokens], [(1, len(tokens))])[0]
    size = np.abs(whole).max()
    np.testing.assert_allclose(whole[:-1], each[1:, :-1].mean(axis=0), atol=0.01 * size)
    # the last layer keeps the span's last token only
    np.testing.assert_allclose(whole[-1], each[-1, -1], atol=0.01 * size)


@pytest.mark.parametrize("span", [(2, 2), (3, 99), (-1, 2)])
def test_an_empty_span_is_refused(chat_model: ChatModel, span: tuple[int, int]) -> None:
    with pytest.raises(ValueflowError, match="is empty"):
        mean_states(chat_model, [chat_model.tokenize("They went home.")], [span])


def test_bank_of_many_texts(bank: Bank, chat_model: ChatModel, small_vidb: Vidb) -> None:
    info = chat_model.info
    assert bank.states.shape == (len(small_vidb.anchors), info.n_layer, info.n_embd)
    assert bank.states.dtype == np.float16
    assert (bank.model_sha256, bank.architecture) == (info.sha256, "llama")
    assert bank.vidb_version == small_vidb.version
    # in units of a token's length, a mean over tokens is shorter than 1, but of its order
    lengths = np.linalg.norm(bank.states.astype(np.float32), axis=2)
    assert (np.median(lengths[:, :-1], axis=0) < 1).all()
    assert (np.median(lengths, axis=0) > 0.1).all()
    assert (bank.norms > 0).all()


def test_every_text_is_counted(chat_model: ChatModel, small_vidb: Vidb) -> None:
    seen: list[tuple[int, int]] = []
    build_bank(chat_model, small_vidb, None, lambda done, of: seen.append((done, of)))
    total = len(small_vidb.anchors)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_cached(chat_model: ChatModel, small_vidb: Vidb, bank: Bank, tmp_path: Path) -> None:
    first = build_bank(chat_model, small_vidb, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    written = file.stat().st_mtime_ns
    again = build_bank(chat_model, small_vidb, tmp_path)
    np.testing.assert_array_equal(first.states, again.states)
    np.testing.assert_array_equal(first.norms, again.norms)
    assert file.stat().st_mtime_ns == written
    other = Vidb("other", small_vidb.anchors[:-1])
    assert len(build_bank(chat_model, other, tmp_path).states) == len(other.anchors)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_where_a_text_is_read(chat_model: ChatModel, tmp_path: Path) -> None:
    """The last token's state is that of one token of the text; the one before it knows the
    prompt alone. Each is kept under its own name."""
    texts = (("I will see what can be done.", 9.0), ("Not a chance.", 8.0), ("Fine.", -9.0))
    anchors = tuple(Anchor(t, "svt/power", t, intensity, None) for t, intensity in texts)
    vidb = Vidb("three", anchors)
    read = {r: build_bank(chat_model, vidb, tmp_path, read=r) for r in ("mean", "last", "before")}
    assert len(list(tmp_path.glob("*.npz"))) == 3
    prompts = read["before"].states.astype(np.float32)
    np.testing.assert_array_equal(prompts[0], prompts[1])
    assert np.abs(prompts[0] - prompts[2]).max() > 0.01
    for bank in read.values():
        assert bank.states.shape == (3, chat_model.n_layer, chat_model.n_embd)
    one_token = Vidb("one", (Anchor("a", "svt/power", "a", 9.0, None),))
    assert len(chat_model.tokenize("a")) == 1
    mean, last = (build_bank(chat_model, one_token, None, read=r) for r in ("mean", "last"))
    np.testing.assert_array_equal(mean.states, last.states)
    # in a text of several tokens the last is one of those that the mean is over
    assert np.abs(read["mean"].states[0] - read["last"].states[0]).max() > 0.01


def test_a_damaged_cache_is_made_again(
    chat_model: ChatModel, small_vidb: Vidb, bank: Bank, tmp_path: Path
) -> None:
    build_bank(chat_model, small_vidb, tmp_path)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:5000])
    again = build_bank(chat_model, small_vidb, tmp_path)
    np.testing.assert_array_equal(again.states, bank.states)
    assert file.stat().st_size > 5000


def test_a_cache_that_cannot_be_written_costs_nothing_else(
    chat_model: ChatModel, small_vidb: Vidb, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    found = build_bank(chat_model, small_vidb, tmp_path / "file" / "cache")
    assert len(found.states) == len(small_vidb.anchors)


def test_the_persona_stands_before_the_text(chat_model: ChatModel) -> None:
    """The same words are read otherwise when the speaker rejects the value."""
    texts = [
        Anchor("a", "svt/power", "I will see what can be done.", intensity, None)
        for intensity in (9.0, 8.0, -9.0)
    ]
    states = build_bank(chat_model, Vidb("same", tuple(texts)), None).states.astype(np.float32)
    same = np.abs(states[0] - states[1]).max()
    assert np.abs(states[0] - states[2]).max() > max(0.005, 3 * same)


def test_a_very_long_text_is_cut(chat_model: ChatModel) -> None:
    long = Vidb("long", (Anchor("a", "svt/power", "more " * 3000, 5.0, None),))
    assert np.isfinite(build_bank(chat_model, long, None).states).all()


def test_a_recurrent_model_reads_texts_apart(tmp_path: Path) -> None:
    """Its sequences cannot share a beginning; batches of several come in another order."""
    model = ChatModel.load(write_mamba(tmp_path / "mamba.gguf"), cache_dir=tmp_path)
    prompt = model.tokenize("Someone asked: ")
    texts = ["I help.", "I help my friends when they ask me to.", "Never mind!"]
    tokens = [[*prompt, *model.tokenize(text)] for text in texts]
    spans = [(len(prompt), len(t)) for t in tokens]
    found = mean_states(model, tokens, spans)
    for i, (text, span) in enumerate(zip(tokens, spans, strict=True)):
        alone = mean_states(model, [text], [span])[0]
        np.testing.assert_allclose(found[i], alone, rtol=1e-3, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.01
