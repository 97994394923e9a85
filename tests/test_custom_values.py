"""A person's own words: read as what they lie near, with their side, or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chat_app.errors import ValueflowError
from chat_app.evaluation.custom import WiderHivesRanker, WiderVidb, widened
from chat_app.evaluation.evaluator import Evaluator, Score
from chat_app.evaluation.panels import make_windows
from chat_app.evaluation.rankers import make_ranker
from chat_app.hives.custom import CustomValue, custom_anchors, custom_value, with_custom
from chat_app.hives.custom_axis import weights
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import Space, build_space
from chat_app.hives.yardstick import Yardstick, measure, read_phrases
from chat_app.settings import settings
from chat_app.steering.contrasts import support
from chat_app.values.custom import CustomValueError
from chat_app.values.phrases import PHRASES
from chat_app.vidb.loading import Vidb, VidbError
from tests.planted_encoder import VALUES, planted_vidb, tone, topic_axes, write_planted

CARE, POWER = "mft/care-harm", "svt/power"
TOPICS = topic_axes()
WORDS = {
    "zelbing": TOPICS[CARE],  # a synonym of care
    "grompery": TOPICS[CARE] - 0.8 * tone(),  # a vice
    "vorn": TOPICS[POWER],
    "asdf": np.eye(96)[60],
    "qwer": np.eye(96)[61],
}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    folder = write_planted(tmp_path_factory.mktemp("planted") / "encoder", WORDS)
    return build_space(load_encoder(str(folder)), planted_vidb(), None)


@pytest.fixture(scope="module")
def yardstick(space: Space) -> Yardstick:
    return measure(space)


@pytest.fixture(scope="module")
def care(space: Space, yardstick: Yardstick) -> CustomValue:
    return custom_value(space, "zelbing", yardstick)


def test_a_synonym_is_read_as_its_value(space: Space, care: CustomValue) -> None:
    assert (care.id, care.words) == ("custom/zelbing", "zelbing")
    assert (care.values[0].value, care.values[0].weight) == (CARE, 1.0)
    assert care.values[0].cosine > 0.8
    assert np.linalg.norm(care.axis) == pytest.approx(1, abs=1e-5)
    assert care.axis.dtype == np.float32
    assert all(text.anchor.value == CARE for text in care.texts)


def test_a_values_own_name_needs_no_guess(space: Space, yardstick: Yardstick) -> None:
    for words in ("Kindness", PHRASES[CARE]):
        named = custom_value(space, words, yardstick)
        assert [(near.value, near.weight) for near in named.values] == [(CARE, 1.0)]
        assert named.error == pytest.approx(yardstick.errors[0])


def test_a_vice_is_read_as_against_what_it_is_near(space: Space, yardstick: Yardstick) -> None:
    vice = custom_value(space, "grompery", yardstick)
    assert (vice.values[0].value, vice.values[0].weight) == (CARE, -1.0)
    assert vice.values[0].cosine < -0.8
    kind = [a.intensity > 0 for a in space.vidb.of(CARE)]
    told = vice.intensity(space.encoder.encode([a.text for a in space.vidb.of(CARE)]))
    assert np.corrcoef(kind, told)[0, 1] < -0.7


def test_words_near_two_values_are_read_as_both(space: Space, yardstick: Yardstick) -> None:
    both = custom_value(space, "zelbing vorn", yardstick)
    assert {near.value for near in both.values[:2]} == {CARE, POWER}
    assert min(near.weight for near in both.values[:2]) > 0.5


@pytest.mark.parametrize("words", ["asdf qwer", "the number seven", "nobody knows"])
def test_words_near_nothing_are_refused(space: Space, yardstick: Yardstick, words: str) -> None:
    with pytest.raises(CustomValueError, match=f"“{words}” lies no nearer .*the nearest is"):
        custom_value(space, words, yardstick)


def test_the_yardstick_is_relative(space: Space, yardstick: Yardstick) -> None:
    """Unrelated phrases have nearness 0 and a spread of 1; known names lie well above."""
    near = [yardstick.nearness(z, other=i) for i, z in enumerate(yardstick.unrelated)]
    assert np.mean(near) == pytest.approx(0, abs=1e-6)
    assert np.std(near) == pytest.approx(1, abs=1e-6)
    names = [yardstick.nearness(z, name=i) for i, z in enumerate(yardstick.names)]
    assert np.median(names) > yardstick.needed >= 1.5
    guess = np.sqrt(np.mean(yardstick.rated**2))  # the error of saying 0 of every text
    assert all(0 < error < 0.75 * guess for error in yardstick.errors)


def test_the_yardsticks_phrases_are_embedded_once(space: Space, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    measure(space, cache)
    (kept,) = cache.iterdir()
    assert space.encoder.version in kept.name
    stamp = kept.stat().st_mtime_ns
    again = measure(space, cache)
    assert kept.stat().st_mtime_ns == stamp
    assert again.needed == measure(space).needed


def test_weights_by_hand() -> None:
    relations = np.array([4.0, 2.0, -3.0])
    assert weights(relations) == pytest.approx([1, 0.25, 0])
    # 1 x 0.2 + 0.25 x -1 < 0: against, all of them
    assert weights(relations, np.array([0.6, 0.0, 1.0])) == pytest.approx([-1, -0.25, 0])
    assert weights(relations, np.array([0.7, 0.0, 0.0])) == pytest.approx([1, 0.25, 0])


def test_odds_rule_where_no_side_is_heard(space: Space, yardstick: Yardstick) -> None:
    deaf = replace(yardstick, side=(0.0, 0.0))
    read = read_phrases(space, ("grompery",))
    assert deaf.for_it(read, 0) == pytest.approx(np.full(len(VALUES), 10 / 11))
    assert yardstick.for_it(read, 0)[VALUES.index(CARE)] < 0.5


def test_estimated_intensities_are_on_the_known_scale(space: Space, care: CustomValue) -> None:
    rated = np.array([a.intensity for a in space.vidb.of(CARE)])
    told = care.intensity(space.encoder.encode([a.text for a in space.vidb.of(CARE)]))
    assert np.corrcoef(rated, told)[0, 1] > 0.8
    assert 0.6 < told.std() / rated.std() < 1.4
    assert abs(told.mean() - rated.mean()) < 2
    assert np.abs(told).max() <= 10


def test_anchors_are_vidbs_texts_over_the_whole_scale(space: Space, care: CustomValue) -> None:
    anchors = custom_anchors(space, care)
    texts = {a.id: a.text for a in space.vidb.anchors}
    assert all(texts[a.id] == a.text for a in anchors)
    assert len({a.text for a in anchors}) == len(anchors)
    assert {a.value for a in anchors} == {"custom/zelbing"}
    assert {a.stderr for a in anchors} == {care.error}
    intensities = [a.intensity for a in anchors]
    assert intensities == sorted(intensities)
    assert intensities[0] < -5
    assert intensities[-1] > 5


def test_support_has_no_topic_in_it(space: Space, care: CustomValue) -> None:
    wider = with_custom(space, care)
    y = support(wider, "custom/zelbing")
    owners = np.array([a.value for a in space.vidb.anchors])
    for value in VALUES:
        assert y[owners == value].sum() == pytest.approx(0, abs=1e-4)
    own = owners == CARE
    assert np.sum(y[own] ** 2) > 3 * np.sum(y[~own] ** 2)
    assert "custom/zelbing" not in space.axes


def test_a_space_without_known_values_finds_none(space: Space) -> None:
    empty = Space(space.encoder, Vidb("empty", ()), space.embeddings[:0], {})
    with pytest.raises(ValueflowError, match="empty has no texts for and against any"):
        custom_value(empty, "zelbing")


def evaluator(space: Space, yardstick: Yardstick) -> Evaluator:
    def find(value: str) -> CustomValue:
        return custom_value(space, value, yardstick)

    vidb = WiderVidb(
        space.vidb.name, space.vidb.anchors, lambda value: custom_anchors(space, find(value))
    )
    known = make_ranker("hives", settings=settings(), space=lambda: space, judge=pytest.fail)
    ranker = WiderHivesRanker(known, lambda: space.encoder, find)
    return Evaluator(
        vidb,
        ranker,
        anchor_error=lambda value: find(value).error if value.startswith("custom/") else 0.0,
    )


def test_scores_for_ones_own_words(space: Space, yardstick: Yardstick, care: CustomValue) -> None:
    judge = evaluator(space, yardstick)
    for_it, against = judge.measure_many(
        ["gladly kindness river 99", "never kindness river 99"], ["custom/zelbing", POWER]
    )
    up, down = for_it["custom/zelbing"], against["custom/zelbing"]
    assert up.intensity > 3 > -3 > down.intensity
    assert min(up.stderr, down.stderr) > care.error > for_it[POWER].stderr / 10
    assert -10 <= up.low <= up.intensity <= up.high <= 10
    assert up.vidb_version == space.vidb.version == judge.vidb.version
    ids = {a.id for a in space.vidb.anchors}
    assert all(anchor in ids for window in up.windows for anchor in window["anchors"])
    assert judge.measure("gladly kindness river 99", ["custom/zelbing"])["custom/zelbing"] == up
    # the known value is measured as it would be alone
    known = make_ranker("hives", settings=settings(), space=lambda: space, judge=pytest.fail)
    alone = Evaluator(space.vidb, known).measure("gladly kindness river 99", [POWER])
    assert alone[POWER] == for_it[POWER]


def test_the_order_follows_the_axis(space: Space, yardstick: Yardstick, care: CustomValue) -> None:
    judge = evaluator(space, yardstick)
    windows = make_windows("gladly harm", "custom/zelbing", judge.vidb, seed=3)
    for window, order in zip(windows, judge.ranker.rank(windows), strict=True):
        along = space.encoder.encode(window.texts) @ care.axis
        assert [along[i] for i in order] == sorted(along, reverse=True)
    with pytest.raises(VidbError, match="no text for svt/face"):
        judge.vidb.of("svt/face")


def test_widening_by_hand() -> None:
    score = Score("custom/x", 2.0, 3.0, -4.0, 8.0, "r", "v", (), 1.0)
    wider = widened(score, 4.0)
    assert wider.stderr == pytest.approx(5.0)
    # 6 and 1.96 x 4 together: 9.87, cut off at the scale's ends
    assert wider.low == pytest.approx(2 - np.hypot(6, 7.84))
    assert wider.high == 10.0
