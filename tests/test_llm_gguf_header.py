"""Files that are no models, or not whole ones, are told apart by their header alone."""

import random
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.errors import ValueflowError
from chat_app.llm.gguf_header import GgufError, read_header


def test_agrees_with_the_gguf_package(builtin_model: Path) -> None:
    header, reference = read_header(builtin_model), gguf.GGUFReader(builtin_model)
    assert [(t.name, t.offset, t.n_bytes) for t in header.tensors] == [
        (t.name, t.data_offset, t.n_bytes) for t in reference.tensors
    ]
    for key in ("general.architecture", "llama.block_count", "tokenizer.chat_template"):
        assert header.metadata[key] == reference.fields[key].contents()
    assert header.metadata["tokenizer.ggml.tokens"] == len(
        reference.fields["tokenizer.ggml.tokens"].contents()
    )


def test_reads_a_tensor(random_model_path: Path) -> None:
    header = read_header(random_model_path)
    tensor = next(t for t in header.tensors if t.name == "blk.1.ffn_up.weight")
    expected = next(
        t.data for t in gguf.GGUFReader(random_model_path).tensors if t.name == tensor.name
    )
    np.testing.assert_array_equal(header.floats(tensor), expected)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match=r"gone\.gguf does not exist"):
        read_header(tmp_path / "gone.gguf")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="is a folder"):
        read_header(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 a zip file, perhaps"])
def test_not_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(GgufError, match="is not a GGUF file"):
        read_header(path)


def test_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + (9).to_bytes(4, "little") + bytes(16))
    with pytest.raises(GgufError, match="version 9"):
        read_header(path)


def test_cut_in_the_weights(tmp_path: Path, builtin_model: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(builtin_model.read_bytes()[:-1000])
    with pytest.raises(GgufError, match=r"is cut off: it has [\d,]+ of at least [\d,]+ bytes"):
        read_header(path)


@given(share=st.floats(0.0, 0.99))
def test_cut_anywhere(random_model_path: Path, tmp_path_factory, share: float) -> None:
    whole = random_model_path.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "model.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(GgufError, match=r"cut off|not a GGUF"):
        read_header(path)


@given(seed=st.integers(0, 10_000))
def test_damage_is_never_a_traceback(random_model_path: Path, tmp_path_factory, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(random_model_path.read_bytes()[:6000])
    for _ in range(rng.randint(1, 20)):
        content[rng.randrange(4, len(content))] = rng.randrange(256)
    path = tmp_path_factory.mktemp("damaged") / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ValueflowError):  # at the least it is cut off
        read_header(path)
