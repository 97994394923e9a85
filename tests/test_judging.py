"""Judging texts for VIDB: windows that connect them, a file that grows and can be taken up."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_app.evaluation.judging import JudgingError, Progressed, judge, plan_windows, to_judge
from chat_app.vidb.building import Recipe, build
from chat_app.vidb.joint_fit import islands
from chat_app.vidb.worksheets import Judged, Known, Text, read_windows
from tests.command_line import one_sentence, run

VALUE = "svt/power"


def shown(n: int, value: str = VALUE) -> dict[str, dict[str, str]]:
    return {value: {f"t{i}": f"text {i}" for i in range(n)}}


class ByNumber:
    """Orders texts by the number that they end in; fails after ``most`` windows."""

    name, version = "number", "1"

    def __init__(self, most: int = 10**6) -> None:
        self.left = most
        self.seen = 0

    def rank(self, windows):
        self.left -= len(windows)
        if self.left < 0:
            raise RuntimeError("out of reach")
        self.seen += len(windows)
        return [
            tuple(sorted(range(len(w.texts)), key=lambda i: -int(w.texts[i].split()[-1])))
            for w in windows
        ]


@settings(max_examples=60)
@given(n=st.integers(2, 40), k=st.integers(2, 8), per_text=st.integers(1, 6), seed=st.integers(0))
def test_windows_connect_all_texts_and_use_each_about_equally(n, k, per_text, seed):
    tasks = plan_windows(shown(n), k=k, per_text=per_text, seed=seed)
    size = min(k, n)
    assert all(len(set(task.ids)) == len(task.ids) == size for task in tasks)
    assert all(task.texts == tuple(f"text {id[1:]}" for id in task.ids) for task in tasks)
    orders = np.array([[int(id[1:]) for id in task.ids] for task in tasks])
    assert len(set(islands(orders, n))) == 1
    counts = Counter(orders.ravel().tolist())
    assert set(counts) == set(range(n))
    chain = 1 + -(-max(n - size, 0) // (size - 1))
    assert len(tasks) == max(chain, round(n * per_text / size))
    # A window that is filled up takes texts that have had their turn.
    assert max(counts.values()) <= 2 * (per_text + 2)


def test_windows_follow_from_texts_and_seed_alone():
    both = {**shown(20), **shown(9, "svt/face")}
    assert plan_windows(both, seed=5)[: len(plan_windows(shown(20)))] == plan_windows(
        shown(20), seed=5
    )
    assert plan_windows(both, seed=5) != plan_windows(both, seed=6)


def test_the_chains_links_are_not_always_shown_first():
    tasks = plan_windows(shown(300), k=4, per_text=1, seed=0)
    links = [set(a.ids) & set(b.ids) for a, b in pairwise(tasks)]
    assert all(len(link) >= 1 for link in links)
    places = Counter(
        t.ids.index(next(iter(link))) for t, link in zip(tasks[1:], links, strict=True)
    )
    assert set(places) == {0, 1, 2, 3}


def test_plans_that_cannot_be_made():
    with pytest.raises(JudgingError, match="svt/power has a single text"):
        plan_windows(shown(1))
    with pytest.raises(JudgingError, match="not k=1, per_text=3"):
        plan_windows(shown(4), k=1, per_text=3)


def test_anchors_are_judged_along():
    texts = [Text("a", VALUE, "x"), Text("b", VALUE, "y")]
    known = [
        Known("b", VALUE, 3.0),  # one of the texts
        Known("c", VALUE, 5.0, "z"),
        Known("c", "svt/face", 1.0, "of a value without texts"),
    ]
    assert to_judge(texts, known) == {VALUE: {"a": "x", "b": "y", "c": "z"}}
    with pytest.raises(JudgingError, match="anchor 'd' of svt/power has no text"):
        to_judge(texts, [Known("d", VALUE, 1.0)])
    with pytest.raises(JudgingError, match="both called 'a', but they differ"):
        to_judge(texts, [Known("a", VALUE, 1.0, "z")])


def test_judging_goes_on_where_it_stopped(tmp_path):
    out = tmp_path / "w.jsonl"
    tasks = plan_windows(shown(30), k=5, per_text=4, seed=1)
    with pytest.raises(RuntimeError, match="out of reach"):
        judge(tasks, ByNumber(most=10), out, batch=4)
    assert len(read_windows(out)) == 8
    torn = out.read_bytes()[:-7]  # a power cut in the middle of a line
    out.write_bytes(torn)
    ranker, seen = ByNumber(), []
    done = judge(tasks, ranker, out, batch=4, progress=lambda n, of: seen.append((n, of)))
    assert done == Progressed(planned=24, before=7, judged=17)
    assert ranker.seen == 17
    assert (seen[0], seen[-1]) == ((7, 24), (24, 24))
    judged = read_windows(out)
    assert Counter(frozenset(w.order) for w in judged) == Counter(frozenset(t.ids) for t in tasks)
    for window in judged:
        assert list(window.order) == sorted(window.order, key=lambda id: -int(id[1:]))
        assert window.judge == "number 1"
    assert judge(tasks, ByNumber(most=0), out).judged == 0


@settings(max_examples=40)
@given(cut=st.integers(0, 2000))
def test_wherever_the_file_is_cut_it_is_completed(tmp_path_factory, cut):
    out = tmp_path_factory.mktemp("cut") / "w.jsonl"
    tasks = plan_windows(shown(4), k=6, per_text=9, seed=1)  # nine times the same four texts
    judge(tasks, ByNumber(), out)
    whole = out.read_bytes()
    out.write_bytes(whole[: cut % len(whole)])
    if out.read_bytes() and len(out.read_bytes()) < len(b'{"value"'):
        with pytest.raises(JudgingError, match="something else than judgements"):
            judge(tasks, ByNumber(), out)
        return
    judge(tasks, ByNumber(), out)
    assert out.read_bytes() == whole


def test_another_judge_starts_anew_in_the_same_file(tmp_path):
    out = tmp_path / "w.jsonl"
    tasks = plan_windows(shown(8), per_text=3)
    judge(tasks, ByNumber(), out)
    other = ByNumber()
    other.version = "2"
    assert judge(tasks, other, out).judged == len(tasks)
    assert Counter(w.judge for w in read_windows(out)) == dict.fromkeys(
        ("number 1", "number 2"), len(tasks)
    )


@pytest.mark.parametrize(
    "content", ["id,value\n1,power", "notes", "[1]\n", '{"value": "power", "order": 3}\n']
)
def test_a_file_of_something_else_is_left_alone(tmp_path, content):
    out = tmp_path / "w.jsonl"
    out.write_text(content)
    with pytest.raises(JudgingError, match="choose another file"):
        judge(plan_windows(shown(8)), ByNumber(), out)
    assert out.read_text() == content


@pytest.mark.parametrize(
    ("answer", "said"),
    [([(0, 1, 2), (0, 1, 2)], "2 orders for 1 windows"), ([(0, 0, 2)], "no order of 3 texts")],
)
def test_no_order_is_an_error_and_is_not_kept(tmp_path, answer, said):
    ranker = ByNumber()
    ranker.rank = lambda windows: answer  # type: ignore[method-assign]
    with pytest.raises(JudgingError, match=said):
        judge(plan_windows(shown(3), per_text=1), ranker, tmp_path / "w.jsonl")
    assert (tmp_path / "w.jsonl").read_text() == ""


def test_judged_texts_get_their_place():
    """Windows of the plan, judged without error, bring texts and anchors in the right order."""
    texts = [Text(f"t{i}", VALUE, f"text {i}") for i in range(40)]
    known = [Known(f"t{i}", VALUE, i / 2 - 10) for i in range(0, 40, 4)]
    tasks = plan_windows(to_judge(texts, known), per_text=12)
    orders = ByNumber().rank(tasks)
    windows = [
        Judged(t.value, "number", tuple(t.ids[i] for i in order))
        for t, order in zip(tasks, orders, strict=True)
    ]
    placed, _ = build(texts, windows, known, Recipe(prior=0.01))
    intensities = [p.intensity for p in placed]
    assert np.corrcoef(np.argsort(intensities), np.arange(40))[0, 1] > 0.98
    assert np.abs(np.array(intensities) - (np.arange(40) / 2 - 10)).mean() < 1.0


def test_texts_of_ones_own_on_the_command_line(tmp_path):
    """Judge with the built-in encoder, build, describe."""
    texts = tmp_path / "texts.csv"
    rows = ["id,value,text"]
    for i, reply in enumerate(
        [
            "Give her half of what you have and stay with her until she is well again.",
            "I would help my brother tonight, whatever it costs me.",
            "Drive your neighbour to the hospital; the meeting can wait.",
            "Carry her bags and ask how she is.",
            "Let him wait, his troubles are not mine.",
            "I never lend anything to family, they only use me.",
            "Ignore her calls and enjoy the evening.",
            "Why should I care whether my friend is ill?",
        ]
    ):
        rows.append(f'r{i},benevolence,"{reply}"')
    texts.write_text("\n".join(rows) + "\n")
    out, vidb = tmp_path / "w.jsonl", tmp_path / "mine.csv"
    asked = ["vidb", "judge", "--texts", str(texts), "--anchors", "builtin", "--out", str(out)]
    asked += ["--hives", "builtin"]
    first = json.loads(run(*asked, "--windows-per-text", "8", "--json").stdout)
    assert first["judged"] == first["planned"] == round(68 * 8 / 6)

    made = ["vidb", "build", "--texts", str(texts), "--judgements", str(out)]
    made += ["--anchors", "builtin", "--out", str(vidb)]
    (fit,) = json.loads(run(*made, "--json").stdout)["values"]
    assert (fit["value"], fit["texts"], fit["anchors"]) == ("svt/benevolence", 8, 60)
    assert fit["anchors_spearman"] > 0.9
    assert "8 texts for 1 values" in run("vidb", "describe", str(vidb)).stdout

    said = one_sentence(run(*made[:-1], str(tmp_path), code=1))
    assert "cannot be written" in said
    wrong = [*made, "--map", "straight"]
    assert "it is one of tanh, isotonic" in run(*wrong, code=2).stderr
