"""Control vectors: repeng's algebra, and files that llama.cpp and repeng share."""

import dataclasses
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chat_app.errors import ValueflowError
from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.model import ChatModel
from chat_app.steering.control_vector import ControlVector, ControlVectorError
from tests.random_models import write_llama

numbers = st.floats(-100, 100, width=32)
vectors = st.dictionaries(
    st.integers(1, 4), arrays(np.float32, 3, elements=numbers), min_size=1
).map(lambda directions: ControlVector("llama", 5, 3, directions))


def close(a: ControlVector, b: ControlVector) -> bool:
    left, right = a.buffer().data, b.buffer().data
    return np.allclose(left, right, rtol=1e-5, atol=1e-3)


@given(a=vectors, b=vectors, c=vectors, k=numbers)
def test_algebra(a: ControlVector, b: ControlVector, c: ControlVector, k: float) -> None:
    assert a + b == b + a
    assert close((a + b) + c, a + (b + c))
    assert close(k * (a + b), k * a + k * b)
    assert a - b == a + -b
    assert k * a == a * k
    negative = -a
    assert -negative == a
    assert (a - a).norm == 0
    assert close(a / 2, 0.5 * a)


@given(a=vectors, b=vectors)
def test_equal_means_equal_hash(a: ControlVector, b: ControlVector) -> None:
    same = ControlVector("llama", 5, 3, {layer: d.copy() for layer, d in a.directions.items()})
    assert a == same
    assert hash(a) == hash(same)
    assert (a.hash == b.hash) == (a == b)
    assert 0.0 * a == 0.0 * -a
    assert (0.0 * a).hash == (0.0 * -a).hash
    assert len(a.hash) == 16


def test_by_hand() -> None:
    a = ControlVector("llama", 4, 2, {1: np.array([3.0, 0.0]), 2: np.array([0.0, 4.0])})
    b = ControlVector("llama", 4, 2, {2: np.array([1.0, 1.0]), 3: np.array([2.0, 2.0])})
    total = a * np.int64(2) - b
    assert total.layers == (1, 2, 3)
    np.testing.assert_array_equal(total.directions[1], [6, 0])
    np.testing.assert_array_equal(total.directions[2], [-1, 7])
    np.testing.assert_array_equal(total.directions[3], [-2, -2])
    assert a.norm == 5.0


def test_buffer_is_llama_cpps() -> None:
    buffer = ControlVector(
        "llama", 5, 2, {2: np.array([1.0, 2.0]), 3: np.array([3.0, 4.0])}
    ).buffer()
    np.testing.assert_array_equal(buffer.data, [[0, 0], [1, 2], [3, 4], [0, 0]])
    assert (buffer.first, buffer.last) == (2, 3)
    assert buffer.data.dtype == np.float32


def test_it_is_a_value() -> None:
    source = np.array([1.0, 2.0])
    vector = ControlVector("llama", 4, 2, {1: source})
    source[0] = 9
    assert vector.directions[1][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        vector.directions[1][0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        vector.n_layer = 3  # type: ignore[misc]


def test_models_are_not_mixed() -> None:
    llama = ControlVector("llama", 4, 2, {1: np.ones(2)})
    for other in (
        ControlVector("qwen3", 4, 2, {1: np.ones(2)}),
        ControlVector("llama", 5, 2, {1: np.ones(2)}),
        ControlVector("llama", 4, 3, {1: np.ones(3)}),
    ):
        with pytest.raises(ControlVectorError, match="one is for a llama model of 4 x 2"):
            llama + other
        assert llama != other
        assert llama.hash != other.hash


def test_model_files_are_not_mixed(tmp_path: Path, chat_model: ChatModel) -> None:
    info = chat_model.info
    shape = (info.architecture, info.n_layer, info.n_embd)
    rows = {1: np.ones(info.n_embd), 2: np.ones(info.n_embd)}
    own, other = ControlVector(*shape, rows, info.sha256), ControlVector(*shape, rows, "0" * 64)
    unknown = ControlVector(*shape, rows)
    with pytest.raises(ControlVectorError, match=f"{info.sha256[:12]}, the other for 000000000000"):
        own + other
    assert (own + unknown).model_sha256 == (unknown + own).model_sha256 == info.sha256
    for derived in (-own, 2 * own, own - unknown, own.within(1, 1)):
        assert derived.model_sha256 == info.sha256
    own.check_fits(info)
    unknown.check_fits(info)
    with pytest.raises(ControlVectorError, match="another model of that size, with the checksum 0"):
        other.check_fits(info)
    assert own == unknown
    assert own.hash == other.hash
    own.to_gguf(tmp_path / "own.gguf")
    assert ControlVector.from_gguf(tmp_path / "own.gguf").model_sha256 == info.sha256


def test_a_range_of_layers() -> None:
    vector = ControlVector("llama", 6, 2, {n: np.full(2, n) for n in (1, 3, 4)})
    assert vector.within(2, 4) == ControlVector("llama", 6, 2, {n: np.full(2, n) for n in (3, 4)})
    assert vector.within(2, 2).layers == ()
    assert vector.within(1, 2) + vector.within(3, 5) == vector


@pytest.mark.parametrize("layer", [0, 4, -1])
def test_layers_that_cannot_be_steered(layer: int) -> None:
    with pytest.raises(ControlVectorError, match="layers 1 to 3"):
        ControlVector("llama", 4, 2, {layer: np.ones(2)})


def test_wrong_numbers() -> None:
    with pytest.raises(ControlVectorError, match=r"shape \(3,\)"):
        ControlVector("llama", 4, 2, {1: np.ones(3)})
    with pytest.raises(ControlVectorError, match="not finite"):
        ControlVector("llama", 4, 2, {1: np.array([1.0, np.nan])})


def test_check_fits_names_both(chat_model: ChatModel) -> None:
    info = chat_model.info
    ControlVector(info.architecture, info.n_layer, info.n_embd, {}).check_fits(info)
    with pytest.raises(ControlVectorError, match=rf"qwen3 model of 28 x 1024.*{info.n_embd}"):
        ControlVector("qwen3", 28, 1024, {}).check_fits(info)


@given(vector=vectors)
def test_file_round_trip(tmp_path_factory, vector: ControlVector) -> None:
    path = tmp_path_factory.mktemp("vector") / "sub" / "kind.gguf"
    vector.to_gguf(path)
    again = ControlVector.from_gguf(path)
    assert again == vector
    assert again.hash == vector.hash
    assert [p.name for p in path.parent.iterdir()] == ["kind.gguf"]


def _write(path: Path, architecture: str, tensors: dict[str, np.ndarray], **names: str) -> Path:
    writer = gguf.GGUFWriter(str(path), architecture)
    for key, text in names.items():
        writer.add_string(f"controlvector.{key}", text)
    writer.add_uint32("controlvector.layer_count", len(tensors))
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_reads_a_file_as_repeng_writes_it(tmp_path: Path, chat_model: ChatModel) -> None:
    """The layers in any order, the last ones perhaps missing, the count that of directions."""
    info = chat_model.info
    directions = {n: np.full(info.n_embd, n, np.float32) for n in (3, 2)}
    tensors = {f"direction.{n}": d for n, d in directions.items()}
    path = _write(tmp_path / "repeng.gguf", "controlvector", tensors, model_hint="llama")
    expected = ControlVector("llama", info.n_layer, info.n_embd, directions)
    assert ControlVector.from_gguf(path, info) == expected
    assert ControlVector.from_gguf(path).n_layer == 4


def test_written_as_llama_cpp_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "kind.gguf"
    ControlVector("llama", 8, 4, {2: np.ones(4), 3: np.full(4, 2.0)}).to_gguf(path)
    reader = gguf.GGUFReader(path)
    named = {name for name in reader.fields if not name.startswith("GGUF.")}
    theirs = {"general.architecture", "controlvector.model_hint", "controlvector.layer_count"}
    assert named == theirs | {"valueflow.model_layer_count"}  # which others pass over
    assert reader.fields["general.architecture"].contents() == "controlvector"
    assert reader.fields["controlvector.model_hint"].contents() == "llama"
    assert reader.fields["controlvector.layer_count"].contents() == 2
    assert [(t.name, t.tensor_type.name, t.data.tolist()) for t in reader.tensors] == [
        ("direction.2", "F32", [1.0] * 4),
        ("direction.3", "F32", [2.0] * 4),
    ]


@pytest.mark.parametrize(
    ("tensors", "wrong"),
    [
        ({}, "holds no directions"),
        ({"direction.one": np.ones(2, np.float32)}, "tensor 'direction.one'"),
        ({"direction.1": np.ones(2, np.float32), "direction.2": np.ones(3, np.float32)}, "lengths"),
        ({"direction.0": np.ones(2, np.float32)}, "Layer 0 cannot be steered"),
        (
            {"direction.1": np.ones(2, np.float32), "direction.01": np.ones(2, np.float32)},
            "two directions for layer 1",
        ),
        ({"direction.1": np.ones(2, np.int32)}, "tensor direction.1 is I32"),
        ({"direction.1": np.array([np.inf, 1], np.float32)}, "not finite"),
    ],
)
def test_malformed_files_say_what_is_wrong(tmp_path: Path, tensors: dict, wrong: str) -> None:
    path = _write(tmp_path / "odd.gguf", "controlvector", tensors, model_hint="llama")
    with pytest.raises(ValueflowError, match=wrong) as error:
        ControlVector.from_gguf(path)
    assert "odd.gguf" in str(error.value)


def test_a_model_is_no_control_vector(random_model_path: Path) -> None:
    with pytest.raises(ControlVectorError, match="it holds a llama model"):
        ControlVector.from_gguf(random_model_path)


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "kind.gguf"
    ControlVector("llama", 8, 64, {2: np.ones(64)}).to_gguf(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueflowError, match="cut off"):
        ControlVector.from_gguf(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ControlVectorError, match="cannot be written"):
        ControlVector("llama", 8, 2, {1: np.ones(2)}).to_gguf(tmp_path / "file" / "kind.gguf")


def test_one_layer_acts_where_it_says(chat_model: ChatModel) -> None:
    """The first and the last layer are heard, and no layer at all is silence."""
    engine = Engine(chat_model, n_ctx=256)
    info = chat_model.info
    turns = [Turn("user", "Go?")]
    plain = engine.next_logits(turns)
    rng = np.random.default_rng(0)
    last = info.n_layer - 1
    for layer in (1, last):
        direction = rng.normal(size=info.n_embd).astype(np.float32)
        vector = ControlVector(info.architecture, info.n_layer, info.n_embd, {layer: direction})
        assert np.abs(engine.next_logits(turns, vector=vector.buffer()) - plain).max() > 1e-2
    nothing = ControlVector(info.architecture, info.n_layer, info.n_embd, {})
    np.testing.assert_allclose(engine.next_logits(turns, vector=nothing.buffer()), plain, atol=1e-2)
    engine.close()


def test_another_model_refuses_it(tmp_path: Path, chat_model: ChatModel) -> None:
    other = ChatModel.load(write_llama(tmp_path / "other.gguf"))
    info = chat_model.info
    vector = ControlVector(info.architecture, info.n_layer, info.n_embd, {1: np.ones(info.n_embd)})
    with pytest.raises(ControlVectorError, match=f"{info.n_layer} x {info.n_embd}.* 4 x 64"):
        vector.check_fits(other.info)
    engine = Engine(other, n_ctx=64)
    with pytest.raises(ValueflowError):
        engine.reply([Turn("user", "?")], Sampling(max_tokens=1), vector=vector.buffer())
