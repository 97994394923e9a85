"""VIDB from Hugging Face, and from the environment: what is fetched, and what a person is told."""

import json
from pathlib import Path

import pytest

from chat_app.chat.studio import Studio
from chat_app.settings import settings
from tests.command_line import one_sentence, run
from tests.hub_server import Fault, LocalHub
from tests.parquet import write_parquet

ID = "snu-aidas/vidb-filtered"


@pytest.fixture
def data_set(hub: LocalHub, tmp_path: Path) -> LocalHub:
    texts = {"text": ["Help her.", "Help her.", "Walk on."], "final_rating": [8, 7, -6]}
    hub.dataset(
        ID,
        {
            "README.md": b"# The data set",
            "model.bin": bytes(64),
            "data/benevolence.parquet": write_parquet(tmp_path / "some.parquet", texts),
            "data/power_pvq_flag_aggregated.csv": b"text,final_rating\nObey me.,9\nNo number,\n",
        },
    )
    return hub


def test_a_data_set_is_fetched_and_described(data_set: LocalHub) -> None:
    done = run("vidb", "describe", ID, "--json")
    described = json.loads(done.stdout)
    found = {value["value"]: value["texts"] for value in described["values"]}
    assert found == {"svt/benevolence": 2, "svt/power": 1}
    assert described["name"] == ID
    reasons = {dropped["reason"]: dropped["rows"] for dropped in described["dropped"]}
    assert reasons == {"duplicate": 1, "no number": 1}
    assert f"{ID} will be fetched from Hugging Face. VIDB is built on texts with" in done.stderr
    assert "ValueNet (CC BY-NC-SA: no commercial use)" in done.stderr
    sent = [path for method, path, _ in data_set.asked if method == "GET" and "/resolve/" in path]
    assert [Path(path).name for path in sent] == [
        "benevolence.parquet",
        "power_pvq_flag_aggregated.csv",
    ]
    data_set.asked.clear()
    again = run("vidb", "describe", ID, "--json")
    assert (json.loads(again.stdout), again.stderr) == (described, "")
    assert data_set.asked == []  # what is here is asked of nobody


def test_a_broken_data_set_is_none(data_set: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = data_set.repos["datasets", ID]
    repo.faults["data/power_pvq_flag_aggregated.csv"] = Fault(flip=True)
    said = run("vidb", "describe", ID, code=1).stderr
    assert "power_pvq_flag_aggregated.csv arrived damaged" in said
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = run("vidb", "describe", ID, code=1).stderr
    assert "not on this computer, and Hugging Face cannot be reached in offline mode" in said


def test_a_data_set_that_is_not_there(data_set: LocalHub) -> None:
    said = run("vidb", "describe", "snu-aidas/none", code=1).stderr
    assert "There is no data set snu-aidas/none on Hugging Face that you may see" in said


def test_the_environment_may_name_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("power", "benevolence"):
        (tmp_path / f"{value}.jsonl").write_text(json.dumps({"text": "x", "score": 2}))
    monkeypatch.setenv("VALUEFLOW_VIDB", str(tmp_path))
    assert Studio(settings()).vidb.values == ("svt/benevolence", "svt/power")
    assert json.loads(run("vidb", "describe", "--json").stdout)["files"] == 2


def test_a_wrong_source_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUEFLOW_VIDB", str(tmp_path / "gone.parquet"))
    said = one_sentence(run("score", "I would help her.", "--value", "svt/power", code=1))
    assert said.startswith("There are no anchors at")
    assert "gone.parquet: give a CSV, JSONL or Parquet file, a folder of them" in said
