"""VIDB from Hugging Face, and from the environment: what is fetched, and what a person is told."""

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chat_app.chat.studio import Studio
from chat_app.settings import settings
from tests.command_line import one_sentence, run

COMMIT = "c0ffee" + "0" * 34
PREFIX = f"/datasets/snu-aidas/vidb-filtered/resolve/{COMMIT}/"


def parquet(texts: list[str], ratings: list[float]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": texts, "final_rating": ratings}), out)
    return out.getvalue()


FILES = {
    "README.md": b"# The data set",
    "model.bin": bytes(64),
    "data/benevolence.parquet": parquet(["Help her.", "Help her.", "Walk on."], [8, 7, -6]),
    "data/power_pvq_flag_aggregated.csv": b"text,final_rating\nObey me.,9\nNo number,\n",
}


class Hub(BaseHTTPRequestHandler):
    """The part of Hugging Face's interface that fetching a data set takes."""

    asked: list[str]

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        api = "/api/datasets/snu-aidas/vidb-filtered"
        if path == f"{api}/revision/main":
            names = [{"rfilename": name} for name in FILES]
            self.answer(json.dumps({"id": "x/y", "sha": COMMIT, "siblings": names}).encode())
        elif path == f"{api}/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": name, "oid": digest(content), "size": len(content)}
                for name, content in FILES.items()
            ]
            self.answer(json.dumps(tree).encode())
        elif path.removeprefix(PREFIX) in FILES:
            self.answer(FILES[path.removeprefix(PREFIX)])
        else:
            self.send_error(404)

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{digest(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server here that the command line takes for Hugging Face: the paths that it is asked."""
    asked: list[str] = []
    handler = type("OneHub", (Hub,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield asked
    server.shutdown()
    server.server_close()


def test_a_data_set_is_fetched_and_described(hub: list[str], tmp_path: Path) -> None:
    described = json.loads(run("vidb", "describe", "snu-aidas/vidb-filtered", "--json").stdout)
    found = {value["value"]: value["texts"] for value in described["values"]}
    assert found == {"svt/benevolence": 2, "svt/power": 1}
    assert described["name"] == "snu-aidas/vidb-filtered"
    reasons = {dropped["reason"]: dropped["rows"] for dropped in described["dropped"]}
    assert reasons == {"duplicate": 1, "no number": 1}
    fetched = {path.removeprefix(PREFIX) for path in hub if path.startswith(PREFIX)}
    assert fetched == {name for name in FILES if name.startswith("data/")}


def test_a_data_set_that_is_not_there(hub: list[str]) -> None:
    said = one_sentence(run("vidb", "describe", "snu-aidas/none", code=1))
    assert "There is no file or folder snu-aidas/none" in said
    assert not any(path.startswith(PREFIX) for path in hub)


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
