"""What the Values page knows of each value."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.atlas import dose_response, examples, neighbours, search
from chat_app.chat.studio import Studio
from chat_app.settings import settings
from chat_app.ui.pages.dose_chart import dose_html
from chat_app.ui.pages.values_html import about_html, near_html, tree_html
from chat_app.values.taxonomy import STEERED, THEORIES, get_value
from chat_app.vidb.loading import load_vidb

EVERY = [value for theory in THEORIES.values() for value in theory.values]


@pytest.mark.parametrize("value", STEERED)
def test_every_steered_value_has_examples_in_their_bands(value: str):
    bands = examples(load_vidb("builtin"), value)
    assert len(bands) == 5
    assert any(band.anchors for band in bands)
    for band in bands:
        assert all(band.low <= a.intensity <= band.high for a in band.anchors)
        assert all(a.value == value for a in band.anchors)


def test_the_tree_holds_every_value_and_each_page_can_be_made():
    tree, vidb = tree_html("svt/power"), load_vidb("builtin")
    for value in EVERY:
        assert f'data-value="{value.id}"' in tree
        page = about_html(value, examples(vidb, value.id))
        assert ("Use in a chat" in page) == value.steered
    assert tree.count("<details") == tree.count("</details>") == 4
    assert tree.count(" open>") == 1


def test_search_finds_names_before_definitions():
    assert search("privacy")[0].id == "right/civil_rights:right_to_privacy"
    assert {v.id for v in search("HEDONISM")} == {"svt/hedonism"}
    found = [v.id for v in search("family")]
    assert "svt/benevolence" in found
    assert search("  ") == []


@given(st.text(max_size=40))
def test_search_takes_anything(words: str):
    assert {v.id for v in search(words)} <= {v.id for v in EVERY}


def test_neighbours_lie_in_other_theories_and_in_ones_own(studio: Studio):
    found = neighbours(studio, "mft/care-harm")
    assert found is not None
    assert all(near.value.theory != "mft" for near in found.alike)
    assert all(near.value.theory == "mft" for near in found.akin)
    cosines = [near.cosine for near in found.alike]
    assert cosines == sorted(cosines, reverse=True)
    assert max(cosines) < 1
    assert all(near.cosine < 0 for near in found.apart)
    shown = near_html("Its neighbours", found)
    assert f'data-value="{found.alike[0].value.id}"' in shown


def test_the_curve_of_the_built_in_model(studio: Studio):
    response = dose_response(studio, "svt/benevolence")
    assert response is not None
    shown = dose_html("Curve", response, "<model>")
    assert shown.count("<circle") == len(response.coefficients)
    assert "&lt;model&gt;" in shown
    assert 'href="/calibrate"' in dose_html("Curve", None, "x")


def test_the_page_is_laid_out_without_torch():
    code = (
        "import sys; from chat_app.ui.pages import OTHERS; "
        "from chat_app.chat.atlas import examples; from chat_app.vidb.loading import load_vidb; "
        "examples(load_vidb('builtin'), 'svt/power'); "
        "print(sorted({'torch', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_value_above_the_steered_ones_leads_to_them():
    value = get_value("svt/self-transcendence")
    page = about_html(value, examples(load_vidb(settings().vidb), value.id))
    assert "not steered by itself" in page
    assert 'data-value="svt/benevolence"' in page
