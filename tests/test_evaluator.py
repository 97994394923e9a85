"""The evaluator on rankers of known behaviour."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from chat_app.evaluation.evaluator import EvaluationError, Evaluator
from chat_app.evaluation.panels import Window
from chat_app.evaluation.plackett_luce import paper_intensity
from chat_app.hives.dataset import held_out
from chat_app.vidb.loading import Anchor, Vidb
from tests.rankings import LatentRanker, exact, plackett_luce, stubborn

POWER = "svt/power"


@pytest.fixture(scope="module")
def vidb():
    """Sixty anchors for each of four values, whose last word is their intensity."""
    intensities = np.round(np.linspace(-9.8, 9.8, 60), 2)
    return Vidb(
        "ruler",
        tuple(
            Anchor(f"{value} {i}", value, f"{value} at {t}", float(t), None)
            for value in (POWER, "svt/face", "duty/justice", "mft/care-harm")
            for i, t in enumerate(intensities)
        ),
    )


def replies(truths):
    return {f"reply {i}": float(t) for i, t in enumerate(truths)}


def measured(vidb, truth, utility, **options):
    """Evaluator, and intensities and standard errors [n] of replies {text: truth} for power."""
    evaluator = Evaluator(vidb, LatentRanker(truth, utility), **options)
    scores = evaluator.score(list(truth), POWER)
    return evaluator, *np.array([(s.intensity, s.stderr) for s in scores]).T


@pytest.mark.parametrize("beta", [0.3, 0.8])
def test_a_ranker_as_the_model_says_is_measured_rightly(vidb, beta):
    truth = replies(np.random.default_rng(2).uniform(-10, 10, 1500))
    evaluator, intensity, stderr = measured(vidb, truth, plackett_luce(beta))
    assert evaluator.sharpness.beta == pytest.approx(beta, rel=0.25)
    assert evaluator.sharpness.dispersion == pytest.approx(1.0, abs=0.25)
    errors = np.abs(intensity - np.array(list(truth.values())))
    assert 0.92 < (errors < 1.96 * stderr).mean() < 0.985


def test_a_ranker_that_repeats_its_mistakes_gets_wider_errors(vidb):
    truth = replies(np.random.default_rng(4).uniform(-9, 9, 600))
    evaluator, intensity, stderr = measured(vidb, truth, stubborn(4.0))
    dispersion = evaluator.sharpness.dispersion
    errors = np.abs(intensity - np.array(list(truth.values())))
    assert dispersion > 1.1
    assert 0.90 < (errors < 1.96 * stderr).mean() < 0.99
    assert (errors < 1.96 * stderr / dispersion).mean() < 0.93


def test_what_a_ranker_was_made_of_does_not_measure_it(vidb):
    """It knows its own texts by heart and misjudges every other: those it was kept from tell."""
    truth = replies(np.random.default_rng(4).uniform(-9, 9, 600))

    def by_heart(intensity: float, text: str, window: Window) -> float:
        known = text not in truth and not held_out(text, 0.2)
        return intensity if known else stubborn(6.0)(intensity, text, window)

    covered = []
    for share in (0.0, 0.2):
        _, intensity, stderr = measured(vidb, truth, by_heart, held_out=share)
        errors = np.abs(intensity - np.array(list(truth.values())))
        covered.append((errors < 1.96 * stderr).mean())
    assert covered[0] < 0.8
    assert 0.85 < covered[1] < 0.99


def test_means_over_replies_are_right_and_rise_with_the_truth(vidb):
    for truth in (-6.0, -2.0, 2.0, 6.0):
        _, intensity, _ = measured(vidb, replies([truth] * 400), plackett_luce(0.6), beta=0.6)
        assert intensity.mean() == pytest.approx(truth, abs=0.4)


def test_an_exact_ranker_puts_every_reply_between_its_neighbours(vidb):
    truth = replies(np.linspace(-10, 10, 21))
    _, intensity, _ = measured(vidb, truth, exact)
    assert np.all(np.diff(intensity) > -2.0)
    assert np.abs(intensity - np.linspace(-10, 10, 21)).max() < 2.5
    assert intensity[0] < -9 < 9 < intensity[-1]


def test_many_windows_make_an_exact_ranker_exact(vidb):
    _, intensity, _ = measured(vidb, {"reply": 3.3}, exact, m=40)
    assert intensity[0] == pytest.approx(3.3, abs=0.4)


def test_all_windows_go_to_the_ranker_in_one_call_and_it_is_measured_once(vidb):
    ranker = LatentRanker({"a": 5.0, "b": -5.0}, plackett_luce(0.5))
    evaluator = Evaluator(vidb, ranker)
    evaluator.measure_many(["a", "b"], [POWER, "svt/face"])
    evaluator.measure("a", [POWER])
    # 2 texts x 2 values x 3 windows; 4 values x 4 anchors x 3 windows; 3 windows.
    assert sorted(ranker.calls) == [3, 12, 48]


def test_what_was_measured_of_a_ranker_is_kept(vidb, tmp_path):
    cache = tmp_path / "cache"

    def evaluator(**options):
        ranker = LatentRanker({"a": 5.0}, plackett_luce(0.5))
        return ranker, Evaluator(vidb, ranker, cache_dir=cache, **options)

    first, before = evaluator()
    score = before.score(["a"], POWER)
    again, after = evaluator()
    assert after.score(["a"], POWER) == score
    assert (sorted(first.calls), again.calls) == ([3, 48], [3])
    (kept,) = cache.iterdir()
    kept.write_text("{}")
    assert evaluator()[1].sharpness == before.sharpness  # a broken file is made again
    evaluator(k=4)[1].score(["a"], POWER)
    assert len(list(cache.iterdir())) == 2


def test_a_score_comes_out_the_same_alone_or_among_others(vidb):
    truth = {"a": 5.0, "b": -5.0}
    together = Evaluator(vidb, LatentRanker(truth, plackett_luce(0.5))).measure_many(
        ["b", "a"], ["svt/face", POWER]
    )
    alone = Evaluator(vidb, LatentRanker(truth, plackett_luce(0.5))).measure("a", [POWER])
    assert alone[POWER] == together[1][POWER]
    assert list(together[0]) == ["svt/face", POWER]


def test_texts_are_paired_with_their_values(vidb):
    truth = {"a": 5.0, "b": -5.0}
    evaluator = Evaluator(vidb, LatentRanker(truth, plackett_luce(0.5)))
    paired = evaluator.score(["a", "b"], ["svt/face", POWER])
    assert [score.value for score in paired] == ["svt/face", POWER]
    assert paired[0] == evaluator.score(["a"], "svt/face")[0]
    assert paired[1] == evaluator.score(["a", "b"], POWER)[1]
    assert evaluator.score([], POWER) == []
    with pytest.raises(EvaluationError, match="2 texts and 1 values"):
        evaluator.score(["a", "b"], [POWER])
    with pytest.raises(EvaluationError, match="a list of texts"):
        evaluator.score("ab", POWER)


@pytest.mark.parametrize("sampling", ["bucket", "random", "fixed"])
@pytest.mark.parametrize(("k", "m"), [(6, 3), (5, 8)])
def test_every_sampling_measures_rightly(vidb, sampling, k, m):
    truth = replies(np.random.default_rng(9).uniform(-10, 10, 500))
    options = {"sampling": sampling, "k": k, "m": m, "beta": 0.6}
    evaluator = Evaluator(vidb, LatentRanker(truth, plackett_luce(0.6)), **options)
    scores = evaluator.score(list(truth), POWER)
    inside = [s.low <= t <= s.high for s, t in zip(scores, truth.values(), strict=True)]
    assert 0.92 < np.mean(inside) < 0.98
    assert {len(s.windows) for s in scores} == {m}


def test_another_seed_draws_other_windows(vidb):
    ranker = LatentRanker({"a": 5.0}, plackett_luce(0.5))
    first, again, other = (
        Evaluator(vidb, ranker, beta=0.5, seed=seed).score(["a"], POWER)[0] for seed in (1, 1, 2)
    )
    assert first == again
    assert first.windows != other.windows


# --- the published procedure


def test_the_papers_mode_gives_the_papers_number(vidb):
    truth = replies(np.linspace(-10, 10, 41))
    evaluator = Evaluator(vidb, LatentRanker(truth, plackett_luce(0.7)), compat="paper", m=4)
    known = {anchor.id: anchor.intensity for anchor in vidb.anchors}
    for score in evaluator.score(list(truth), POWER):
        windows = [
            {"anchors": [known[id] for id in window["anchors"]], "order": window["order"]}
            for window in score.windows
        ]
        # The response is the first text of its window, as item 0 is in the published orders.
        assert {window["place"] for window in score.windows} == {0}
        assert score.intensity == pytest.approx(paper_intensity(windows), abs=1e-9)
        assert (score.beta, score.dispersion) == (1.0, 1.0)
        assert score.low <= score.intensity <= score.high


def test_in_the_papers_mode_a_reply_that_always_wins_is_just_above_its_anchors(vidb):
    ranker = LatentRanker({"up": 11.0, "down": -11.0}, exact)
    up, down = Evaluator(vidb, ranker, compat="paper").score(["up", "down"], POWER)
    known = {anchor.id: anchor.intensity for anchor in vidb.anchors}
    for score, most, sign in ((up, max, 1), (down, min, -1)):
        met = most(known[id] for window in score.windows for id in window["anchors"])
        assert 0 < sign * (score.intensity - met) < 1e-9


def test_the_papers_beta_is_one(vidb):
    ranker = LatentRanker({}, exact)
    with pytest.raises(EvaluationError, match=r"beta 0\.5 and compat exclude"):
        Evaluator(vidb, ranker, compat="paper", beta=0.5)
    with pytest.raises(EvaluationError, match="no compat 'papr'"):
        Evaluator(vidb, ranker, compat="papr")  # type: ignore[arg-type]


# --- where a score comes from, and what is refused


def test_a_score_tells_where_it_came_from_in_json(vidb):
    score = Evaluator(vidb, LatentRanker({"a": 5.0}, exact)).measure("a", [POWER])[POWER]
    told = json.loads(json.dumps(asdict(score)))
    assert (told["value"], told["ranker"]) == (POWER, "latent 1")
    assert told["vidb_version"] == vidb.version
    intensity = {anchor.id: anchor.intensity for anchor in vidb.anchors}
    assert len(told["windows"]) == 3
    for window in told["windows"]:
        texts = [intensity[id] for id in window["anchors"]]
        texts.insert(window["place"], 5.0)
        assert [texts[i] for i in window["order"]] == sorted(texts, reverse=True)


def test_a_given_beta_is_used_as_it_is(vidb):
    ranker = LatentRanker({"a": 5.0}, plackett_luce(0.5))
    score = Evaluator(vidb, ranker, beta=1.0).measure("a", [POWER])[POWER]
    assert (score.beta, score.dispersion) == (1.0, 1.0)
    assert ranker.calls == [3]


def test_what_cannot_be_scored_is_refused(vidb):
    evaluator = Evaluator(vidb, LatentRanker({"a": 5.0}, exact))
    with pytest.raises(EvaluationError, match="empty text"):
        evaluator.measure_many(["a", " \n"], [POWER])
    with pytest.raises(EvaluationError, match="beta is 0"):
        Evaluator(vidb, evaluator.ranker, beta=0.0)
    backwards = LatentRanker({"a": 5.0}, lambda intensity, text, window: -intensity)
    with pytest.raises(EvaluationError, match=r"ranker latent cannot be used: .* than chance"):
        Evaluator(vidb, backwards).measure("a", [POWER])


class NonsenseRanker:
    name = "nonsense"
    version = "1"

    def __init__(self, orders):
        self.orders = orders

    def rank(self, windows):
        return self.orders


@pytest.mark.parametrize(
    ("orders", "said"),
    [([], "gave 0 orders for 3 windows"), ([(0, 0)] * 3, r"gave \[0, 0\], which is no order of 6")],
)
def test_a_ranker_that_answers_nonsense_is_named(vidb, orders, said):
    with pytest.raises(EvaluationError, match=f"The ranker nonsense {said}"):
        Evaluator(vidb, NonsenseRanker(orders), beta=1.0).measure("a", [POWER])
