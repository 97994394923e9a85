"""The built-in encoder, the space it spans, and what happens when it cannot be loaded."""

import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from chat_app.errors import ValueflowError
from chat_app.hives.encoder import Encoder, EncoderError, load_encoder
from chat_app.hives.space import Space, build_space, value_axis
from chat_app.settings import data_path
from chat_app.values.phrases import PHRASES
from chat_app.vidb.loading import Vidb, load_vidb

BUILTIN = data_path("models", "hives-mini")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def vidb() -> Vidb:
    return load_vidb()


@pytest.fixture(scope="module")
def space(encoder: Encoder, vidb: Vidb, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return build_space(encoder, vidb, tmp_path_factory.mktemp("cache"))


def test_the_builtin_encoder_is_small_and_makes_unit_vectors(encoder: Encoder) -> None:
    assert sum(f.stat().st_size for f in BUILTIN.rglob("*") if f.is_file()) < 20e6
    z = encoder.encode(["I would help her.", "", "I would never help her."])
    assert z.shape == (3, encoder.dim)
    assert z.dtype == np.float32
    assert np.linalg.norm(z, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_rows_come_back_in_order_whatever_their_batch(encoder: Encoder, vidb: Vidb) -> None:
    texts = [anchor.text for anchor in vidb.anchors[:150]]
    done: list[tuple[int, int]] = []
    together = encoder.encode(texts, progress=lambda n, of: done.append((n, of)))
    assert done[-1] == (150, 150)
    for i in (0, 77, 149):
        assert encoder.encode([texts[i]])[0] == pytest.approx(together[i], abs=1e-4)


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_a_folder_is_loaded_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_encoder(str(BUILTIN)).encode(["A promise is a promise."]).shape[0] == 1


def test_the_version_follows_the_files(encoder: Encoder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(BUILTIN, copy)
    assert load_encoder(str(copy)).version == encoder.version
    (copy / "note.txt").write_text("changed")
    assert load_encoder(str(copy)).version != encoder.version


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"No encoder at .*nowhere"):
        load_encoder(str(tmp_path / "nowhere"))


def test_a_folder_that_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"has no modules\.json"):
        load_encoder(str(tmp_path))


def test_a_truncated_encoder(tmp_path: Path) -> None:
    copy = tmp_path / "cut"
    shutil.copytree(BUILTIN, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderError, match=r"cannot be loaded: .*\.$") as caught:
        load_encoder(str(copy))
    assert "\n" not in str(caught.value)


def test_axes_for_every_steered_value_and_what_lies_above(space: Space) -> None:
    assert space.embeddings.shape == (len(space.vidb.anchors), space.encoder.dim)
    assert set(PHRASES) <= set(space.axes)
    assert "svt/growth" in space.axes
    for axis in space.axes.values():
        assert float(np.linalg.norm(axis)) == pytest.approx(1.0, abs=1e-5)


def test_an_axis_is_support_minus_oppose() -> None:
    z = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 1]], dtype=np.float32)
    # mean of supporting: (0.8, 0.4); of opposing: (0, 1); difference (0.8, -0.6), length 1.
    axis = value_axis(z, [1, -1, 1, 0])
    assert axis == pytest.approx(np.array([0.8, -0.6]))
    assert value_axis(z, [1, 1, 0, 0]) is None


@pytest.mark.parametrize("value", sorted(PHRASES))
def test_supporting_texts_lie_further_along_the_axis(space: Space, value: str) -> None:
    rows = [i for i, a in enumerate(space.vidb.anchors) if a.value == value]
    y = space.coordinates(space.embeddings[rows], value)
    intensity = np.array([space.vidb.anchors[i].intensity for i in rows])
    assert np.corrcoef(y, intensity)[0, 1] > 0.8


def test_a_value_without_axis_is_named(space: Space) -> None:
    with pytest.raises(ValueflowError, match="no axis for custom/frugality"):
        space.coordinates(space.embeddings[:1], "custom/frugality")


def test_embeddings_are_kept_and_read_again(encoder: Encoder, vidb: Vidb, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = build_space(encoder, vidb, cache)
    (kept,) = cache.iterdir()
    assert encoder.version in kept.name
    assert vidb.version in kept.name
    stamp = kept.stat().st_mtime_ns
    started = time.monotonic()
    again = build_space(encoder, vidb, cache)
    assert time.monotonic() - started < 1.0
    assert kept.stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.embeddings, first.embeddings)


def test_a_broken_cache_is_made_again(encoder: Encoder, vidb: Vidb, tmp_path: Path) -> None:
    some = Vidb("some", vidb.anchors[:40])
    cache = tmp_path / "cache"
    first = build_space(encoder, some, cache)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    again = build_space(encoder, some, cache)
    np.testing.assert_allclose(again.embeddings, first.embeddings, atol=1e-5)
    with np.load(kept) as stored:
        assert stored["embeddings"].shape == (40, encoder.dim)


def test_a_folder_that_cannot_be_written_does_no_harm(
    encoder: Encoder, vidb: Vidb, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    some = Vidb("some", vidb.anchors[:40])
    assert build_space(encoder, some, tmp_path / "file").embeddings.shape[0] == 40
