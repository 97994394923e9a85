"""What comes with the program so that a first reply need not wait: it is what would be computed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chat_app.hives.encoder import load_encoder
from chat_app.hives.encoder_files import BUILT_IN
from chat_app.llm.model import ChatModel
from chat_app.settings import SHIPPED
from chat_app.steering.bank import build_bank
from chat_app.vidb.loading import load_vidb

FEW = 24  # texts that are read again


def test_nothing_else_is_shipped_and_the_states_are_the_models(
    chat_model: ChatModel, tmp_path: Path
) -> None:
    vidb, cache = load_vidb(), tmp_path / "cache"
    bank = build_bank(chat_model, vidb, cache, shipped=SHIPPED)
    assert not cache.exists()
    assert len(list(SHIPPED.iterdir())) == 1 + len(BUILT_IN)

    few = build_bank(chat_model, replace(vidb, anchors=vidb.anchors[:FEW]), None)
    again = few.states * (few.norms / bank.norms)[:, None]  # each is in units of its own texts
    assert np.abs(again - bank.states[:FEW]).max() < 0.01


@pytest.mark.parametrize("source", BUILT_IN)
def test_the_embeddings_are_the_encoders(source: str) -> None:
    vidb, encoder = load_vidb(), load_encoder(source)
    with np.load(SHIPPED / f"vidb-{vidb.version}-{encoder.version}.npz") as kept:
        rows = kept["embeddings"]
    assert len(rows) == len(vidb.anchors)
    assert np.abs(encoder.encode(vidb.texts[:FEW]) - rows[:FEW]).max() < 1e-4


def test_a_first_steered_reply_waits_for_no_encoder(tmp_path: Path) -> None:
    program = """
import sys
from chat_app.chat.studio import Studio
from chat_app.settings import Settings
from chat_app.values.profile import Profile
studio = Studio(Settings())
assert studio.compose(Profile("Kind", {"svt/benevolence": 8.0})).vector
assert "torch" not in sys.modules
assert not list(studio.settings.cache_dir.glob("bank-*"))
"""
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"VALUEFLOW_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
