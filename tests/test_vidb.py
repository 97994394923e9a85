"""The anchors: the built-in ones are as promised; bad rows are left out and counted."""

import csv
import json
import logging
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import Anchor, Vidb, VidbError, load_vidb, read_vidb
from chat_app.vidb.naming import named_value
from tests.parquet import write_parquet

HEAD = "id,value,intensity,stderr,text\n"
ROW = "a,svt/power,3.5,0.4,Give me the keys.\n"
KEYS = Anchor("a", "svt/power", "Give me the keys.", 3.5, 0.4)


@pytest.fixture(scope="module")
def seed():
    return load_vidb()


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


def test_builtin_has_sixty_anchors_for_each_steered_value(seed):
    assert Counter(a.value for a in seed.anchors) == dict.fromkeys(STEERED, 60)
    assert seed.values == STEERED
    assert all(a.stderr is not None for a in seed.anchors)
    first = seed.anchors[0]
    assert (first.id, first.intensity, first.stderr) == ("benevolence-00", 9.49, 0.16)
    assert first.text.startswith("Gave my flatmate half my wages")


def test_nothing_of_the_builtin_is_left_out_and_its_version_stays():
    """Stored scores and cached states refer to this version."""
    vidb, report = read_vidb()
    assert (report.kept, dict(report.dropped), str(report)) == (1920, {}, "")
    assert vidb.version == "8857953add28"


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
    source = written(
        tmp_path / "mine.csv",
        '\ufeffid,source,value,intensity,text\nx,me,power,-2,"Hand it over,\nwould you?"\n',
    )
    vidb = load_vidb(source)
    assert vidb.name == "mine.csv"
    assert vidb.anchors == (Anchor("x", "svt/power", "Hand it over,\nwould you?", -2.0, None),)


@pytest.mark.parametrize(
    ("row", "reason", "said"),
    [
        ("b,svt/power,3,,\n", "no text", "row 2 (no text)"),
        ("b,svt/power,much,,x\n", "no number", "row 2 (no number: 'much')"),
        ("b,svt/power,,,x\n", "no number", "row 2 (no number: '')"),
        ("b,svt/power,nan,,x\n", "no number", "row 2 (no number: 'nan')"),
        ("b,svt/power,inf,,x\n", "no number", "row 2 (no number: 'inf')"),
        ("b,svt/power,10.5,,x\n", "outside the scale", "row 2 (outside the scale: '10.5')"),
        ("b,svt/powr,3,,x\n", "unknown value", "row 2 (unknown value: 'svt/powr')"),
        ("b,,3,,x\n", "unknown value", "row 2 (unknown value: '')"),
        ("b,power,-1,,Give me the keys. \n", "duplicate", "row 2 (duplicate)"),
        ("b,svt/power,3\n", "broken row", "row 2 (broken row)"),
        ("b,svt/power,3,,x,more\n", "broken row", "row 2 (broken row)"),
    ],
)
def test_a_bad_row_is_left_out_and_counted(tmp_path, caplog, row, reason, said):
    source = written(tmp_path / "mine.csv", HEAD + ROW + row + row)
    vidb, report = read_vidb(source)
    assert vidb.anchors == (KEYS,)
    assert dict(report.dropped) == {reason: 2}
    assert report.examples[reason] == f"mine.csv, {said}"
    assert report.kept == 1
    with caplog.at_level(logging.WARNING):
        load_vidb(source)
    (record,) = caplog.records
    assert f"2 of 3 rows were left out (2 {reason})" in record.getMessage()


@pytest.mark.parametrize("stderr", ["", "0", "-1", "-", "nan"])
def test_a_standard_error_that_is_none_is_unknown(tmp_path, stderr):
    vidb, report = read_vidb(written(tmp_path / "m.csv", HEAD + f"a,power,3,{stderr},x\n"))
    assert vidb.anchors[0].stderr is None
    assert report.kept == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mine.csv has the columns (none): VIDB needs text and one of intensity"),
        ("id,value,text\na,svt/power,x\n", "mine.csv has the columns id, value, text: VIDB needs"),
        ("text,rating\nx,1\n", "and a value column or a file named after its value"),
        (HEAD, "mine.csv holds no anchors, only headings"),
        (HEAD + "a,powr,1,,x\n", "mine.csv holds no anchors: mine.csv: 1 of 1 rows were left out"),
        (HEAD + 'a,svt/power,3,,"open\n', "mine.csv, line 2: broken CSV"),
    ],
)
def test_a_file_without_anchors_is_refused(tmp_path, text, said):
    with pytest.raises(VidbError) as refused:
        load_vidb(written(tmp_path / "mine.csv", text))
    assert said in str(refused.value)


def test_sources_that_cannot_be_read(tmp_path):
    with pytest.raises(VidbError, match=r"There are no anchors at .*none\.csv: give a CSV"):
        load_vidb(str(tmp_path / "none.csv"))
    with pytest.raises(VidbError, match="holds no CSV, JSONL or Parquet file"):
        load_vidb(str(tmp_path))
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + b"a,svt/power,1,1,caf\xe9\n")
    with pytest.raises(VidbError, match="not UTF-8"):
        load_vidb(str(tmp_path / "latin.csv"))
    for content in (b"PAR1 and no more", b"", b"PAR1" + bytes(40) + b"PAR1"):
        (tmp_path / "torn.parquet").write_bytes(content)
        with pytest.raises(VidbError, match=r"torn\.parquet (is not a Parquet|cannot be read)"):
            load_vidb(str(tmp_path / "torn.parquet"))


def test_a_row_without_an_id_gets_a_stable_one(tmp_path):
    one = load_vidb(written(tmp_path / "one.csv", "value,rating,text\npower,1,x\npower,2,y\n"))
    two = load_vidb(written(tmp_path / "two.csv", "value,rating,text\npower,2,y\n"))
    assert one.anchors[1].id == two.anchors[0].id
    assert one.anchors[0].id != one.anchors[1].id
    assert one.anchors[0].id.startswith("power-")


def test_an_id_that_two_texts_claim_goes_to_the_first(tmp_path):
    rows = "0,power,1,,x\n0,face,2,,x\n0,power,3,,y\n"
    vidb = load_vidb(written(tmp_path / "m.csv", HEAD + rows))
    assert vidb.anchors[0].id == "0"
    assert len({a.id for a in vidb.anchors}) == 3


def test_jsonl(tmp_path):
    lines = [
        json.dumps({"id": 7, "value": "Power", "Score": -3, "text": "One\u2028two."}),
        "",
        "{broken",
        '["a", "list"]',
        json.dumps({"value": "power", "score": True, "text": "x"}),
        json.dumps({"value": "power", "score": "4.5", "text": "y"}, ensure_ascii=False),
        json.dumps({"value": "power", "score": 1, "text": None}),
        json.dumps({"value": ["power"], "score": 1, "text": "z"}),
    ]
    vidb, report = read_vidb(written(tmp_path / "m.jsonl", "\n".join(lines)))
    first = vidb.anchors[0]
    assert (first.id, first.text) == ("7", "One\u2028two.")
    assert [a.intensity for a in vidb.anchors] == [-3.0, 4.5]
    expected = {"broken row": 2, "no number": 1, "no text": 1, "unknown value": 1}
    assert dict(report.dropped) == expected


def test_parquet_as_the_published_data_set_has_it(tmp_path):
    """A file for each value, with no column but text and final_rating."""
    columns = {"text": ["Help her.", None, "Walk on."], "final_rating": [8.5, 1.0, -6.25]}
    write_parquet(tmp_path / "data" / "benevolence.parquet", columns)
    shard = {"text": ["Care."], "final_rating": [5.0]}
    write_parquet(tmp_path / "data" / "mft_care" / "train-00000-of-00001.parquet", shard)
    vidb, report = read_vidb(str(tmp_path))
    found = {(a.value, a.text, a.intensity) for a in vidb.anchors}
    assert found == {
        ("svt/benevolence", "Help her.", 8.5),
        ("svt/benevolence", "Walk on.", -6.25),
        ("mft/care-harm", "Care.", 5.0),
    }
    assert report.files == 2
    assert dict(report.dropped) == {"no text": 1}


def test_one_parquet_file_with_value_and_theory_columns(tmp_path):
    columns = {
        "text": ["x", "x", "y", "z"],
        "final_rating": [1, 2, 3, 4],
        "theory": ["duty", "mft", "pvq", "luck"],
        "value": ["justice", "fairness", "self-direction", "power"],
    }
    vidb, report = read_vidb(str(write_parquet(tmp_path / "train-00000-of-00001.parquet", columns)))
    values = [a.value for a in vidb.anchors]
    assert values == ["duty/justice", "mft/fairness-cheating", "svt/self-direction"]
    assert dict(report.dropped) == {"unknown value": 1}


def test_a_folder_in_the_papers_naming(tmp_path):
    for name in ("self-direction_pvq", "care_mft", "justice_duty", "civil_rights_right"):
        written(tmp_path / f"{name}_flag_aggregated.csv", f"text,final_rating\n{name} text,2.5\n")
    vidb = load_vidb(str(tmp_path))
    values = ["mft/care-harm", "right/civil_rights", "duty/justice", "svt/self-direction"]
    assert [a.value for a in vidb.anchors] == values


def test_every_steered_value_is_found_by_the_papers_file_name(tmp_path):
    theories = {"svt": "pvq", "mft": "mft", "duty": "duty", "right": "right"}
    for value in STEERED:
        theory, name = value.split("/")
        written(
            tmp_path / f"{name}_{theories[theory]}_flag_aggregated.csv",
            f"text,final_rating\nAbout {value}.,1\n",
        )
    vidb = load_vidb(str(tmp_path))
    assert {a.text: a.value for a in vidb.anchors} == {f"About {v}.": v for v in STEERED}


def test_files_of_a_folder_that_are_not_vidbs_are_named(tmp_path):
    written(tmp_path / "power.csv", "text,rating\nx,1\n")
    written(tmp_path / "labels.csv", "label,count\na,1\n")
    written(tmp_path / ".cache" / "power.csv", "text,rating\ny,1\n")
    vidb, report = read_vidb(str(tmp_path))
    assert [a.text for a in vidb.anchors] == ["x"]
    assert dict(report.skipped) == {"labels.csv": ("label", "count")}
    assert "labels.csv was left out: its columns are label, count." in str(report)


cells = st.one_of(st.sampled_from(["power", "svt/face", "1", "-10", "x"]), st.text(max_size=5))


@given(st.lists(st.lists(cells, min_size=3, max_size=4), max_size=8))
def test_every_row_is_kept_or_counted(tmp_path_factory, rows):
    """Whatever the cells hold; the first row is good, so that something remains."""
    path = tmp_path_factory.mktemp("any") / "m.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["value", "rating", "text"], ["power", 0, "good"], *rows])
    vidb, report = read_vidb(str(path))
    assert report.kept == len(vidb.anchors)
    assert report.kept + sum(report.dropped.values()) == 1 + len(rows)
    assert report.examples.keys() == report.dropped.keys()
    assert len({a.id for a in vidb.anchors}) == report.kept


@pytest.mark.parametrize("value", STEERED)
def test_values_are_found_by_theory_and_name(value):
    theory, name = value.split("/")
    assert named_value(name, theory) == value
    assert named_value(name.replace("_", " ").title(), theory.upper()) == value
    assert named_value(value) == value
    assert named_value(value, theory) == value
