"""Batches, both stages on a tiny real network, resuming, and saving over an encoder in use."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from chat_app.hives.batches import Batches
from chat_app.hives.dataset import DatasetError, LabelledText, fingerprint, from_anchors
from chat_app.hives.encoder import EncoderError, load_encoder
from chat_app.hives.evaluation import HivesEvaluator
from chat_app.hives.loop import Optimisation, TrainingError, optimise
from chat_app.hives.saving import save_whole
from chat_app.hives.scratch import train_tokenizer, untrained_bag, untrained_encoder
from chat_app.hives.train import Settings, hide_pieces, run_stages, train
from chat_app.vidb.loading import load_vidb

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


WORDS = {
    ("virtue", "calm", "patience"): ("wait quietly", "rush about"),
    ("virtue", "calm", "silence"): ("hold my tongue", "shout aloud"),
    ("virtue", "courage"): ("face the storm", "hide below"),
    ("craft", "wood"): ("plane the oak", "burn the oak"),
    ("craft", "iron"): ("forge the gate", "sell the gate"),
}
MANNERS = ("Today", "Often", "At dawn", "By habit")


def made_texts() -> list[LabelledText]:
    """Texts of two theories that are not ours, with phrases and a concept in both."""
    neutral = [LabelledText(f"{m} I sail.", ("virtue", "calm"), 0, "virtue/calm") for m in MANNERS]
    return neutral + [
        LabelledText(
            f"{manner} I {words[sign < 0]}.",
            path,
            sign,
            "/".join(path),
            phrase=f"to {path[-1]}",
            concepts=(("steady hands", 1),) if path[-1] in ("courage", "wood") else (),
        )
        for path, words in WORDS.items()
        for sign in (1, -1)
        for manner in MANNERS
    ]


TINY = Settings(
    stage1_steps=4, stage2_steps=3, batch=16, learning_rate=1e-3, warmup=2, checkpoint_every=2,
    mask=0.2,
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    torch.manual_seed(0)
    tokenizer = train_tokenizer([t.text for t in made_texts()], 200)
    save_whole(untrained_encoder(tokenizer, dim=16, layers=1, heads=2, inner=32), folder)
    return str(folder)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_level_of_a_batch_has_positives(seed: int) -> None:
    texts = made_texts()
    batches = Batches(texts, 20, seed)
    anchors: Counter[int] = Counter()
    for step in range(11):
        batch = batches.stage_one(step)
        assert len(batch.rows) == len(set(batch.rows)) == 20
        anchors.update(batch.rows[:1])
        assert (batch.labels[:, -2:] == -1).all()
        depth = batch.labels.shape[1] - 3
        assert depth == 3
        agree = batch.labels[:, None, :depth] == batch.labels[None, :, :depth]
        signs = batch.labels[:, -3]
        same = signs[:, None] == signs[None, :]
        shared = (agree.sum(axis=2) * same)[~np.eye(20, dtype=bool)]
        assert {1, 2, 3} <= set(shared.tolist())
        for row, label in zip(batch.rows, batch.labels, strict=True):
            assert label[-3] == texts[row].direction
    assert len(anchors) > 5


def test_each_text_is_an_anchor_once_an_epoch() -> None:
    texts = made_texts()
    batches = Batches(texts, 20, 3)
    share = 20 // 5
    seen = Counter(
        a for step in range(len(texts) // share) for a in batches._anchors(1, step, share)
    )
    assert seen == dict.fromkeys(range(len(texts)), 1)


def test_stage_two_is_a_half_and_two_quarters_of_pairs() -> None:
    vidb = from_anchors(load_vidb().anchors)
    batches = Batches(vidb, 64, 0)
    keys = list(batches.concepts)
    for step in range(20):
        batch = batches.stage_two(step)
        phrase, concept = batch.labels[:, -2], batch.labels[:, -1]
        assert ((phrase >= 0).sum(), (concept >= 0).sum(), len(batch.rows)) == (16, 16, 64)
        for column in (phrase, concept):
            assert all(n % 2 == 0 for n in Counter(column[column >= 0].tolist()).values())
            assert len(set(column.tolist())) > 5
        groups: dict[int, list[int]] = {}
        for row, group in zip(batch.rows, concept.tolist(), strict=True):
            if group >= 0:
                groups.setdefault(group, []).append(row)
        for group, rows in groups.items():
            name, sign = keys[group]
            for row in rows:
                assert dict(vidb[row].concepts)[name] * vidb[row].direction == sign
                # It is no hidden positive of another group, which would push it away.
                others = {keys[g] for g in groups if g != group}
                held = {(n, s * vidb[row].direction) for n, s in vidb[row].concepts}
                assert not held & others
            for a, b in zip(rows[::2], rows[1::2], strict=True):
                assert vidb[a].text != vidb[b].text
                whole = {vidb[row].path[0] for row in batches.concepts[name, sign]}
                assert vidb[a].path[0] != vidb[b].path[0] or len(whole) == 1


def test_batches_depend_on_nothing_but_texts_seed_and_step() -> None:
    texts = made_texts()
    one, other = Batches(texts, 16, 5), Batches(texts, 16, 5)
    _ = [other.stage_two(step) for step in range(4)]
    assert one.stage_two(7).rows == other.stage_two(7).rows
    assert (
        one.stage_one(7).rows == other.stage_one(7).rows != Batches(texts, 16, 6).stage_one(7).rows
    )


def test_what_a_quarter_cannot_fill_goes_to_the_half() -> None:
    texts = [replace(t, phrase="", concepts=()) for t in made_texts()]
    batch = Batches(texts, 16, 0).stage_two(0)
    assert len(batch.rows) == 16
    assert (batch.labels[:, -2:] == -1).all()


def test_texts_that_share_nothing_cannot_be_trained_on() -> None:
    texts = [LabelledText(str(i), (str(i), "a"), 1, f"{i}/a") for i in range(5)]
    with pytest.raises(DatasetError, match="No two texts share a path and a direction"):
        Batches(texts, 8, 0)
    with pytest.raises(DatasetError, match="A batch of 2 texts is too small"):
        Batches(made_texts(), 2, 0)


def interrupt_at(stage: str, step: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        if (what, done) == (stage, step):
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize(("stage", "step"), [("stage 1", 3), ("stage 2", 1), ("stage 2", 3)])
def test_a_resumed_run_ends_as_one_that_was_never_interrupted(
    tmp_path: Path, base: str, stage: str, step: int
) -> None:
    texts = made_texts()
    train(texts, tmp_path / "whole", base=base, settings=TINY)
    with pytest.raises(KeyboardInterrupt):
        train(
            texts, tmp_path / "parts", base=base, settings=TINY, progress=interrupt_at(stage, step)
        )
    assert set(os.listdir(tmp_path)) - {"home"} == {"whole", "parts.checkpoint"}
    with pytest.raises(TrainingError, match="is left of an earlier run"):
        train(texts, tmp_path / "parts", base=base, settings=TINY)
    with pytest.raises(TrainingError, match=r"is of another run, with seed 0"):
        train(texts, tmp_path / "parts", base=base, settings=replace(TINY, seed=1), resume=True)
    train(texts, tmp_path / "parts", base=base, settings=TINY, resume=True)
    assert set(os.listdir(tmp_path)) - {"home"} == {"whole", "parts"}
    weights = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("whole", "parts")]
    assert weights[0] == weights[1] != (Path(base) / "model.safetensors").read_bytes()
    notes = json.loads((tmp_path / "parts" / "training.json").read_text())
    assert notes["texts"] == fingerprint(texts)
    assert notes["settings"]["stage2_steps"] == 3
    assert load_encoder(str(tmp_path / "parts")).encode(["Today I sail."]).shape == (1, 16)


def test_the_rate_warms_up_and_goes_down_by_steps_or_by_the_clock() -> None:
    how = Optimisation(steps=110, learning_rate=1.0, warmup=10, seconds=60.0)
    assert [how.rate(0), how.rate(4), how.rate(9)] == [0.1, 0.5, 1.0]
    assert how.rate(60) == pytest.approx(0.5)
    assert how.rate(110) == pytest.approx(0.0)
    # By whichever is further on.
    assert how.rate(60, 15.0) == pytest.approx(0.5)
    assert how.rate(20, 30.0) == pytest.approx(0.5)
    assert how.rate(20, 90.0) == pytest.approx(0.0)


def test_the_clock_ends_a_training_and_the_last_step_is_kept() -> None:
    steps, kept = list[int](), list[int]()
    weight = torch.nn.Linear(1, 1)

    def loss_of(step: int) -> dict[str, torch.Tensor]:
        steps.append(step)
        return {"loss": weight(torch.ones(1, 1)).square().sum()}

    how = Optimisation(steps=1000, learning_rate=0.1, checkpoint_every=1000, seconds=1e-9)
    optimise(weight, loss_of, how, checkpoint=lambda state: kept.append(state["step"]))
    assert steps == [0]
    assert kept == [1]


def test_there_is_no_resuming_from_nothing_or_from_garbage(tmp_path: Path, base: str) -> None:
    with pytest.raises(TrainingError, match="There is no checkpoint"):
        train(made_texts(), tmp_path / "new", base=base, settings=TINY, resume=True)
    (tmp_path / "new.checkpoint").write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="cannot be read: delete it"):
        train(made_texts(), tmp_path / "new", base=base, settings=TINY, resume=True)


def test_a_rate_that_blows_up_is_named(tmp_path: Path, base: str) -> None:
    wild = replace(TINY, learning_rate=1e30, stage1_steps=30)
    with pytest.raises(TrainingError, match=r"no number any more at step \d+: .* than 1e\+30"):
        train(made_texts(), tmp_path / "new", base=base, settings=wild)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_no_encoder_is_never_replaced(tmp_path: Path, base: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("Dear Ann")
    for out in (mine, mine / "letter.txt"):
        with pytest.raises(TrainingError, match="is there and is no encoder"):
            train(made_texts(), out, base=base, settings=TINY)
    assert (mine / "letter.txt").read_text() == "Dear Ann"
    short = replace(TINY, stage1_steps=1, stage2_steps=0)
    for _ in range(2):
        train(made_texts(), tmp_path / "again", base=base, settings=short)
    assert load_encoder(str(tmp_path / "again")).dim == 16


def test_a_base_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="No encoder at"):
        train(made_texts(), tmp_path / "new", base=str(tmp_path / "nowhere"))


def test_stage_one_lays_out_the_hierarchy_and_stage_two_brings_theories_together() -> None:
    texts = made_texts()
    model = untrained_bag(train_tokenizer([t.text for t in texts], 200), dim=32)
    evaluator = HivesEvaluator(
        [t.text for t in texts], [t.path for t in texts], [t.direction for t in texts]
    )
    steady = [i for i, t in enumerate(texts) if t.concepts and t.direction > 0]
    forge = [i for i, t in enumerate(texts) if t.path[-1] == "iron" and t.direction > 0]
    brave = [i for i in steady if texts[i].path[0] == "virtue"]
    planing = [i for i in steady if texts[i].path[0] == "craft"]

    def nearness() -> float:
        """How much nearer "courage" is to the craft of its concept than to the other craft."""
        z = model.encode([t.text for t in texts], normalize_embeddings=True)
        return float((z[brave] @ z[planing].T).mean() - (z[brave] @ z[forge].T).mean())

    before = evaluator(model)
    run_stages(model, texts, Settings(60, 0, batch=24, learning_rate=1e-2), "scratch")
    after, apart = evaluator(model), nearness()
    assert after["rank_acc_pairwise"] > before["rank_acc_pairwise"] + 0.05
    assert after["sim_corr"] > before["sim_corr"] + 0.3
    run_stages(model, texts, Settings(0, 40, batch=24, learning_rate=1e-2), "scratch")
    assert nearness() > apart + 0.1


def test_pieces_are_hidden_but_never_the_first_or_the_padding() -> None:
    torch.manual_seed(0)
    ids = torch.full((200, 9), 5)
    attention = torch.ones(200, 9, dtype=torch.long)
    attention[:, 7:] = 0
    features = {"input_ids": ids, "attention_mask": attention}
    hide_pieces(features, None, 0.5)
    assert (ids == 5).all()
    hide_pieces(features, 4, 0.5)
    hidden = ids == 4
    assert not hidden[:, 0].any()
    assert not hidden[:, 7:].any()
    assert 0.4 < hidden.any(dim=1).float().mean() < 0.6
