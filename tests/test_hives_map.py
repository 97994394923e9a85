"""The map: places, poles, and a page that works without a network, in a real browser too."""

import importlib.util
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chat_app.errors import ValueflowError
from chat_app.hives.map import map_page, poles, project
from chat_app.hives.map_figure import draw
from chat_app.hives.space import Space, value_axis
from chat_app.vidb.anchors import Anchor, Vidb
from tests.browser.conftest import FLAGS

VALUES = ("svt/power", "mft/care-harm", "custom/frugality")
# What a text could try on a page: markup, an entity, the end of a script.
NASTY = 'He said <b onclick="x">no</b> & left </script><script>alert(1)</script>'


def made_space(per_value: int = 12) -> Space:
    """Texts of three values whose vectors lie around an axis of their own."""
    rng = np.random.default_rng(0)
    anchors, rows = [], []
    for place, value in enumerate(VALUES):
        for i in range(per_value):
            intensity = float(np.round(np.linspace(-9, 9, per_value)[i], 1))
            text = NASTY if (place, i) == (0, 0) else f"Text {i} about {value}."
            anchors.append(Anchor(f"{value}-{i}", value, text, intensity, None))
            row = rng.normal(0, 0.05, 6)
            row[place] += intensity / 10
            row[3 + place] += 0.5
            rows.append(row / np.linalg.norm(row))
    z = np.array(rows, dtype=np.float32)
    axes = {}
    for place, value in enumerate(VALUES):
        mine = slice(place * per_value, (place + 1) * per_value)
        signs = [int(np.sign(a.intensity)) for a in anchors[mine]]
        axis = value_axis(z[mine], signs)
        assert axis is not None
        axes[value] = axis
    encoder: Any = SimpleNamespace(name="builtin", version="0", dim=6)
    return Space(encoder, Vidb("the made VIDB", tuple(anchors)), z, axes)


@pytest.fixture(scope="module")
def page() -> str:
    return map_page(made_space())


def test_places_are_seeded_and_keep_neighbours_together() -> None:
    z = made_space().embeddings
    places = project(z, seed=3)
    assert places.shape == (36, 2)
    assert np.isfinite(places).all()
    assert project(z, seed=3) == pytest.approx(places)
    near = np.argsort(((places[:, None] - places[None]) ** 2).sum(axis=2), axis=1)[:, 1:4]
    alike = np.argsort(-(z @ z.T), axis=1)[:, 1:9]
    kept = [len(set(a) & set(b)) / 3 for a, b in zip(near.tolist(), alike.tolist(), strict=True)]
    assert np.mean(kept) > 0.6


def test_poles_are_the_medians_of_the_nearest_texts_by_hand() -> None:
    z = np.array([[1, 0], [0.8, 0.6], [0, 1], [-0.8, 0.6], [-1, 0], [0, -1]], dtype=np.float32)
    places = np.array([[1.0, 5], [3, 7], [0, 0], [-2, -4], [-4, -6], [0, 1]])
    found = poles(places, z, {"svt/power": np.array([1, 0], dtype=np.float32)}, nearest=2)
    assert found["svt/power"].support == (2.0, 6.0)
    assert found["svt/power"].oppose == (-3.0, -5.0)


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(ValueflowError, match="four texts or more, not 3"):
        project(np.eye(3, dtype=np.float32))
    with pytest.raises(ValueflowError, match="no method 'pca': it is tsne or umap"):
        project(np.eye(5, dtype=np.float32), "pca")


def test_umap_draws_or_says_how_to_get_it() -> None:
    z = made_space().embeddings
    if importlib.util.find_spec("umap"):
        assert project(z, "umap").shape == (36, 2)
    else:
        with pytest.raises(ValueflowError, match="pip install umap-learn"):
            project(z, "umap")


def test_a_trace_of_texts_and_an_arrow_for_each_value() -> None:
    space = made_space()
    places = project(space.embeddings)
    arrows = poles(places, space.embeddings, space.axes)
    figure = json.loads(draw(places, space.vidb.anchors, arrows).to_json())
    texts, drawn = figure["data"][:3], figure["data"][3:]
    assert [t["name"] for t in texts] == ["Power", "Care / harm", "frugality"]
    assert [t["legendgroup"] for t in drawn] == [t["legendgroup"] for t in texts] == list(VALUES)
    for trace in texts:
        # Twelve texts from -9 to 9: symbols follow the direction, sizes the strength.
        symbols = trace["marker"]["symbol"]
        assert symbols[0] == "triangle-down"
        assert symbols[-1] == "triangle-up"
        assert symbols[5] == "circle"
        assert trace["marker"]["size"][0] > trace["marker"]["size"][5]
        assert "-9.0" in trace["text"][0]
    assert len({colour for t in texts for colour in t["marker"]["color"]}) == 3
    for value, arrow in zip(VALUES, drawn, strict=True):
        assert (arrow["x"][0], arrow["y"][0]) == arrows[value].oppose
        assert (arrow["x"][1], arrow["y"][1]) == arrows[value].support
    theory, colour, axes = figure["layout"]["updatemenus"]
    labels = [b["label"] for b in theory["buttons"]]
    assert labels == ["All", "Schwartz values", "Moral foundations", "Your own"]
    assert theory["buttons"][2]["args"][0]["visible"] == [False, True, False] * 2
    assert [len(b["args"][0]["marker.color"]) for b in colour["buttons"]] == [3, 3, 3]
    assert [b["args"] for b in axes["buttons"]] == [
        [{"opacity": 1}, [3, 4, 5]],
        [{"opacity": 0}, [3, 4, 5]],
    ]


def test_names_of_arrows_do_not_hide_each_other() -> None:
    space = made_space()
    places = project(space.embeddings)
    one = poles(places, space.embeddings, space.axes)[VALUES[0]]
    figure = draw(places, space.vidb.anchors, dict.fromkeys(VALUES, one))
    heights = sorted(trace.y[3] for trace in figure.data[3:])
    line = np.ptp(places, axis=0).max() / 42
    assert min(np.diff(heights)) > 0.95 * line


class Loads(HTMLParser):
    """What a page would fetch, and the scripts that are its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.fetched += [f"{tag} {v}" for k, v in attrs if k in ("src", "href", "srcset", "data")]


def test_the_page_holds_all_it_needs(page: str) -> None:
    loads = Loads()
    loads.feed(page)
    assert loads.fetched == []
    assert loads.scripts in (2, 3)
    assert "default-src 'none'" in page
    assert len(page) > 3_000_000  # Plotly's script is in it
    assert re.search(r'"showSendToCloud":\s*false', page)
    assert "@import" not in page.partition("<script")[0]


def test_a_text_cannot_break_out_of_the_page(page: str) -> None:
    assert "<script>alert(1)" not in page
    assert 'onclick="x"' not in page


def test_of_many_texts_some_are_shown() -> None:
    page = map_page(made_space(), most=20)
    assert "20 of 36 texts of the made VIDB as the built-in encoder sees them" in page


def test_the_page_draws_and_its_buttons_work_with_every_request_refused(
    page: str, tmp_path: Path
) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("No chromium is installed, so the page was not opened in a browser.")
    from playwright.sync_api import sync_playwright

    file = tmp_path / "map.html"
    file.write_text(page, encoding="utf-8")
    asked, errors = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.route(re.compile("^(?!file:)"), lambda route: route.abort())
        tab.goto(file.as_uri())
        tab.wait_for_selector(".scatterlayer .trace .points path")
        points = ".scatterlayer .trace .points path"
        # 36 texts and, for each of three arrows, its ends (and its name, which is drawn as text).
        everything = tab.locator(points).count()
        assert everything >= 36 + 6
        for value in ("Power", "Care / harm", "frugality"):
            assert tab.locator(".scatterlayer text", has_text=value).count() == 1
        tab.locator(".updatemenu-button", has_text="Moral foundations").click()
        tab.wait_for_function(
            "n => document.querySelectorAll('.scatterlayer .trace .points path').length === n",
            arg=everything // 3,
        )
        assert not any("Share" in (b or "") for b in tab.locator(".modebar-btn").evaluate_all(
            "all => all.map(b => b.dataset.title)"
        ))  # fmt: skip
        browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
