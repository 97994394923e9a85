"""``valueflow hives`` as a person runs it, on a tiny encoder of its own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet
from typer.testing import CliRunner

from chat_app.cli import app
from chat_app.hives.encoder import load_encoder
from chat_app.hives.saving import save_whole
from chat_app.hives.scratch import train_tokenizer, untrained_bag
from tests.command_line import one_sentence, run

HEADING = "text,theory,level_1,direction,intensity\n"
DEEDS = {"mft,care/harm": "nurse her", "duty,fidelity": "keep my word"}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("texts") / "texts.csv"
    rows = [
        f"{time} I {adverb} {deed}.,{path},{direction},{y}\n"
        for path, deed in DEEDS.items()
        for time in ("Now", "Often", "Today")
        for adverb, direction, y in (("gladly", "support", 8), ("never", "oppose", -8))
    ]
    file.write_text(HEADING + "".join(rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def vidb(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("vidb") / "vidb.csv"
    rows = [
        f"{value},{place} I {adverb} {deed}.,{y}\n"
        for value, deed in (("mft/care-harm", "help out"), ("duty/fidelity", "tell the truth"))
        for place in ("At home", "At work", "Here", "There", "At sea", "Abroad")
        for adverb, y in (("gladly", 8), ("hardly", -4), ("never", -8))
    ]
    file.write_text("value,text,intensity\n" + "".join(rows), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def base(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base") / "bag"
    torch.manual_seed(0)
    save_whole(untrained_bag(train_tokenizer([texts.read_text()], 120), dim=12), folder)
    return str(folder)


def called(*args: str, code: int = 0, typed: str | None = None) -> str:
    """What the command prints on stdout, run in this process."""
    done = CliRunner().invoke(app, ["hives", *args], input=typed, catch_exceptions=code == 0)
    assert done.exit_code == code, done.output
    return done.stdout


def test_train_then_evaluate_then_encode(texts: Path, vidb: str, base: str, tmp_path: Path) -> None:
    out = tmp_path / "trained"
    steps = ("--stage1-steps", "3", "--stage2-steps", "2", "--batch", "8", "--lr", "0.01")
    said = json.loads(
        called("train", str(texts), "--base", base, "--out", str(out), *steps,
               "--hold-out", "0.3", "--json")
    )  # fmt: skip
    assert said["folder"] == str(out)
    assert said["texts"] + said["held_out"] == 12
    assert 0 < said["held_out"] < 8
    assert load_encoder(str(out)).dim == 12

    answer = json.loads(
        called("evaluate", str(out), "--texts", str(texts), "--vidb", vidb,
               "--against", "tfidf", "--against", "random", "--json")
    )  # fmt: skip
    first, tfidf, chance = answer["encoders"]
    assert [first["name"], tfidf["name"], chance["name"]] == [str(out), "tfidf", "random"]
    assert first["asked"] == first["signed"] == 12
    assert set(first["spearman"]) == {"mft/care-harm", "duty/fidelity"}
    assert set(first["metrics"]) == {
        "rank_acc_strict", "rank_acc_pairwise", "sim_corr", "axis_orthogonality"
    }  # fmt: skip
    table = called("evaluate", str(out), "--vidb", vidb, "--hold-out", "0.4")
    for name in ("rank_acc_strict", "sign accuracy", "spearman (mean)", "duty/fidelity"):
        assert name in table

    words = ["Now I gladly nurse her.", "“Never!”, she said."]
    z = load_encoder(str(out)).encode(words)
    for suffix in ("npy", "npz", "jsonl", "parquet"):
        file = tmp_path / f"v.{suffix}"
        typed = "\n".join(words) + "\n\n"
        called("encode", "--out", str(file), "--hives", str(out), typed=typed)
        if suffix == "npy":
            assert np.load(file) == pytest.approx(z)
        elif suffix == "npz":
            with np.load(file) as stored:
                assert stored["texts"].tolist() == words
                assert (stored["vectors"] == z).all()
        elif suffix == "jsonl":
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            assert [row["text"] for row in rows] == words
            assert (np.array([row["vector"] for row in rows], dtype=np.float32) == z).all()
        else:
            rows = parquet.read_table(file).to_pylist()
            assert [row["text"] for row in rows] == words
            assert (np.array([row["vector"] for row in rows], dtype=np.float32) == z).all()


def test_encode_takes_the_column_of_a_table(texts: Path, base: str, tmp_path: Path) -> None:
    out = tmp_path / "v.npy"
    said = json.loads(called("encode", str(texts), "--out", str(out), "--hives", base, "--json"))
    assert (said["texts"], said["dim"]) == (12, 12)
    assert np.load(out).shape == (12, 12)


def test_map_writes_a_page(vidb: str, base: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "map.html"
    assert called("map", "--out", str(out), "--vidb", vidb, "--hives", base) == ""
    assert "<title>36 texts of" in out.read_text(encoding="utf-8")


def test_what_goes_wrong_is_said_in_one_sentence(texts: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(HEADING + "Hm.,svt,benevolenc,support,\n", encoding="utf-8")
    said = one_sentence(run("hives", "train", str(bad), "--out", str(tmp_path / "x"), code=1))
    assert said == "bad.csv, row 1: svt has no value 'benevolenc'."
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("encode", "--out", "v.txt"),
        ("map", "--method", "pca"),
        ("train", "--batch", "2"),
        ("evaluate", "--hold-out", "1"),
    ],
)
def test_mistyped_commands_exit_with_2(args: tuple[str, ...]) -> None:
    called(*args, code=2, typed="a\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("evaluate", "--against", "bm25"), "There is no baseline 'bm25'"),
        (("encode", "--out", "v.npy"), "There are no texts to encode"),
        (("encode", "nowhere.txt", "--out", "v.npy"), "There is no file of texts nowhere.txt"),
        (("train", "--resume", "--out", "nowhere", "--base", "BASE"), "There is no checkpoint"),
    ],
)
def test_errors_name_what_is_wrong(base: str, args: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["hives", *(base if a == "BASE" else a for a in args)], input="")
    assert done.exit_code == 1
    assert said in str(done.exception)
