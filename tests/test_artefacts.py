"""Another encoder and other anchors while the program runs: what is rebuilt, and what stays."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from chat_app.chat.artefacts import PAPER_HIVES, PAPER_VIDB, to_fetch, use_artefacts
from chat_app.chat.conversations import open_conversation
from chat_app.chat.scoring import score_message
from chat_app.chat.studio import Studio
from chat_app.db.tables import Score
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from tests.hub_server import LocalHub
from tests.parquet import write_parquet
from tests.random_encoder import DIM, write_encoder
from tests.talks import new_talk, say

TEXTS = [f"She would {word} them {end}." for word in ("help", "leave", "feed", "thank", "mock")
         for end in ("today", "at once", "in the rain", "for years")]  # fmt: skip


@pytest.fixture
def papers(hub: LocalHub, tmp_path: Path) -> LocalHub:
    """A hub with an encoder and a data set of the paper's layouts under the paper's names."""
    folder = write_encoder(tmp_path / "encoder")
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    hub.model(PAPER_HIVES, {**files, "onnx/model.onnx": b"not read"}, licence="apache-2.0")
    ratings = {"text": TEXTS, "final_rating": [9 - i for i in range(len(TEXTS))]}
    tables = {
        f"data/{name}.parquet": write_parquet(tmp_path / f"{name}.parquet", ratings)
        for name in ("benevolence", "power")
    }
    hub.dataset(PAPER_VIDB, tables)
    return hub


def test_the_papers_own_take_the_place_of_the_built_in_ones(
    papers: LocalHub, studio: Studio, home: Path
) -> None:
    talk = new_talk(studio.database)
    message = say(studio.database, talk, "My sister is ill.", "I would stay with her.")[1]
    first = score_message(studio, message)
    chosen = studio.settings.model_copy(update={"hives": PAPER_HIVES, "vidb": PAPER_VIDB})
    assert [each.id for each in to_fetch(chosen)] == [PAPER_HIVES, PAPER_VIDB]
    assert "no commercial use" in to_fetch(chosen)[1].licence
    told: list[str] = []
    studio.progress = lambda what, _done, _total: told.append(what)
    model, engine = studio.model, studio.engine
    use_artefacts(studio, hives=PAPER_HIVES, vidb=PAPER_VIDB)

    assert {f"Fetching {PAPER_HIVES}", f"Fetching {PAPER_VIDB}"} <= set(told)
    assert to_fetch(chosen) == []
    assert not any("onnx" in path for _, path, _ in papers.asked)
    assert (studio.model, studio.engine) == (model, engine)
    assert (studio.encoder.dim, studio.space.encoder.name) == (DIM, PAPER_HIVES)
    assert studio.vidb.values == ("svt/benevolence", "svt/power")
    second = score_message(studio, message)
    with studio.database.read() as session:
        versions = set(session.execute(sa.select(Score.ranker, Score.vidb_version)).all())
        assert len(session.scalars(sa.select(Score)).all()) == len(first) + len(second) == 4
    assert len(versions) == 2
    shown = open_conversation(studio.database, talk).messages[1].scores
    assert {score.value for score in shown} == {"svt/benevolence", "svt/power"}

    again = settings(home=home)
    assert (again.hives, again.vidb) == (PAPER_HIVES, PAPER_VIDB)
    assert settings(home=home, vidb="builtin").vidb == "builtin"
    use_artefacts(studio, hives="auto", vidb="builtin")
    assert score_message(studio, message) == first  # as stored, not measured again
    assert settings(home=home).hives == "auto"


def test_what_cannot_be_had_changes_nothing(
    hub: LocalHub, studio: Studio, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = studio.encoder
    with pytest.raises(ValueflowError, match="no data set some/none"):
        use_artefacts(studio, hives="auto", vidb="some/none")
    assert studio.encoder is encoder
    assert settings(home=home).vidb == "builtin"
    monkeypatch.setenv("VALUEFLOW_VIDB", "builtin")
    with pytest.raises(ValueflowError, match="VALUEFLOW_VIDB chooses here"):
        use_artefacts(studio, hives="auto", vidb="some/none")
