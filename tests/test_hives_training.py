"""Saving a trained encoder over one that is in use."""

import os
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from chat_app.hives.encoder import load_encoder
from chat_app.hives.saving import save_whole
from chat_app.hives.scratch import train_tokenizer, untrained_encoder

TEXTS = ["I would keep my word.", "I would break my word.", "The ferry leaves at nine."]


def tiny(seed: int) -> SentenceTransformer:
    torch.manual_seed(seed)
    return untrained_encoder(train_tokenizer(TEXTS, 60), dim=16, layers=1, heads=2, inner=32)


def test_an_encoder_in_use_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "encoder"
    save_whole(tiny(1), folder)
    weights = folder / "model.safetensors"
    in_use, before = load_encoder(str(folder)), weights.read_bytes()
    expected = in_use.encode(TEXTS)
    with open(weights, "rb") as held:
        save_whole(tiny(2), folder)
        assert held.read() == before
    assert weights.read_bytes() != before
    assert in_use.encode(TEXTS) == pytest.approx(expected)
    assert load_encoder(str(folder)).version != in_use.version
    assert os.listdir(folder.parent) == ["encoder"]


def test_a_save_that_fails_leaves_the_old_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "encoder"
    save_whole(tiny(1), folder)
    version = load_encoder(str(folder)).version
    rename = os.rename

    def full(source: Path, target: Path) -> None:
        if target == folder and source.name == "new":
            raise OSError("no space left")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        with pytest.raises(OSError, match="no space left"):
            save_whole(tiny(2), folder)
    assert load_encoder(str(folder)).version == version
    assert os.listdir(folder.parent) == ["encoder"]
