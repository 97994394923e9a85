"""``valueflow models`` as a person runs it, against a hub on this computer."""

import json
import signal
import subprocess
import time
from pathlib import Path

import gguf
import pytest
from huggingface_hub import hf_hub_download

from chat_app.chat.curated import curated_models
from chat_app.chat.model_library import choose_model, library, offers, pull, remove
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.llm.hub import HubError
from chat_app.llm.sources import HubSource, hub_source
from chat_app.settings import settings
from tests.command_line import VALUEFLOW, one_sentence, run
from tests.hub_server import Fault, LocalHub, Repo
from tests.random_families import write_llama3, write_qwen3

ID = "maker/Tiny-GGUF"
MB = 2**20


@pytest.fixture
def repo(hub: LocalHub, tmp_path: Path) -> Repo:
    """A repository with a model in two quantisations, one in parts, and what lies beside them."""
    small = write_qwen3(tmp_path / "q.gguf").read_bytes()
    parts = sorted(write_llama3(tmp_path / "l.gguf", tensors_a_part=20).parent.glob("l-*.gguf"))
    split = {f"Q8_0/tiny-Q8_0-0000{i}-of-00002.gguf": part for i, part in enumerate(parts, 1)}
    files: dict[str, bytes | Path] = {
        "README.md": b"# Tiny",
        "tiny-Q4_K_M.gguf": small + bytes(6 * MB),  # bytes after the tensors do no harm
        "tiny-IQ2_XS.gguf": small,
        "mmproj-tiny.gguf": small,
        **split,
    }
    return hub.model(ID, files, licence="apache-2.0")


def partial(tmp_path: Path) -> Path | None:
    return next((tmp_path / "hf").rglob("*.incomplete"), None)


def stopped_by(sign: signal.Signals, tmp_path: Path) -> tuple[int, str]:
    """Start to pull and send ``sign`` once 2 MB are there: the exit code and what was said."""
    started = subprocess.Popen(
        [VALUEFLOW, "models", "pull", ID],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(3000):
        found = partial(tmp_path)
        if found and found.stat().st_size >= 2 * MB:
            break
        assert started.poll() is None, started.communicate()
        time.sleep(0.01)
    started.send_signal(sign)
    _, said = started.communicate(timeout=60)
    return started.returncode, said


def test_pull_use_and_remove(repo: Repo, hub: LocalHub, tmp_path: Path, home: Path) -> None:
    offered = json.loads(run("models", "list", ID, "--json").stdout)
    found = [(each["quantisation"], each["parts"]) for each in offered]
    assert found == [("Q8_0", 2), ("IQ2_XS", 1), ("Q4_K_M", 1)]
    assert f"{ID}, licence: apache-2.0" in run("models", "list", ID).stdout
    pulled = json.loads(run("models", "pull", f"{ID}:Q8_0", "--json").stdout)
    first = f"{ID}:Q8_0/tiny-Q8_0-00001-of-00002.gguf"
    assert (pulled["source"], pulled["pulled"]) == (first, True)
    hub.asked.clear()

    assert run("models", "use", f"{ID}:Q8_0").stderr.startswith("tiny-Q8_0 is the model of")
    assert settings(home=home).model == first
    said = run("models", "info", first).stdout
    assert "architecture   llama, 3 layers" in said
    assert "licence        llama3.2" in said
    (used,) = (m for m in json.loads(run("models", "list", "--json").stdout)["here"] if m["in_use"])
    assert (used["source"], used["place"]) == (first, "Hugging Face")
    assert Studio(settings(home=home)).model.info.name == "tiny-Q8_0"
    assert hub.asked == []  # what is here is used without a word to anybody

    assert "is the model that is used now" in one_sentence(run("models", "remove", first, code=1))
    choose_model(settings(home=home), "builtin")
    assert run("models", "remove", f"{ID}:Q8_0").stderr.startswith("Removed maker/Tiny-GGUF:Q8_0")
    assert list((tmp_path / "hf" / "hub").rglob("*.gguf")) == []
    assert [b for b in (tmp_path / "hf" / "hub").rglob("blobs/*") if b.is_file()] == []
    assert json.loads((home / "settings.json").read_text()) == {}


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_was_stopped_goes_on(
    repo: Repo, hub: LocalHub, tmp_path: Path, home: Path, sign: signal.Signals
) -> None:
    repo.faults["tiny-Q4_K_M.gguf"] = Fault(pace=4 * MB)
    code, said = stopped_by(sign, tmp_path)
    if sign == signal.SIGINT:
        assert (code, said) == (130, f"Stopped. Go on with: valueflow models pull {ID}\n")
    kept = partial(tmp_path)
    assert kept
    size = kept.stat().st_size
    assert 2 * MB <= size < 6 * MB
    given = settings(home=home)
    assert [each.source for each in library(given)] == ["builtin"]
    repo.faults.clear()
    hub.asked.clear()
    pull(given, ID)
    assert set(hub.sent("tiny-Q4_K_M.gguf")) == {f"bytes={size}-"}
    assert partial(tmp_path) is None
    found = [each.source for each in library(given)]
    assert found == ["builtin", f"{ID}:tiny-Q4_K_M.gguf"]


def test_what_another_program_fetched_is_not_ours(repo: Repo, home: Path) -> None:
    path = hf_hub_download(ID, "tiny-IQ2_XS.gguf")
    assert not pull(settings(home=home), f"{ID}:IQ2_XS").pulled
    with pytest.raises(ValueflowError, match=r"not fetched by this program \(Hugging Face\)"):
        remove(settings(home=home), f"{ID}:IQ2_XS")
    assert Path(path).is_file()


def test_removing_leaves_what_others_share(repo: Repo, home: Path, tmp_path: Path) -> None:
    pull(settings(home=home), f"{ID}:IQ2_XS")
    hf_hub_download(ID, "README.md")
    hf_hub_download(ID, "mmproj-tiny.gguf")  # the same content under another name
    assert remove(settings(home=home), f"{ID}:IQ2_XS") == 0
    links = [path for path in (tmp_path / "hf" / "hub").rglob("*") if path.is_symlink()]
    assert sorted(path.name for path in links) == ["README.md", "mmproj-tiny.gguf"]
    assert all(path.resolve().is_file() for path in links)


def test_what_is_no_chat_model_is_said_and_can_be_removed(
    repo: Repo, hub: LocalHub, home: Path, tmp_path: Path
) -> None:
    vector = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(str(vector), "controlvector")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    hub.model("maker/vector", {"tiny-Q8_0.gguf": vector})
    with pytest.raises(HubError, match=r"tiny-Q8_0\.gguf is here, but it is no chat model"):
        pull(settings(home=home), "maker/vector")
    assert remove(settings(home=home), "maker/vector:tiny-Q8_0.gguf") == vector.stat().st_size


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (f"{ID}:Q6_K", r"has no model Q6_K; it has Q8_0/tiny-Q8_0-00001-of-00002\.gguf, tiny-IQ2"),
        (f"{ID}:tiny*", r"may be any of tiny-IQ2_XS\.gguf, tiny-Q4_K_M\.gguf: name one, as maker"),
        ("tiny", "is no model on Hugging Face: write org/repo"),
        ("maker/weights", "holds no GGUF model"),
    ],
)
def test_words_that_name_no_model(
    repo: Repo, hub: LocalHub, home: Path, source: str, words: str
) -> None:
    hub.model("maker/weights", {"model.safetensors": b"x"})
    with pytest.raises(ValueflowError, match=words):
        pull(settings(home=home), source)


@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("", ""),
        ("/", ""),
        ("/tree/main", ""),
        ("?library=llama-cpp", ""),
        ("/blob/main/a-Q4_K_M.gguf", "a-Q4_K_M.gguf"),
        ("/resolve/main/in/a%20b.gguf?download=true", "in/a b.gguf"),
    ],
)
def test_the_address_of_a_page_is_a_name(rest: str, wanted: str) -> None:
    assert hub_source(f"https://huggingface.co/{ID}{rest}") == HubSource(ID, wanted)
    assert hub_source(f"hf.co/{ID}{rest}") == HubSource(ID, wanted)


def test_the_short_list(hub: LocalHub, home: Path) -> None:
    assert offers(settings(home=home)) == list(curated_models())
    assert sum(each.first_choice for each in curated_models()) == 1
    for each in curated_models():
        wanted = hub_source(each.source)
        assert wanted
        assert wanted.wanted
        assert each.size < each.memory < each.size + 3e9
        assert each.says.endswith(".")
    assert {each.maker for each in curated_models()} >= {"Alibaba", "Meta", "Google", "Mistral AI"}
    assert hub.asked == []
