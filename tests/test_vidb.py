"""The anchor file: the built-in one holds what its README promises; a wrong one is refused."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import Anchor, Vidb, VidbError, load_vidb

HEAD = "id,value,intensity,stderr,text\n"
ROW = "a,svt/power,3.5,0.4,Give me the keys.\n"


@pytest.fixture(scope="module")
def seed():
    return load_vidb()


def refusal(folder: Path, text: str) -> str:
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(VidbError) as refused:
        load_vidb(str(file))
    return str(refused.value)


def test_builtin_has_sixty_anchors_for_each_steered_value(seed):
    assert Counter(a.value for a in seed.anchors) == dict.fromkeys(STEERED, 60)
    assert seed.values == STEERED
    assert all(a.stderr is not None for a in seed.anchors)
    first = seed.anchors[0]
    assert (first.id, first.intensity, first.stderr) == ("benevolence-00", 9.49, 0.16)
    assert first.text.startswith("Gave my flatmate half my wages")


def test_anchors_of_a_value_are_sorted_and_span_the_scale(seed):
    for value in STEERED:
        intensities = [a.intensity for a in seed.of(value)]
        assert intensities == sorted(intensities)
        assert intensities[0] < -6 < 6 < intensities[-1], value


def test_texts_are_in_the_order_of_the_anchors(seed):
    assert seed.texts == tuple(a.text for a in seed.anchors)


def test_unknown_value_is_named(seed):
    with pytest.raises(VidbError, match="holds no text for svt/growth"):
        seed.of("svt/growth")


@given(
    st.lists(
        st.tuples(st.sampled_from(STEERED), st.floats(-10, 10), st.text(max_size=9)), min_size=1
    )
)
def test_version_follows_the_content(rows):
    anchors = tuple(Anchor(str(i), v, t, x, None) for i, (v, x, t) in enumerate(rows))
    version = Vidb("one", anchors).version
    assert version == Vidb("two", tuple(anchors)).version
    changed = Anchor("0", anchors[0].value, anchors[0].text + ".", anchors[0].intensity, None)
    assert version != Vidb("one", (changed, *anchors[1:])).version
    assert len(version) == 12


def test_own_file_with_short_names_extra_columns_and_no_stderr(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(
        '\ufeffid,source,value,intensity,text\nx,me,power,-2,"Hand it over,\nwould you?"\n',
        encoding="utf-8",
    )
    vidb = load_vidb(str(file))
    assert vidb.name == "mine.csv"
    assert vidb.anchors == (Anchor("x", "svt/power", "Hand it over,\nwould you?", -2.0, None),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mine.csv has no column id, value, intensity, text"),
        ("id,value,text\na,svt/power,x\n", "mine.csv has no column intensity"),
        (HEAD, "holds no anchors"),
        (HEAD + ROW + ROW, "row 2, column id: 'a' stands in row 1 already"),
        (HEAD + ROW + ",svt/power,1,,x\n", "row 2 (line 3), column id: it is empty"),
        (HEAD + ROW.replace("power", "powr"), "row 1 (line 2), column value: There is no value"),
        (HEAD + ROW.replace("3.5", "10.5"), "column intensity: 10.5 is outside [-10, 10]"),
        (HEAD + ROW.replace("3.5", "nan"), "column intensity: 'nan' is not a number"),
        (HEAD + ROW.replace("3.5", "much"), "column intensity: 'much' is not a number"),
        (HEAD + ROW.replace("0.4", "0"), "column stderr: 0 is not above 0"),
        (HEAD + ROW.replace("0.4", "-"), "column stderr: '-' is not a number"),
        (HEAD + ROW.replace("Give me the keys.", " "), "column text: it is empty"),
        (HEAD + "a,svt/power,3\n", "row 1 (line 2): it has more or fewer cells"),
        (HEAD + ROW.replace("\n", ",more\n"), "row 1 (line 2): it has more or fewer cells"),
        (HEAD + 'a,svt/power,3,,"open\n', "broken CSV"),
    ],
)
def test_wrong_file_is_refused_with_row_and_column(tmp_path, text, said):
    message = refusal(tmp_path, text)
    assert said in message
    assert "mine.csv" in message


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(VidbError, match=r"none\.csv cannot be read: No such file"):
        load_vidb(str(tmp_path / "none.csv"))
    with pytest.raises(VidbError, match="cannot be read"):
        load_vidb(str(tmp_path))
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + b"a,svt/power,1,1,caf\xe9\n")
    with pytest.raises(VidbError, match="not UTF-8"):
        load_vidb(str(tmp_path / "latin.csv"))
