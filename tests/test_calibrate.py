"""Calibrating, checking and tuning, with the real built-in model and the real evaluator."""

import json

import pytest
import sqlalchemy as sa

from chat_app.chat.calibrate import calibrate, grid_of
from chat_app.chat.outlook import conflict_sentence, outlook
from chat_app.chat.send import send
from chat_app.chat.studio import Studio
from chat_app.chat.trials import Course, builtin_prompts, read_prompts
from chat_app.chat.tune import Round, tune
from chat_app.chat.turns import past_vector
from chat_app.db.conversations import get_message
from chat_app.db.tables import CalibrationCell, CalibrationRow
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.settings import settings
from chat_app.steering.aim import DEFAULT_SCALE
from chat_app.steering.conflicts import Conflict
from chat_app.values.profile import Profile
from tests.command_line import one_sentence, run

KIND, POWER = "svt/benevolence", "svt/power"
COURSE = Course(builtin_prompts()[:6], max_tokens=60)


def cells(studio: Studio) -> dict[tuple[str, float], CalibrationCell]:
    with studio.database.read() as session:
        found = session.scalars(sa.select(CalibrationCell)).all()
    return {(cell.value, cell.coefficient): cell for cell in found}


@pytest.fixture(scope="module")
def calibrated(shared_studio: Studio, tmp_path_factory: pytest.TempPathFactory):
    """A studio whose database holds a calibration of one value, and that calibration."""
    studio = Studio(settings(home=tmp_path_factory.mktemp("calibrated")))
    for part in ("vidb", "encoder", "space", "bank", "directions", "evaluator"):
        getattr(shared_studio, part)
    studio._parts |= {k: v for k, v in shared_studio._parts.items() if k != "database"}
    yield studio, calibrate(studio, "vector", [KIND], COURSE)
    studio.database.close()


def test_the_curve_rises_and_every_reply_counts(calibrated):
    studio, found = calibrated
    response = found.responses[KIND]
    assert response.coefficients == grid_of("vector")
    assert all(len(row) == COURSE.n for row in response.scores)
    assert response.means[-1] - response.means[0] > 5
    assert response.perplexity[response.coefficients.index(0.0)] == 1
    assert all(ratio > 0 for ratio in response.perplexity)
    low, high = response.reachable
    assert low < -2 < 2 < high
    assert found.basis.model_sha256 == studio.model.info.sha256
    stored = cells(studio)
    assert len(stored) == len(response.coefficients)
    # Unsteered replies are scored for every value, and so are those at the dose of the coupling.
    assert set(stored["", 0.0].scores) == set(studio.steered)
    assert set(stored[KIND, 0.4].scores) == set(studio.steered)
    assert set(stored[KIND, 0.2].scores) == {KIND}


def test_targets_are_looked_up_in_it_from_then_on(calibrated):
    studio, found = calibrated
    wanted = found.responses[KIND].coefficient(3.0).coefficient
    composed = studio.compose(Profile("p", {KIND: 3}))
    assert composed.coefficients[KIND] == pytest.approx(wanted, abs=1e-3)  # stored to 3 digits
    assert composed.expected[KIND].intensity == pytest.approx(3, abs=0.01)
    high = found.responses[KIND].reachable[1]
    far = studio.compose(Profile("p", {KIND: 10}))
    assert far.coefficients[KIND] <= found.responses[KIND].limits[1] + 1e-9
    if high < 9.5:
        assert "out of reach" in far.notes[0]


def test_what_is_measured_is_not_measured_again(calibrated, monkeypatch):
    studio, found = calibrated

    def refuse(*args, **kwargs):
        raise AssertionError("the model was asked again")

    monkeypatch.setattr(type(studio.engine), "replies", refuse)
    again = calibrate(studio, "vector", [KIND], COURSE)
    assert again.to_json()["values"] == found.to_json()["values"]


def test_an_interrupted_run_goes_on_where_it_stopped(studio: Studio):
    seen = []

    def stop_in_the_third_dose(what: str, done: int, of: int) -> None:
        seen.append((done, of))
        if done == 2 * COURSE.n + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(studio, "prompt", [POWER], COURSE, stop_in_the_third_dose)
    kept = cells(studio)
    assert len(kept) == 2
    assert seen[-1] == (2 * COURSE.n + 3, 5 * COURSE.n)
    with studio.database.read() as session:
        assert session.scalars(sa.select(CalibrationRow.finished)).one() is None
    assert studio.calibration("prompt") is None

    asked = []
    found = calibrate(studio, "prompt", [POWER], COURSE, lambda *told: asked.append(told))
    assert len(asked) == 3 * COURSE.n
    assert asked[-1][1:] == (3 * COURSE.n, 3 * COURSE.n)
    whole = cells(studio)
    assert {dose: whole[dose].id for dose in kept} == {d: kept[d].id for d in kept}
    assert found.responses[POWER].means[-1] > found.responses[POWER].means[0]
    assert found.sketches == {}
    assert studio.calibration("prompt").responses.keys() == {POWER}


def test_other_questions_are_another_calibration(calibrated):
    studio, _ = calibrated
    other = Course(COURSE.prompts[:5], max_tokens=8)
    brief = calibrate(studio, "vector+prompt", [KIND], other)
    assert len(brief.responses[KIND].scores[0]) == 5
    with studio.database.read() as session:
        keys = session.scalars(sa.select(CalibrationRow.key)).all()
    assert len(set(keys)) == len(keys) >= 2
    # Words and vector are of the same dose.
    composed = studio.compose(Profile("p", {KIND: 3}, method="vector+prompt"))
    assert composed.vector is not None
    assert composed.system_prompt


def test_a_method_without_doses_is_refused(studio: Studio):
    with pytest.raises(ValueflowError, match="has no dose"):
        calibrate(studio, "none", [KIND], COURSE)


def test_the_programs_own_questions():
    prompts = builtin_prompts()
    assert len(prompts) == len(set(prompts)) == 40
    assert all(len(prompt) < 100 for prompt in prompts)


def test_too_few_questions_are_refused():
    assert read_prompts("\n".join("abcde") + "\n\n a \n", "f") == tuple("abcde")
    with pytest.raises(ValueflowError, match="4 different prompts"):
        read_prompts("a\nb\nc\nd\nd\n", "f")


def test_tuning_corrects_and_keeps_the_best_round(studio: Studio):
    profile = Profile("kind", {KIND: 5, POWER: -3})
    told: list[Round] = []
    found = tune(studio, profile, COURSE, 2, told=told.append)
    assert tuple(told) == found.rounds
    assert 1 <= len(found.rounds) <= 2
    assert found.best.rms == min(each.rms for each in found.rounds)
    sha256 = studio.model.info.sha256
    assert found.profile.tuned_for(sha256) == dict(found.best.coefficients)
    assert found.profile.targets == profile.targets
    composed = studio.compose(found.profile)
    assert dict(composed.coefficients) == dict(found.best.coefficients)
    if len(found.rounds) == 2:
        first, second = found.rounds
        for value in profile.targets:
            moved = second.coefficients[value] - first.coefficients[value]
            # An error that stands out is corrected towards the target; the coupling may add to it.
            if not first.meets(value) and value not in first.stuck:
                assert moved * first.error(value) > 0 or abs(moved) < 0.05


def test_a_tuned_reply_is_read_again_under_its_own_vector(studio: Studio):
    tuned = tune(studio, Profile("kind", {KIND: 5}), COURSE, 1).profile
    *_, ended = send(studio, "Should I help him?", tuned, sampling=Sampling(seed=1, max_tokens=8))
    with studio.database.read() as session:
        row = get_message(session, ended.message_id)
    assert Profile.from_json(row.profile or {}) == tuned
    studio.past_vectors.clear()
    assert past_vector(studio, row).hash == row.vector_hash


def test_what_no_round_can_reach_is_said(studio: Studio):
    """Three sentences cannot bring three unlike values to 10."""
    wanted = {"svt/stimulation": 10, "svt/tradition": 10, "right/cultural_rights": -10}
    found = tune(studio, Profile("torn", wanted), COURSE, 3)
    assert not found.best.met
    assert any(each.stuck for each in found.rounds)


@pytest.mark.parametrize(
    "profile",
    [Profile("p", {}), Profile("p", {KIND: 0}), Profile("p", {KIND: 5}, method="prompt")],
)
def test_a_profile_without_coefficients_is_not_tuned(studio: Studio, profile: Profile):
    with pytest.raises(ValueflowError, match="nothing to tune"):
        tune(studio, profile, COURSE, 1)


def test_the_outlook_says_what_is_expected(studio: Studio):
    found = outlook(studio, Profile("torn", {KIND: 8, POWER: 8}))
    assert found.norm > 0
    assert found.calibrated == [KIND, POWER]
    hoped = found.composition.expected
    assert max(e.intensity for e in hoped.values()) < 8
    assert any("share the reply" in note for note in found.composition.notes)
    unsteered = outlook(studio, Profile("p", {KIND: 8}, method="none"))
    assert (unsteered.norm, dict(unsteered.composition.expected)) == (0.0, {})


def test_a_conflict_is_one_sentence():
    conflict = Conflict((KIND, POWER), (8.0, 8.0), -0.714, (5.2, 1.8))
    assert conflict_sentence(conflict) == (
        "Benevolence +8 and Power +8 pull apart, cosine −0.71: expect about +5 and +2."
    )


class TestCommands:
    @pytest.fixture
    def prompts(self, tmp_path):
        file = tmp_path / "prompts.txt"
        file.write_text("\n".join(COURSE.prompts) + "\n")
        return file

    def test_calibrate_check_tune(self, home, prompts, tmp_path):
        out = tmp_path / "c.json"
        args = ("--value", "benevolence", "--prompts", str(prompts), "--out", str(out), "--json")
        data = json.loads(run("calibrate", *args).stdout)
        assert data == json.loads(out.read_text())
        assert list(data["values"]) == [KIND]
        assert data["basis"]["model_name"]

        file = tmp_path / "kind.json"
        file.write_text(json.dumps(Profile("kind", {KIND: 4}).to_json()))
        seen = json.loads(run("profile", "check", str(file), "--json").stdout)
        assert seen["calibrated"] == [KIND]
        assert seen["values"][KIND]["expected"] == pytest.approx(4, abs=0.05)
        assert seen["norm"] == pytest.approx(
            abs(seen["values"][KIND]["coefficient"]) / DEFAULT_SCALE, abs=0.01
        )
        args = ("profile", "tune", str(file), "--rounds", "1", "--prompts", str(prompts))
        said = run(*args).stdout
        assert f"{KIND} asked +4, measured" in said
        tuned = Profile.from_json(file.read_text())
        assert tuned.targets == {KIND: 4}
        assert len(tuned.tuned) == 1

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["calibrate", "--value", "benevolense"], "svt/benevolence"),
            (["calibrate", "--method", "magic"], "magic"),
            (["calibrate", "--prompts", "missing.txt"], "missing.txt"),
            (["calibrate", "--prompts", "models/builtin-chat.gguf"], "UTF-8"),
            (["profile", "check", "nobody"], "nobody"),
            (["profile", "tune", "nobody"], "nobody"),
        ],
    )
    def test_bad_input_gets_one_sentence(self, args, said):
        assert said in one_sentence(run(*args, code=1))
