"""A profile from texts: signs and strengths come back, and silence stays silence."""

import json
import random
from dataclasses import asdict

import numpy as np
import pytest

from chat_app.evaluation.evaluator import Evaluator
from chat_app.evaluation.extraction import (
    RELEVANT,
    ExtractionError,
    extract_profile,
    relevance,
    split_texts,
)
from chat_app.evaluation.ranker_hives import HivesRanker
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import load_vidb
from tests.command_line import one_sentence, run
from training.hives_texts import Composer

POWER, CARE = "svt/power", "mft/care-harm"
SHOPPING = """milk
2 kg of flour
eggs and butter
toothpaste
bread, cheese, apples
washing powder
a bag of rice
coffee filters
"""


@pytest.fixture(scope="module")
def space(shared_cache):
    return build_space(load_encoder(), load_vidb(), shared_cache)


@pytest.fixture(scope="module")
def evaluator(space):
    return Evaluator(space.vidb, HivesRanker(space))


@pytest.fixture(scope="module")
def opinions():
    """Ten texts strongly for power, ten strongly against care, ten of small talk."""
    composer = Composer(random.Random(5))
    return [
        *(composer.single(POWER, [2, 2, 2]).text for _ in range(10)),
        *(composer.single(CARE, [-2, -2, -2]).text for _ in range(10)),
        *composer.smalltalk[:10],
    ]


def test_signs_and_strengths_come_back(space, evaluator, opinions):
    extraction = extract_profile(opinions, evaluator, space)
    found = {e.value: e for e in extraction.found}
    assert set(found) == {POWER, CARE}
    # 9.3 and -9.1 are what the judges gave, on average, to texts of these levels.
    for value, truth in ((POWER, 9.3), (CARE, -9.1)):
        evidence = found[value]
        assert -10 <= evidence.low <= evidence.intensity <= evidence.high <= 10
        assert evidence.low - 0.5 <= truth <= evidence.high + 0.5
        assert evidence.n_texts >= 8
        assert evidence.share == evidence.n_texts / 30
    assert {left.value for left in extraction.left_out} == set(STEERED) - {POWER, CARE}
    assert "no text speaks of it" in {left.reason for left in extraction.left_out}
    profile = extraction.profile("boss")
    assert profile.targets[POWER] == round(found[POWER].intensity, 1)
    assert "30 texts" in profile.description


def test_the_same_texts_give_the_same_profile_and_a_seed_only_moves_intervals(
    space, evaluator, opinions
):
    first = extract_profile(opinions, evaluator, space, values=[POWER], seed=1)
    assert first == extract_profile(opinions, evaluator, space, values=[POWER], seed=1)
    (before,), (other,) = (
        first.found,
        extract_profile(opinions, evaluator, space, values=[POWER], seed=2).found,
    )
    assert before.intensity == other.intensity
    assert before.low == pytest.approx(other.low, abs=0.3)


def test_people_of_known_values_are_read_rightly(space, evaluator):
    rng = random.Random(1)
    composer = Composer(random.Random(2))
    inside = 0
    for _ in range(6):
        person = {value: rng.choice([-2, -1, 1, 2]) for value in rng.sample(STEERED, 3)}
        texts = [composer.single(v, [n, n]).text for v, n in person.items() for _ in range(6)]
        found = {e.value: e for e in extract_profile(texts, evaluator, space).found}
        assert person.keys() <= found.keys()
        for value, level in person.items():
            assert found[value].intensity * level > 0
            truth = {2: 9.3, 1: 5.6, -1: -5.5, -2: -9.1}[level]
            inside += found[value].low <= truth <= found[value].high
    assert inside >= 14  # of 18


def test_a_shopping_list_shows_nothing(space, evaluator):
    extraction = extract_profile(split_texts(SHOPPING), evaluator, space)
    assert extraction.found == ()
    assert len(extraction.left_out) == 32
    with pytest.raises(ExtractionError, match="No value shows in these 8 texts"):
        extraction.profile("none")


def test_two_texts_are_too_few_and_a_divided_group_is_said_to_be_one(space, evaluator, opinions):
    composer = Composer(random.Random(8))
    against = [composer.single(POWER, [-2, -2, -2]).text for _ in range(10)]
    (left,) = extract_profile(opinions[:2], evaluator, space, values=[POWER]).left_out
    assert (left.n_texts, left.reason) == (2, "only 2 texts speak of it")
    divided = extract_profile([*opinions[:10], *against], evaluator, space, values=[POWER])
    assert divided.found == ()
    assert "do not agree" in divided.left_out[0].reason


def test_relevance_is_a_share_of_the_nearest_texts(space, opinions):
    r = relevance(opinions, STEERED, space)
    assert r.shape == (30, 32)
    assert r.min() >= 0
    assert r.sum(axis=1).max() <= 1 + 1e-9
    assert (r[:10, STEERED.index(POWER)] >= RELEVANT).mean() >= 0.8
    assert (r[20:] >= RELEVANT).mean() < 0.01
    # By hand for one text: the 20 nearest, weighted by closeness and strength.
    cosine = (space.encoder.encode(opinions[:1]) @ space.embeddings.T)[0].astype(float)
    nearest = np.argsort(-cosine)[:20]
    weight = np.exp(cosine[nearest] / 0.1) / np.exp(cosine[nearest] / 0.1).sum()
    anchors = [space.vidb.anchors[i] for i in nearest]
    own = sum(
        w * abs(a.intensity) / 10 for w, a in zip(weight, anchors, strict=True) if a.value == POWER
    )
    assert r[0, STEERED.index(POWER)] == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\nstill one\n\n  two\n \t\nthree", ["one still one", "two", "three"]),
        ("\n\n", []),
    ],
)
def test_paragraphs_or_lines(content, texts):
    assert split_texts(content) == texts


def test_no_text_is_no_profile(space, evaluator):
    with pytest.raises(ExtractionError, match="no texts"):
        extract_profile([" "], evaluator, space)


def test_the_command_writes_and_stores_a_profile(tmp_path, opinions, space, evaluator):
    file, out = tmp_path / "boss.jsonl", tmp_path / "boss.json"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in opinions))
    words = ["profile", "from-text", str(file), "--out", str(out), "--save", "boss", "--json"]
    words += ["--hives", "builtin"]
    got = json.loads(run(*words).stdout)
    direct = extract_profile(opinions, evaluator, space)
    assert len(got["found"]) == len(direct.found)
    for evidence, ours in zip(got["found"], direct.found, strict=True):
        # Another process may add up the encoder's sums in another order.
        assert evidence == {k: _nearly(v) for k, v in asdict(ours).items()}
    assert len(got["left_out"]) == 30
    assert json.loads(out.read_text()) == got["profile"]
    assert json.loads(run("profile", "show", "boss", "--json").stdout) == {
        **got["profile"], "name": "boss"
    }  # fmt: skip


def _nearly(field):
    return pytest.approx(field, abs=1e-4) if isinstance(field, float) else field


def test_the_command_refuses_silence(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text(SHOPPING)
    done = run("profile", "from-text", str(file), "--out", str(tmp_path / "x.json"), code=1)
    assert "No value shows in these 8 texts" in one_sentence(done)
    assert not (tmp_path / "x.json").exists()
    assert "missing.txt" in one_sentence(run("profile", "from-text", "missing.txt", code=1))
