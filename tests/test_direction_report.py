"""The direction report: what is computed, and its two doors, the command and the page."""

import json
from pathlib import Path

import numpy as np
import pytest

from chat_app.chat.studio import Studio
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.direction_report import DirectionReport, cosines, direction_report
from chat_app.steering.heatmap import heatmap_page
from chat_app.values.custom import value_label
from chat_app.values.taxonomy import STEERED
from tests.command_line import run


@pytest.fixture(scope="module")
def report(shared_studio: Studio) -> DirectionReport:
    return direction_report("built-in", shared_studio.bank, shared_studio.space, STEERED)


def test_cosines_by_hand() -> None:
    a = ControlVector("llama", 4, 2, {1: np.array([3.0, 0.0]), 2: np.array([0.0, 4.0])})
    b = ControlVector("llama", 4, 2, {1: np.array([1.0, 0.0])})
    c = ControlVector("llama", 4, 2, {3: np.array([1.0, 0.0])})
    expected = [[1.0, 0.6, 0.0], [0.6, 1.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(cosines([a, b, c]), expected, atol=1e-6)


def test_the_built_in_model(report: DirectionReport, shared_studio: Studio) -> None:
    n_layer = shared_studio.model.info.n_layer
    assert list(report.separation) == list(range(1, n_layer))
    assert report.values == STEERED
    assert report.cosines.shape == (len(STEERED), len(STEERED))
    np.testing.assert_allclose(report.cosines, report.cosines.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(report.cosines), 1, atol=1e-6)
    for value in STEERED:
        assert report.norms[value] == pytest.approx(shared_studio.directions[value].norm, rel=1e-4)
        assert all(report.separation[layer][value] > 0.6 for layer in report.layers)


def test_pairs_are_the_ends_of_the_matrix(report: DirectionReport) -> None:
    alike, opposed = report.pairs(3)
    upper = report.cosines[np.triu_indices(len(STEERED), k=1)]
    assert [c for *_, c in alike] == pytest.approx(sorted(upper)[:-4:-1])
    assert [c for *_, c in opposed] == pytest.approx(sorted(upper)[:3])
    first, second, cosine = opposed[0]
    row, column = STEERED.index(first), STEERED.index(second)
    assert report.cosines[row, column] == cosine


def test_the_page_needs_no_network(report: DirectionReport) -> None:
    page = heatmap_page(report)
    assert "default-src 'none'" in page
    assert "Directions of built-in (hives)" in page
    for value in STEERED:
        assert json.dumps(value_label(value))[1:-1].replace("/", "\\u002f") in page


def test_the_command(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "cosines.html"
    how = ("--method", "pca", "--read", "before")
    done = run("vectors", "report", *how, "--json", "--out", str(out), home=home)
    found = json.loads(done.stdout)
    assert (found["method"], found["read"]) == ("pca", "before")
    assert len(found["cosines"]) == len(found["values"]) == len(found["norms"]) == 32
    assert out.stat().st_size > 100_000
    table = run("vectors", "report", "--pairs", "2", home=home).stdout
    assert "Most opposed" in table
    assert table.count("yes") == len(found["layers"])
    for option in ("--method", "--read"):
        wrong = run("vectors", "report", option, "magic", home=home, code=2)
        assert "magic" in wrong.stderr
