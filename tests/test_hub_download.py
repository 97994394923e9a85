"""Fetching from a hub: what is asked, what goes wrong on the way, and what is kept of it."""

import hashlib
import threading
from pathlib import Path

import pytest
from huggingface_hub import constants, try_to_load_from_cache

from chat_app.llm.download import StoppedError, fetch
from chat_app.llm.hub import HubError, Repository, here, look_up
from tests.hub_server import TOKEN, Fault, LocalHub, Repo

ID = "maker/tiny-GGUF"
NAME = "tiny-Q8_0.gguf"
MB = 2**20
CONTENT = hashlib.shake_256(b"a model").digest(4 * MB)


@pytest.fixture
def repo(hub: LocalHub) -> Repo:
    return hub.model(ID, {NAME: CONTENT, "README.md": b"# Tiny"}, licence="apache-2.0")


def partial_bytes() -> int:
    """What is kept of a file that has not come to its end."""
    found = list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))
    return found[0].stat().st_size if found else -1


def offered() -> list[str]:
    """The files that huggingface_hub's cache shows."""
    return [file.name for found in here(ID) for file in found.files]


def fetch_it(**options: object) -> list[Path]:
    found = look_up(ID)
    return fetch(found, [f for f in found.files if f.name == NAME], **options)  # type: ignore[arg-type]


def test_a_file_comes_whole_and_huggingface_hub_knows_it(hub: LocalHub, repo: Repo) -> None:
    told: list[tuple[str, int, int]] = []
    (path,) = fetch_it(progress=lambda *each: told.append(each))
    assert path.read_bytes() == CONTENT
    assert try_to_load_from_cache(ID, NAME) == str(path)
    done = [each[1] for each in told]
    assert done == sorted(done)
    assert (done[-1], told[-1][2]) == (4 * MB, 4 * MB)
    assert len(set(done)) >= 4
    found = look_up(ID)
    assert (found.licence, found.gated, found.commit) == ("apache-2.0", False, repo.commit)
    assert offered() == [NAME]
    hub.asked.clear()
    assert fetch_it() == [path]
    assert hub.sent(NAME) == []


def test_small_files_are_checked_too(hub: LocalHub, repo: Repo) -> None:
    found = look_up(ID)
    paths = fetch(found, found.files)
    assert [path.name for path in paths] == [NAME, "README.md"]
    assert paths[1].read_bytes() == b"# Tiny"


def test_a_short_break_is_not_noticed(hub: LocalHub, repo: Repo) -> None:
    repo.faults[NAME] = Fault(breaks=[MB + 5])
    assert fetch_it()[0].read_bytes() == CONTENT
    assert f"bytes={MB}-" in hub.sent(NAME)


def test_after_a_long_break_it_goes_on_where_it_stopped(
    hub: LocalHub, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _s: None)  # between huggingface_hub's own tries
    repo.faults[NAME] = Fault(breaks=[2 * MB + 9] + [0] * 10)
    with pytest.raises(HubError, match=r"connection broke: 2 MB of 4 MB of .* are kept"):
        fetch_it()
    assert partial_bytes() == 2 * MB
    assert offered() == []
    repo.faults.clear()
    hub.asked.clear()
    assert fetch_it()[0].read_bytes() == CONTENT
    assert set(hub.sent(NAME)) == {f"bytes={2 * MB}-"}
    assert partial_bytes() == -1


def test_a_damaged_file_is_deleted_and_named(repo: Repo) -> None:
    repo.faults[NAME] = Fault(flip=True)
    with pytest.raises(HubError, match=rf"{NAME} arrived damaged .* was deleted"):
        fetch_it()
    assert offered() == []
    assert partial_bytes() == -1
    repo.faults.clear()
    assert fetch_it()[0].read_bytes() == CONTENT


def test_stopping_keeps_what_there_is(hub: LocalHub, repo: Repo) -> None:
    cancel = threading.Event()

    def stop_at_half(_what: str, done: int, total: int) -> None:
        if done >= total / 2:
            cancel.set()

    with pytest.raises(StoppedError, match=r"2 MB of 4 MB .* are kept"):
        fetch_it(progress=stop_at_half, cancel=cancel)
    assert offered() == []
    hub.asked.clear()
    fetch_it()
    # the piece that was told of last was not written yet
    assert set(hub.sent(NAME)) == {f"bytes={MB}-"}


@pytest.mark.parametrize("name", ["../out.gguf", "/out.gguf", "a//out.gguf", "C:/out.gguf"])
def test_an_answer_cannot_lead_out_of_the_cache(hub: LocalHub, name: str) -> None:
    hub.model("maker/sly", {name: CONTENT[:9]})
    with pytest.raises(HubError, match="names that can be none"):
        look_up("maker/sly")


def test_no_room(repo: Repo) -> None:
    repo.faults[NAME] = Fault(size=10**16)
    with pytest.raises(HubError, match=r"no room for maker/tiny-GGUF: 10000000\.0 GB are to come"):
        fetch_it()
    assert partial_bytes() == -1


def test_two_at_once(repo: Repo) -> None:
    repo.faults[NAME] = Fault(pace=8 * MB)
    begun, results = threading.Event(), []

    def started(_what: str, done: int, _total: int) -> None:
        if done:
            begun.set()

    def first() -> None:
        results.append(fetch_it(progress=started))

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(10)
    (path,) = fetch_it()  # waits for the other one, and finds its file
    thread.join()
    assert results == [[path]]
    assert path.read_bytes() == CONTENT


def test_what_cannot_be_had_is_said(hub: LocalHub, repo: Repo, monkeypatch) -> None:
    hub.model("maker/gated", {NAME: CONTENT}, gated=True)
    hub.model("maker/private", {NAME: CONTENT}, private=True)
    for id, words in {
        "maker/none": "There is no model maker/none on Hugging Face that you may see",
        "maker/private": "a private one needs `hf auth login` or HF_TOKEN",
        "not/a/name": "no name of a model on Hugging Face",
    }.items():
        with pytest.raises(HubError, match=words):
            look_up(id)
    gated = look_up("maker/gated")
    assert gated.gated
    with pytest.raises(HubError, match=r"accept its conditions: open http.*/maker/gated, accept"):
        fetch(gated, gated.files)
    gone = Repository(ID, "model", repo.commit, look_up("maker/gated").files[:1])
    del repo.files[NAME]
    with pytest.raises(HubError, match=f"There is no file {NAME} in {ID}"):
        fetch(gone, gone.files)
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(HubError, match="does not let your token read"):
        look_up(ID)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert look_up("maker/private").files


def test_the_token_stays_with_the_hub(hub: LocalHub, tmp_path: Path) -> None:
    hub.model(ID, {NAME: CONTENT}, private=True)
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text(TOKEN)
    assert fetch_it()[0].read_bytes() == CONTENT
    assert any(path.startswith("/cdn/") for _, path, _ in hub.asked)
    assert hub.leaked == []


def test_nobody_there(hub: LocalHub, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.faults[NAME] = Fault(status=503)
    with pytest.raises(HubError, match=r"answered 503 .*: try again in a minute"):
        fetch_it()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        look_up(ID)
    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="unset HF_HUB_OFFLINE"):
        look_up(ID)
    assert hub.asked == []
