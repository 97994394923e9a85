"""What many tests share: a data folder of their own, and the real built-in model, loaded once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from chat_app.chat.studio import Studio
from chat_app.db.database import Database, open_database
from chat_app.llm.engine import Engine
from chat_app.llm.model import ChatModel
from chat_app.settings import data_path, settings
from tests.hub_server import LocalHub, point_at, running
from tests.random_models import write_llama

# How long an example takes says how busy the computer is, not whether the code is right.
hypothesis_settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for what is dear to compute and the same for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh data folder but for its cache, so that no test touches the user's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "cache").symlink_to(shared_cache, target_is_directory=True)
    monkeypatch.setenv("VALUEFLOW_HOME", str(folder))
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """An empty hub on this computer, which everything here takes for Hugging Face; put
    repositories into it by ``hub.model(...)`` and ``hub.dataset(...)``."""
    with running(LocalHub()) as server:
        point_at(server, tmp_path / "hf", monkeypatch)
        yield server


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    """An empty database, where the app itself would have it."""
    opened = open_database(f"sqlite:///{home / 'valueflow.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def builtin_model() -> Path:
    return data_path("models", "builtin-chat.gguf")


@pytest.fixture(scope="session")
def chat_model(builtin_model: Path, shared_cache: Path) -> ChatModel:
    return ChatModel.load(builtin_model, cache_dir=shared_cache)


@pytest.fixture(scope="session")
def shared_engine(chat_model: ChatModel) -> Engine:
    return Engine(chat_model, n_ctx=1024)


def forget(engine: Engine) -> None:
    """Empty the cache of an engine that writes nothing at the moment.

    Elsewhere in the cache the same numbers are added in another order, which can turn a draw that
    was as good as undecided: what is to come out the same token for token begins empty.
    """
    scheduler = engine._scheduler
    assert not scheduler._active
    scheduler._context.clear()
    for slot in scheduler._slots._slots:
        del slot.held[:]


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """The built-in model's engine, with an empty cache."""
    forget(shared_engine)
    yield shared_engine
    # a test that leaves a reply in it would disturb the next one
    for _ in range(500):
        if not shared_engine._scheduler._active:
            break
        time.sleep(0.01)
    assert not shared_engine._scheduler._active


@pytest.fixture(scope="session")
def random_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 4 layers, 64 wide: another model than the built-in one."""
    return write_llama(tmp_path_factory.mktemp("model") / "random.gguf")


@pytest.fixture(scope="session")
def shared_studio(
    tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, shared_engine: Engine
) -> Studio:
    """What is dear to load, for the studios of all tests."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "cache").symlink_to(shared_cache, target_is_directory=True)
    studio = Studio(settings(home=folder))
    studio._parts |= {"model": shared_engine.model, "engine": shared_engine}
    return studio


@pytest.fixture
def studio(shared_studio: Studio, home: Path) -> Iterator[Studio]:
    """A studio with a database of its own and the parts that all tests share, all of them real."""
    fresh = Studio(settings(home=home))
    for part in ("vidb", "encoder", "space", "bank", "directions", "evaluator"):
        getattr(shared_studio, part)
    forget(shared_studio.engine)
    fresh._parts |= shared_studio._parts
    yield fresh
    fresh.database.close()
