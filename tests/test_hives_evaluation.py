"""The evaluator, the baselines, and how well intensities are read off an encoder."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.agreement import (
    Contender,
    agreement,
    baseline,
    compare,
    encoder_contender,
    fit_kernel,
    fit_linear,
    spearman_by_value,
)
from chat_app.hives.baselines import random_encoder, tfidf_encoder, untrained_model
from chat_app.hives.batches import Batches
from chat_app.hives.dataset import DatasetError, LabelledText
from chat_app.hives.encoder import EncoderError
from chat_app.hives.evaluation import HivesEvaluator, measure
from chat_app.hives.losses import HierarchicalContrastiveLoss, InfoNceLoss, StageTwoLoss
from chat_app.hives.metrics import rank_accuracy, similarity_correlation
from chat_app.hives.saving import save_whole
from chat_app.hives.scratch import train_tokenizer, untrained_bag, untrained_encoder
from chat_app.hives.space import value_axis

STRENGTHS = {"gladly": 9.0, "mostly": 5.0, "hardly": -5.0, "never": -9.0, "maybe": 0.0}
DEEDS = {("mft", "care/harm"): "nurse her", ("mft", "loyalty/betrayal"): "stand by them",
         ("duty", "fidelity"): "keep my word"}  # fmt: skip


def graded_texts(times: str) -> list[LabelledText]:
    """A text of each strength, value and time of day: the adverb says the intensity."""
    return [
        LabelledText(
            f"{time} I {adverb} {deed}.", path, int(np.sign(y)), "/".join(path), intensity=y
        )
        for path, deed in DEEDS.items()
        for time in times.split()
        for adverb, y in STRENGTHS.items()
    ]


KNOWN, ASKED = graded_texts("Today Often Always Now"), graded_texts("Again Soon")


def adverb_encoder(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows in which strength is an angle and the deed a coordinate of its own."""
    rows = []
    for text in texts:
        y = next(y for adverb, y in STRENGTHS.items() if adverb in text)
        deeds = [0.5 * (deed in text) for deed in DEEDS.values()]
        rows.append([math.sin(y / 10), math.cos(y / 10), *deeds])
    z = np.array(rows, dtype=np.float32)
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def test_the_evaluator_gives_the_measures_under_its_name(tmp_path: Path) -> None:
    model = untrained_bag(train_tokenizer([t.text for t in KNOWN], 120), dim=16)
    labels = [t.path for t in KNOWN], [t.direction for t in KNOWN]
    evaluator = HivesEvaluator([t.text for t in KNOWN], *labels, name="dev")
    assert evaluator.primary_metric == "dev_rank_acc_pairwise"
    assert evaluator.greater_is_better
    found = evaluator(model, str(tmp_path), epoch=2, steps=40)
    assert evaluator.primary_metric == "dev_rank_acc_pairwise"
    z = model.encode([t.text for t in KNOWN], normalize_embeddings=True)
    accuracy = rank_accuracy(z, *labels)
    signs = np.array(labels[1])
    axes = []
    for path in sorted(DEEDS):
        rows = [i for i, t in enumerate(KNOWN) if t.path == path]
        axis = value_axis(z[rows], signs[rows])
        assert axis is not None
        axes.append(axis)
    cosines = [abs(float(axes[i] @ axes[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found == pytest.approx(
        {
            "dev_rank_acc_strict": accuracy.strict,
            "dev_rank_acc_pairwise": accuracy.pairwise,
            "dev_sim_corr": similarity_correlation(z, *labels),
            "dev_axis_orthogonality": 1 - sum(cosines) / 3,
        },
        abs=1e-5,
    )
    evaluator(model, str(tmp_path), epoch=3, steps=60)
    with open(tmp_path / "hives_evaluation_dev_results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["epoch"], line["steps"]) for line in lines] == [("2", "40"), ("3", "60")]
    assert float(lines[0]["sim_corr"]) == pytest.approx(found["dev_sim_corr"])
    assert set(HivesEvaluator(["a"], [("x",)], [1])(model)) == {
        "rank_acc_strict", "rank_acc_pairwise", "sim_corr", "axis_orthogonality"
    }  # fmt: skip


def test_the_evaluator_wants_lists_of_one_length() -> None:
    with pytest.raises(DatasetError, match="1 texts came with 2 paths and 1 directions"):
        HivesEvaluator(["a"], [("x",), ("y",)], [1])


def test_measures_that_are_not_defined_are_nan() -> None:
    found = measure(np.eye(2, dtype=np.float32), [("a",), ("a",)], [1, 1])
    assert all(math.isnan(x) for x in found.values())


def test_an_encoder_that_shows_the_strength_is_read_right() -> None:
    found = agreement(Contender("adverb", adverb_encoder, fit_kernel), KNOWN, ASKED)
    assert (found.known, found.asked) == (len(KNOWN), len(ASKED)) == (60, 30)
    assert set(found.spearman) == {"/".join(path) for path in DEEDS}
    assert found.mean > 0.98
    # 4 of 5 strengths are clear, in each of 3 values at 2 times.
    assert (found.sign_accuracy, found.signed) == (1.0, 24)
    assert json.loads(json.dumps(found.to_json()))["spearman"] == found.spearman


def test_a_text_that_is_asked_is_never_known() -> None:
    found = agreement(Contender("adverb", adverb_encoder, fit_kernel), KNOWN + ASKED, ASKED)
    assert found.known == len(KNOWN)


def test_texts_without_intensity_or_of_unknown_value_count_for_the_metrics_alone() -> None:
    bare = [replace(t, intensity=None) for t in ASKED]
    found = agreement(Contender("adverb", adverb_encoder, fit_kernel), KNOWN, bare)
    assert (found.asked, found.spearman) == (0, {})
    assert math.isnan(found.mean)
    assert not math.isnan(found.metrics["sim_corr"])
    assert found.to_json()["mean"] is found.to_json()["sign_accuracy"] is None
    other = [t for t in KNOWN if t.path[0] == "mft"]
    assert agreement(Contender("a", adverb_encoder, fit_kernel), other, ASKED).asked == 20


def test_spearman_by_value_by_hand() -> None:
    own = ["a", "a", "a", "b", "b", "c", "c", "c", "d", "d", "d"]
    truth = np.array([1.0, 2, 3, 1, 2, 5, 5, 5, 1, 2, 3])
    predicted = np.array([3.0, 1, 2, 1, 2, 1, 2, 3, 4, 4, 4])
    # a: ranks 3 1 2 against 1 2 3, rho = 1 - 6 x (4 + 1 + 1) / 24; b has two texts, c one
    # intensity; d's predictions order nothing.
    assert spearman_by_value(own, truth, predicted) == pytest.approx({"a": -0.5, "d": 0.0})


def test_words_and_the_same_losses_on_words_read_these_texts_and_chance_does_not() -> None:
    names = ("tfidf", "static", "random")
    contenders = [baseline(name, KNOWN, steps=(40, 10)) for name in names]
    words, static, chance = compare(contenders, KNOWN, ASKED)
    assert [a.name for a in (words, static, chance)] == list(names)
    assert words.mean > 0.9
    assert static.mean > 0.7
    assert abs(chance.mean) < 0.5
    assert chance.sign_accuracy < 0.85
    assert abs(chance.metrics["sim_corr"]) < 0.15


def test_linear_ridge_per_value_learns_from_its_own_texts_alone() -> None:
    z = np.array([[1, 0], [0.8, 0.6], [1, 0], [0.8, 0.6]], dtype=np.float32)
    predict = fit_linear(z, ["a", "a", "b", "b"], np.array([1.0, -1, -7, 7]))
    low, high, _, unknown = predict(z[[0, 1, 0, 1]], ["b", "b", "a", "c"])
    assert low < -1 < 1 < high
    assert unknown == 0.0


def test_random_vectors_belong_to_their_texts() -> None:
    encode = random_encoder(dim=64, seed=1)
    one, two = encode(["a", "b"]), encode(["b", "a"])
    assert one == pytest.approx(two[::-1])
    assert np.linalg.norm(one, axis=1) == pytest.approx(1.0)
    assert random_encoder(dim=64, seed=2)(["a"]) != pytest.approx(one[:1])


def test_tfidf_rows_are_unit_or_nothing() -> None:
    z = tfidf_encoder(["keep my word", "break my word"])(["keep a word", "q"])
    assert np.linalg.norm(z, axis=1) == pytest.approx([1.0, 0.0])


def test_the_untrained_network_is_the_same_network_with_other_weights(tmp_path: Path) -> None:
    torch.manual_seed(4)
    tokenizer = train_tokenizer([t.text for t in KNOWN], 120)
    trained = untrained_encoder(tokenizer, dim=16, layers=1, heads=2, inner=32)
    save_whole(trained, tmp_path / "bert")
    save_whole(untrained_bag(tokenizer, dim=16), tmp_path / "bag")
    for name in ("bert", "bag"):
        one = untrained_model(str(tmp_path / name), seed=1)
        again, other = (untrained_model(str(tmp_path / name), seed=s) for s in (1, 2))
        texts = ["Today I keep my word."]
        assert one.encode(texts) == pytest.approx(again.encode(texts))
        assert one.encode(texts) != pytest.approx(other.encode(texts), abs=1e-3)
        kept = {k: v.shape for k, v in one.state_dict().items()}
        whole = trained if name == "bert" else untrained_bag(tokenizer, dim=16)
        assert kept == {k: v.shape for k, v in whole.state_dict().items()}
    weights = untrained_model(str(tmp_path / "bert"), seed=1).state_dict()
    changed = [k for k, v in trained.state_dict().items() if not torch.equal(v, weights[k])]
    assert any("word_embeddings" in k for k in changed)
    assert any("attention" in k for k in changed)


def test_baselines_that_cannot_be_made_are_named() -> None:
    with pytest.raises(EncoderError, match="no baseline 'bm25': the baselines are tfidf"):
        baseline("bm25", KNOWN)
    with pytest.raises(ValueflowError, match="no known texts"):
        baseline("tfidf", [])


def test_the_built_in_encoder_tells_directions_better_than_chance() -> None:
    from chat_app.hives.dataset import from_anchors, held_out
    from chat_app.hives.encoder import load_encoder
    from chat_app.vidb.loading import load_vidb

    texts = [t for t in from_anchors(load_vidb().anchors) if t.value.startswith("duty/")]
    asked = [t for t in texts if held_out(t.text)]
    known = [t for t in texts if not held_out(t.text)]
    found = agreement(encoder_contender(load_encoder()), known, asked)
    assert found.asked == len(asked) > 50
    assert found.sign_accuracy > 0.6


def test_losses_and_evaluator_work_in_the_trainer_of_sentence_transformers(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="`pip install datasets accelerate` for this")
    pytest.importorskip("accelerate", reason="`pip install accelerate` for this")
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.training_args import (
        SentenceTransformerTrainingArguments,
    )

    batch = Batches([replace(t, phrase=t.path[-1]) for t in KNOWN], 16, 0).stage_two(0)
    columns = {"text": [KNOWN[row].text for row in batch.rows], "label": batch.labels.tolist()}
    stages = [
        (StageTwoLoss, columns),
        (HierarchicalContrastiveLoss, columns | {"label": batch.labels[:, :-2].tolist()}),
        (InfoNceLoss, columns | {"label": batch.labels[:, 0].tolist()}),
    ]
    labels = [t.path for t in ASKED], [t.direction for t in ASKED]
    for criterion, rows in stages:
        model = untrained_bag(train_tokenizer([t.text for t in KNOWN], 120), dim=16)
        evaluator = HivesEvaluator([t.text for t in ASKED], *labels, name="dev")
        before = evaluator(model)
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=str(tmp_path / criterion.__name__),
                max_steps=5,
                learning_rate=0.05,
                per_device_train_batch_size=len(batch.rows),
                eval_strategy="steps",
                eval_steps=5,
                report_to="none",
                use_cpu=True,
                disable_tqdm=True,
            ),
            train_dataset=datasets.Dataset.from_dict(rows),
            loss=criterion(model),
            evaluator=evaluator,
        )
        trainer.train()
        logged = [entry for entry in trainer.state.log_history if "eval_dev_sim_corr" in entry]
        assert logged
        assert logged[-1]["eval_dev_sim_corr"] != before["dev_sim_corr"]
