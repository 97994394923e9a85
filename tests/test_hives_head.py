"""An encoder's head: its file, and how the ranker builds on what it reads."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from chat_app.evaluation.ranker_hives import fit_intensity
from chat_app.hives.encoder import EncoderError, load_encoder
from chat_app.hives.head import HEAD, Head, read_head, write_head
from chat_app.settings import data_path
from training.hives_texts import VALUES, Example
from training.train_head import fit_head

OWN = [f"v{i % 3}" for i in range(30)]


def a_head(rng: np.random.Generator, dim: int, values: tuple[str, ...] = ("v0", "v2")) -> Head:
    weight = rng.normal(size=(dim, len(values))).astype(np.float32)
    return Head(values, weight, rng.normal(size=len(values)).astype(np.float32))


def unit_rows(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    z = rng.normal(size=(n, d))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_it_reads_what_it_knows_and_nothing_else() -> None:
    head = Head(("a", "b"), np.array([[1, 2], [3, 4]], np.float32), np.array([5, 6], np.float32))
    read = head.read(np.array([[1.0, 0.0], [0.6, 0.8]]), ("b", "other", "a"))
    np.testing.assert_allclose(read, np.array([[8.0, 0.0, 6.0], [10.4, 0.0, 8.0]]), rtol=1e-6)


def test_its_file_gives_it_back(tmp_path: Path) -> None:
    head = a_head(np.random.default_rng(0), 5)
    assert read_head(tmp_path, 5) is None
    write_head(tmp_path, head)
    again = read_head(tmp_path, 5)
    assert again is not None
    assert again.values == head.values
    np.testing.assert_array_equal(again.weight, head.weight)
    np.testing.assert_array_equal(again.bias, head.bias)


def test_a_head_is_part_of_its_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(data_path("models", "hives-mini"), folder)
    bare = load_encoder(str(folder))
    write_head(folder, a_head(np.random.default_rng(1), bare.dim))
    headed = load_encoder(str(folder))
    assert bare.head is None
    assert headed.head is not None
    assert headed.version != bare.version  # what was measured without it is measured again
    write_head(folder, a_head(np.random.default_rng(1), bare.dim + 1))
    with pytest.raises(EncoderError, match="another encoder"):
        load_encoder(str(folder))
    (folder / HEAD).write_bytes(b"not a head")
    with pytest.raises(EncoderError, match="cannot be read"):
        load_encoder(str(folder))


def test_the_ranker_reads_the_mean_of_its_fit_and_the_head() -> None:
    rng = np.random.default_rng(4)
    points = unit_rows(rng, 30, 6)
    head = a_head(rng, 6)  # of two of the three values
    told = head.read(points, OWN)[np.arange(30), np.arange(30)]
    intensity = 3 * told + rng.normal(size=30)
    plain, headed = (fit_intensity(points, OWN, intensity, h) for h in (None, head))
    factor = (told @ intensity) / (told @ told)
    asked = unit_rows(rng, 5, 6)
    read = factor * head.read(asked, headed.values)
    for column, value in enumerate(headed.values):
        alone = plain(asked)[:, column]
        expected = (alone + read[:, column]) / 2 if value in head.values else alone
        np.testing.assert_allclose(headed(asked)[:, column], expected, atol=1e-9)
    known = np.isin(OWN, head.values)
    expected = np.where(known, (plain.held_out + factor * told) / 2, plain.held_out)
    np.testing.assert_allclose(headed.held_out, expected, atol=1e-9)
    assert headed.error == pytest.approx(((expected - intensity) ** 2).mean())


def test_a_head_that_reads_backwards_is_left_out() -> None:
    rng = np.random.default_rng(6)
    points = unit_rows(rng, 30, 6)
    weight = rng.normal(size=(6, 3))
    head = Head(("v0", "v1", "v2"), weight.astype(np.float32), np.zeros(3, np.float32))
    truth = head.read(points, OWN)[np.arange(30), np.arange(30)]
    backwards = Head(head.values, -head.weight, head.bias)
    plain, turned = (fit_intensity(points, OWN, truth, h) for h in (None, backwards))
    np.testing.assert_allclose(turned(points), plain(points), atol=1e-9)
    assert fit_intensity(points, OWN, truth, head).error < plain.error


def test_fitting_finds_a_line_again() -> None:
    rng = np.random.default_rng(8)
    z = unit_rows(rng, 2000, 8).astype(np.float32)
    weight, bias = rng.normal(size=(8, len(VALUES))), rng.normal(size=len(VALUES))
    own = rng.integers(0, len(VALUES), 2000)
    examples = [
        Example("", {VALUES[v]: float(row @ weight[:, v] + bias[v])}, 1e-9)
        for row, v in zip(z, own, strict=True)
    ]
    head = fit_head(z, examples, 1e-6)
    np.testing.assert_allclose(head.weight, weight, atol=1e-2)
    np.testing.assert_allclose(head.bias, bias, atol=1e-2)
