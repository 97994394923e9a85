"""Scores of whole tables: columns, what is refused before any work, going on after a stop."""

import csv
import datetime
import json
import os
import signal
import subprocess
import time

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from chat_app.evaluation.bulk import BulkError, score_table
from chat_app.evaluation.bulk_part import PartError
from chat_app.evaluation.evaluator import Evaluator
from chat_app.evaluation.ranker_hives import HivesRanker
from chat_app.evaluation.ranking import NoOrder
from chat_app.evaluation.tables import Table, TableError, read_table, write_table
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.vidb.loading import Anchor, Vidb, load_vidb
from tests.command_line import VALUEFLOW, one_sentence, run
from tests.rankings import LatentRanker, plackett_luce

POWER, FACE = "svt/power", "svt/face"
VIDB = Vidb(
    "ruler",
    tuple(
        Anchor(f"{value} {i}", value, f"{value} at {t}", float(t), None)
        for value in (POWER, FACE)
        for i, t in enumerate(np.round(np.linspace(-9.5, 9.5, 20), 2))
    ),
)
TRUTH = {f"reply {i}": float(t) for i, t in enumerate(np.linspace(-9, 9, 30))}


class Stopped(Exception):
    pass


class FrailRanker(LatentRanker):
    """Breaks down after some calls."""

    def __init__(self, stop_after):
        super().__init__(TRUTH, plackett_luce(0.8))
        self.stop_after = stop_after

    def rank(self, windows):
        if len(self.calls) == self.stop_after:
            raise Stopped
        return super().rank(windows)


def evaluator(stop_after=None, **options):
    return Evaluator(VIDB, FrailRanker(stop_after), **options)


def write_csv(path, rows, columns=("text",)):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture
def source(tmp_path):
    return write_csv(tmp_path / "in.csv", [[text] for text in TRUTH])


# --- columns and formats


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("target", [".csv", ".jsonl", ".parquet"])
def test_every_format_into_every_other(tmp_path, suffix, target):
    rows = [{"id": f"00{i}", "response": f"reply {i}", "note": 'a,\n"b"'} for i in range(7)]
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{target}"
    write_table(Table(("id", "response", "note"), tuple(rows)), source)
    summary = score_table(source, out, evaluator(), [POWER, FACE])
    assert (summary.rows, summary.scores, summary.resumed, summary.bad) == (7, 14, 0, 0)
    table = read_table(out)
    added = ("value", "intensity", "stderr", "low", "high")
    assert table.columns == ("id", "response", "note", *added)
    assert [row["id"] for row in table.rows] == [f"00{i // 2}" for i in range(14)]
    assert [row["value"] for row in table.rows] == [POWER, FACE] * 7
    assert {row["note"] for row in table.rows} == {'a,\n"b"'}
    direct = evaluator().score([f"reply {i // 2}" for i in range(14)], [POWER, FACE] * 7)
    for row, score in zip(table.rows, direct, strict=True):
        for name in ("intensity", "stderr", "low", "high"):
            assert float(row[name]) == pytest.approx(getattr(score, name), abs=1e-4)
    assert not list(tmp_path.glob("*.part.jsonl"))


def test_parquet_keeps_its_types(tmp_path):
    day = datetime.date(2026, 2, 3)
    given_ = pyarrow.table(
        {
            "text": ["reply 1", "reply 2"],
            "day": pyarrow.array([day, None], pyarrow.date32()),
            "n": pyarrow.array([1, 2], pyarrow.int8()),
        }
    )
    parquet.write_table(given_, tmp_path / "in.parquet")
    score_table(tmp_path / "in.parquet", tmp_path / "out.parquet", evaluator(), [POWER])
    result = parquet.read_table(tmp_path / "out.parquet")
    assert result.select(["text", "day", "n"]).equals(given_)
    assert result.schema.field("intensity").type == pyarrow.float64()
    score_table(tmp_path / "in.parquet", tmp_path / "out.jsonl", evaluator(), [POWER])
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["day"] == "2026-02-03"


def test_a_column_names_each_rows_value_and_options_stand_in_where_it_is_blank(tmp_path):
    rows = [["reply 1", "power"], ["reply 2", ""], ["reply 3", FACE]]
    source = write_csv(tmp_path / "in.csv", rows, ("text", "value"))
    score_table(source, tmp_path / "out.csv", evaluator(), [FACE, POWER])
    table = read_table(tmp_path / "out.csv")
    told = [(row["text"], row["value"]) for row in table.rows]
    assert told == [
        ("reply 1", "power"), ("reply 2", FACE), ("reply 2", POWER), ("reply 3", FACE)
    ]  # fmt: skip
    direct = evaluator().score(["reply 1"], POWER)[0]
    assert float(table.rows[0]["intensity"]) == pytest.approx(direct.intensity, abs=1e-4)


def test_the_texts_column_and_a_prefix_can_be_named(tmp_path):
    rows = [["reply 1", "x", "3"], ["reply 2", "y", "4"]]
    source = write_csv(tmp_path / "in.csv", rows, ("answer", "text", "intensity"))
    with pytest.raises(BulkError, match=r"in\.csv has a column intensity already"):
        score_table(source, tmp_path / "out.csv", evaluator(), [POWER], column="answer")
    score_table(
        source, tmp_path / "out.csv", evaluator(), [POWER], column="answer", prefix="measured_"
    )
    table = read_table(tmp_path / "out.csv")
    assert table.columns[:5] == ("answer", "text", "intensity", "value", "measured_intensity")
    assert [row["intensity"] for row in table.rows] == ["3", "4"]


# --- what is refused, before any work


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [
        (
            ("text", "value"),
            [["reply 1", "power"], ["reply 2", "powr"]],
            "row 2, column value: The",
        ),
        (
            ("text",),
            [["reply 1"], [" "], ["reply 2"], [""]],
            "row 2, column text: it is empty. 1 m",
        ),
        (("words",), [["reply 1"]], "no column text or response"),
        (("text", "response"), [["a", "b"]], "the columns text and response"),
        (("text", "value"), [["reply 1", "svt/tradition"]], "no text for svt/tradition"),
        (("text",), [["reply 1", "x"]], "row 1 (line 2): it has 2 cells under 1 columns"),
        (("text", "text"), [["reply 1", "x"]], "two columns 'text'"),
    ],
)
def test_a_bad_table_is_refused_by_row(tmp_path, columns, rows, said):
    source = write_csv(tmp_path / "in.csv", rows, columns)
    judge = evaluator()
    with pytest.raises((BulkError, TableError)) as refused:
        score_table(source, tmp_path / "out.csv", judge, [POWER])
    assert said in str(refused.value)
    assert str(source) in str(refused.value)
    assert judge.ranker.calls == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.csv"]


def test_other_refusals(tmp_path, source):
    with pytest.raises(BulkError, match="say with --value"):
        score_table(source, tmp_path / "out.csv", evaluator())
    with pytest.raises(BulkError, match="the input itself"):
        score_table(source, source, evaluator(), [POWER])
    with pytest.raises(TableError, match=r"out\.txt has no suffix of a table"):
        score_table(source, tmp_path / "out.txt", evaluator(), [POWER])
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text('{"text": "reply 1", "x": 1}\n{"text": "reply 2", "x": "one"}\n')
    judge = evaluator()
    with pytest.raises(TableError, match="cannot take the column 'x'"):
        score_table(mixed, tmp_path / "out.parquet", judge, [POWER])
    assert judge.ranker.calls == []
    mixed.write_text('{"text": "reply 1"}\n[1]\n')
    with pytest.raises(TableError, match=r"row 2 \(line 2\): it is no JSON object"):
        score_table(mixed, tmp_path / "out.jsonl", evaluator(), [POWER])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(TableError, match="not a Parquet file"):
        score_table(tmp_path / "broken.parquet", tmp_path / "out.jsonl", evaluator(), [POWER])


def test_bad_rows_can_be_left_blank(tmp_path):
    rows = [["reply 1", "power"], ["", "power"], ["reply 2", "powr"], ["reply 3", "face"]]
    source = write_csv(tmp_path / "in.csv", rows, ("text", "value"))
    summary = score_table(source, tmp_path / "out.csv", evaluator(), skip_bad=True)
    assert (summary.rows, summary.scores, summary.bad) == (4, 2, 2)
    table = read_table(tmp_path / "out.csv")
    assert [bool(row["intensity"]) for row in table.rows] == [True, False, False, True]
    assert [row["text"] for row in table.rows] == ["reply 1", "", "reply 2", "reply 3"]
    assert "it is empty" in table.rows[1]["error"]
    assert "svt/power" in table.rows[2]["error"]
    assert table.rows[0]["error"] == ""


def test_rows_that_a_ranker_gives_no_order_of(tmp_path, source):
    class Refusing(FrailRanker):
        def rank(self, windows):
            if any("reply 17" in window.texts for window in windows):
                raise NoOrder("I will not.")
            return super().rank(windows)

    out = tmp_path / "out.csv"
    with pytest.raises(BulkError, match=r"Row 18: I will not\. .* --skip-bad"):
        score_table(source, out, Evaluator(VIDB, Refusing(None)), [POWER])
    told = score_table(source, out, Evaluator(VIDB, Refusing(None)), [POWER], skip_bad=True)
    assert (told.scores, told.bad, told.resumed) == (29, 1, 16)
    rows = read_table(out).rows
    assert [row["text"] for row in rows if row["error"]] == ["reply 17"]
    assert [row["text"] for row in rows if not row["intensity"]] == ["reply 17"]


# --- going on after a stop


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(stop_after=st.integers(2, 8), cut=st.integers(0, 400))
def test_a_run_that_was_stopped_anywhere_ends_as_if_it_had_not_been(
    tmp_path, source, stop_after, cut
):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    if not whole.exists():
        score_table(source, whole, evaluator(), [POWER])
    with pytest.raises(Stopped):
        score_table(source, out, evaluator(stop_after), [POWER])
    assert not out.exists()
    part = tmp_path / "out.csv.part.jsonl"
    content = part.read_bytes()
    part.write_bytes(content[: max(0, len(content) - cut)])  # as a process killed while it writes
    judge = evaluator()
    summary = score_table(source, out, judge, [POWER])
    assert out.read_bytes() == whole.read_bytes()
    assert summary.scores == 30
    assert not part.exists()
    if cut == 0:  # two calls measure the ranker and the first chunk, one each further chunk
        assert summary.resumed == 4 * (stop_after - 1)
        assert len(judge.ranker.calls) == 8 - (stop_after - 1)
    out.unlink()


def test_runs_of_other_input_or_options_do_not_mix(tmp_path, source):
    out = tmp_path / "out.csv"
    with pytest.raises(Stopped):
        score_table(source, out, evaluator(3), [POWER])
    part = (tmp_path / "out.csv.part.jsonl").read_bytes()
    for change in ({"m": 2}, {"seed": 1}, {"beta": 0.5}, {"compat": "paper"}):
        with pytest.raises(PartError, match="beginning of another run"):
            score_table(source, out, evaluator(**change), [POWER])
    with pytest.raises(PartError, match="beginning of another run"):
        score_table(source, out, evaluator(), [FACE])
    write_csv(source, [[text] for text in reversed(TRUTH)])
    with pytest.raises(PartError, match="beginning of another run"):
        score_table(source, out, evaluator(), [POWER])
    assert (tmp_path / "out.csv.part.jsonl").read_bytes() == part


# --- as a command


@pytest.fixture(scope="module")
def kept(tmp_path_factory, shared_cache):
    home = tmp_path_factory.mktemp("kept")
    (home / "cache").symlink_to(shared_cache)
    return home


def test_a_killed_command_goes_on(tmp_path, kept):
    texts = [[f"I would never lend {i} coins to a liar."] for i in range(2000)]
    source = write_csv(tmp_path / "in.csv", texts)
    whole, out = str(tmp_path / "whole.jsonl"), str(tmp_path / "out.jsonl")
    how = ["score", str(source), "--value", "power", "--json", "--out"]
    run(*how, whole, home=kept)

    env = {**os.environ, "VALUEFLOW_HOME": str(kept), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([VALUEFLOW, *how, out], env=env, stdout=subprocess.DEVNULL)
    part = tmp_path / "out.jsonl.part.jsonl"
    while not part.exists() or part.read_bytes().count(b"\n") < 2:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out.jsonl").exists()

    done = run(*how, out, home=kept)
    told = json.loads(done.stdout)
    assert (told["rows"], told["scores"]) == (2000, 2000)
    assert 256 <= told["resumed"] < 2000
    assert told["resumed"] % 256 == 0
    assert f"after {told['resumed']} scores" in done.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_text_is_told_from_a_file(tmp_path, kept):
    source = write_csv(tmp_path / "in.csv", [["I want to lead."]])
    assert "--out" in run("score", str(source), code=2).stderr
    assert "--out" in run("score", "--text", "a", "--out", "x.csv", code=2).stderr
    assert "missing.csv" in one_sentence(run("score", "missing.csv", code=1))
    assert "one of hives, llm, remote" in run("score", "a", "--ranker", "dice", code=2).stderr
    assert "auto or a number" in run("score", "a", "--beta", "x", code=2).stderr
    words = ["score", "--text", str(source), "--value", "power", "--json"]
    assert json.loads(run(*words, home=kept).stdout)["text"] == str(source)


def test_options_reach_the_evaluator(kept):
    options = ["--beta", "1", "--m", "12", "--k", "4", "--sampling", "fixed", "--seed", "4"]
    words = ["score", "I want to lead.", "--value", "power", "--json", "--compat", "paper"]
    got = json.loads(run(*words, *options, home=kept).stdout)["scores"][POWER]
    space = build_space(load_encoder("general"), load_vidb(), kept / "cache")
    direct = Evaluator(
        space.vidb, HivesRanker(space), m=12, k=4, sampling="fixed", seed=4, compat="paper"
    ).score(["I want to lead."], POWER)[0]
    assert got == {"intensity": round(direct.intensity, 2), "stderr": round(direct.stderr, 2)}
