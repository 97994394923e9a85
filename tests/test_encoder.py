"""An encoder of the real one's layout: pooling, padding, prompts, precision, caches, errors."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from chat_app.hives.encoder import Encoder, EncoderError, load_encoder, text_prompt
from chat_app.hives.space import build_space
from chat_app.llm import checksums
from chat_app.vidb.loading import Vidb, load_vidb
from tests.random_encoder import DIM, QUERY, write_encoder

TEXTS = [
    "I would help her.",
    "No.",
    "A promise is a promise, and I have given mine, so that is what I will do, come what may.",
    "Geld ist nicht alles – wirklich nicht.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "qwen")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load_encoder(str(folder))


@pytest.fixture(scope="module")
def vidb() -> Vidb:
    return Vidb("some", load_vidb().anchors[:60])


def test_it_makes_unit_vectors_in_float32_on_a_processor(encoder: Encoder) -> None:
    z = encoder.encode(TEXTS)
    assert z.shape == (4, DIM)
    assert z.dtype == np.float32
    assert encoder.dim == DIM
    assert np.linalg.norm(z, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    if encoder.device == "cpu":  # the file is bfloat16
        assert {p.dtype for p in encoder._model.parameters()} == {torch.float32}
    assert np.linalg.norm(z[0] - z[1]) > 1e-3  # it does read the texts


def test_a_text_is_the_same_alone_and_padded_in_a_batch(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        assert encoder.encode([text])[0] == pytest.approx(row, abs=1e-5)


def test_it_reads_what_the_libraries_own_call_reads(encoder: Encoder, folder: Path) -> None:
    plain = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": "float32"})
    assert plain.tokenizer.padding_side == "left"
    assert encoder.encode(TEXTS) == pytest.approx(plain.encode_document(TEXTS), abs=1e-5)


def test_batches_hold_a_bounded_number_of_tokens(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat_app.hives.encoder._TOKENS", {"cpu": 100})
    texts = ["word " * n for n in (1, 30, 1, 3, 4, 2, 60)]
    batches = list(encoder._batches(texts))
    assert sorted(row for batch in batches for row in batch) == list(range(7))
    lengths = encoder.lengths(texts)
    assert lengths[:2] == [6, 151]  # a token a letter, and the end
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 100
    done: list[tuple[int, int]] = []
    encoder.encode(texts, lambda n, of: done.append((n, of)))
    assert len(done) == len(batches) > 3
    assert done[-1] == (7, 7)


def test_prompts_by_name() -> None:
    both = {"query": QUERY, "document": ""}
    assert text_prompt(both, None) == ""
    assert text_prompt(both, "query") == QUERY
    assert text_prompt({"query": QUERY, "passage": "passage: "}, None) == "passage: "
    assert text_prompt({}, None) == ""


def test_the_default_prompt_stands_before_each_text(encoder: Encoder, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "asks")
    config = folder / "config_sentence_transformers.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"default_prompt_name": "query"}))
    asking = load_encoder(str(folder))
    assert asking.prompt == QUERY
    assert asking.version != encoder.version
    z = asking.encode(TEXTS)
    assert z == pytest.approx(encoder.encode([QUERY + text for text in TEXTS]), abs=1e-5)
    assert np.abs(z - encoder.encode(TEXTS)).max() > 1e-2


def test_the_space_is_embedded_once_for_each_encoder_and_vidb(
    encoder: Encoder, vidb: Vidb, tmp_path: Path
) -> None:
    done: list[tuple[int, int]] = []
    first = build_space(encoder, vidb, tmp_path, lambda n, of: done.append((n, of)))
    assert done[-1] == (60, 60)
    again = build_space(encoder, vidb, tmp_path, lambda n, of: pytest.fail("embedded again"))
    np.testing.assert_array_equal(again.embeddings, first.embeddings)
    build_space(encoder, Vidb("fewer", vidb.anchors[:50]), tmp_path)
    other = load_encoder(str(write_encoder(tmp_path / "other", seed=1)))
    build_space(other, vidb, tmp_path)
    assert len(list(tmp_path.glob("vidb-*.npz"))) == 3


def test_large_weights_are_hashed_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_REMEMBER_FROM", 1)
    version = load_encoder(str(folder), cache_dir=tmp_path).version
    monkeypatch.setattr(checksums, "_read", lambda path: pytest.fail(f"{path} was read again"))
    assert load_encoder(str(folder), cache_dir=tmp_path).version == version


def test_notes_of_a_download_are_no_part_of_a_version(folder: Path, encoder: Encoder) -> None:
    notes = folder / ".cache" / "huggingface"
    notes.mkdir(parents=True)
    (notes / "when").write_text("today")
    assert load_encoder(str(folder)).version == encoder.version


def test_a_device_that_is_not_there(folder: Path) -> None:
    for device in ("abacus", "xla"):
        with pytest.raises(EncoderError, match=f"cannot run on '{device}': .* VALUEFLOW_HIVES_DEV"):
            load_encoder(str(folder), device=device)


def test_half_precision_is_another_version_where_the_hardware_has_it(
    folder: Path, encoder: Encoder
) -> None:
    if not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] < 7:
        pytest.skip("No graphics card that computes in half precision.")
    half = load_encoder(str(folder), device="cuda")
    assert half.version != load_encoder(str(folder), device="cpu").version
    difference = half.encode(TEXTS) - load_encoder(str(folder), device="cpu").encode(TEXTS)
    assert 0 < np.abs(difference).max() < 0.1


def test_an_id_of_the_hub_without_a_network_gets_one_sentence(tmp_path: Path) -> None:
    script = (
        "from chat_app.hives.encoder import load_encoder\n"
        "try: load_encoder('snu-aidas/HiVES-2')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.startswith("HubError snu-aidas/HiVES-2 is not on this computer")
    assert done.stdout.count("\n") == 1


def test_an_id_that_was_downloaded_needs_no_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub"
    snapshot = hub / "models--some--encoder" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(folder, target_is_directory=True)
    (hub / "models--some--encoder" / "refs").mkdir()
    (hub / "models--some--encoder" / "refs" / "main").write_text("abc")

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    assert load_encoder("some/encoder").dim == DIM


def test_no_code_of_a_model_is_run(folder: Path, tmp_path: Path) -> None:
    copy, ran = tmp_path / "sly", tmp_path / "ran"
    shutil.copytree(folder, copy)
    (copy / "sly.py").write_text(f"open({str(ran)!r}, 'w')\nclass Sly: pass\n")
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "sly.Sly", "AutoConfig": "sly.Sly"}
    config["model_type"] = "sly"
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(str(copy))
    assert not ran.exists()
