"""Do calibrated targets come true? The built-in model, 40 held-out questions, all 32 values.

``python -m training.check_calibration`` asks every question once at -8, -4, 0, 4, 8 of each value,
with coefficients as they are when nothing was measured and with those of the calibration, and two
values at once. The questions are topics of the corpus that the model was not trained on, and none
of those that it was calibrated with; ``--published`` takes the published evaluation prompts.
``--json FILE`` keeps what was measured, and a run that was interrupted goes on from there.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from chat_app.chat.studio import Studio
from chat_app.chat.trials import Course, answers, surprise
from chat_app.settings import data_path, settings
from chat_app.steering.aim import DEFAULT_SCALE, expected
from chat_app.steering.calibration import Calibration
from chat_app.steering.compose import Composition, compose
from chat_app.steering.composition import UNCOUPLED, Coupling
from chat_app.steering.dose_response import Predicted
from chat_app.values.profile import Profile
from training.check_steering import questions
from training.dialogues import Composer
from training.judge import Judge

TARGETS = (-8.0, -4.0, 4.0, 8.0)
SIMILAR, OPPOSED = 8, 6  # pairs
PAIR = 4.0  # what both values of a pair are asked for
SEED = 5000  # the calibration's seeds begin at 0

Row = dict[str, Any]


def asked(n: int, published: bool) -> tuple[str, ...]:
    """``n`` different questions, the same every time."""
    if published:
        return tuple(questions(n))
    dev = Composer(random.Random(29), [], dev=True)
    found: dict[str, None] = {}
    while len(found) < n:
        found[dev.question()[0]] = None
    return tuple(found)


class Bench:
    """The built-in model, its calibration, and both measures of a text."""

    def __init__(self, calibration: Path, n: int, published: bool) -> None:
        folder = Path(tempfile.gettempdir()) / "valueflow-check"
        self.studio = Studio(settings(model="builtin", home=folder))
        self.course = Course(asked(n, published), seed=SEED)
        self.judge = Judge()
        whole = Calibration.load(calibration)
        self.calibration = whole.fitting(self.studio.directions)
        if set(self.calibration.responses) != set(whole.responses):
            raise SystemExit(f"{calibration} is of other directions: make it again.")
        self.values = list(whole.responses)

    def composed(
        self, targets: Mapping[str, float], *, calibrated: bool, coupling: Coupling = UNCOUPLED
    ) -> Composition:
        return compose(
            Profile("check", targets),
            self.studio.directions,
            self.studio.model.info,
            None,
            self.calibration if calibrated else None,
            coupling,
        )

    def measured(self, how: Composition, values: list[str], *, text: bool = False) -> Row:
        """Mean intensities and errors by HIVES, means by words; the log perplexity if ``text``."""
        replies = answers(self.studio, self.course, how)
        texts = [reply.text.strip() or "." for reply in replies]
        scores = self.studio.evaluator.measure_many(texts, values)
        table = np.array([[each[v].intensity for v in values] for each in scores])
        row: Row = {
            "hives": dict(zip(values, table.mean(axis=0).round(3).tolist(), strict=True)),
            "words": {v: round(float(self.judge.score(texts, v).mean()), 3) for v in values},
        }
        if text:
            row["surprise"] = surprise(self.studio, self.course, replies)
        return row

    def value(self, value: str) -> Row:
        """One value at all targets, as it is uncalibrated and calibrated."""
        row: Row = {"plain": {}, "calibrated": {}}
        for target in TARGETS:
            # How other values move is needed for the pairs.
            others = self.values if target == PAIR else [value]
            plain = self.composed({value: target}, calibrated=False)
            row["plain"][f"{target:g}"] = self.measured(plain, others)
            how = self.composed({value: target}, calibrated=True)
            row["calibrated"][f"{target:g}"] = self.measured(how, [value], text=True)
        return row

    def pair(self, u: str, v: str) -> Row:
        """Both values at once: their doses simply added, and as the product composes them."""
        targets, coupling = {u: PAIR, v: PAIR}, self.calibration.coupling
        doses = dict.fromkeys((u, v), PAIR / 10 * DEFAULT_SCALE)
        composed = self.composed(targets, calibrated=True, coupling=coupling)
        return {
            "added": self.measured(self.studio.at_doses("vector", doses), [u, v]),
            "shared": _intensities(expected(doses, self.calibration, coupling)),
            "composed": self.measured(composed, [u, v]),
            "expected": _intensities(composed.expected),
        }

    def pairs(self) -> dict[str, list[tuple[str, str]]]:
        """The pairs that were measured to move each other most, and against each other most."""
        coupling = self.calibration.coupling
        felt = {
            pair: float(coupling.among(pair).sum() - 2) for pair in combinations(self.values, 2)
        }
        ranked = sorted(felt, key=lambda pair: felt[pair])
        return {"similar": ranked[::-1][:SIMILAR], "opposed": ranked[:OPPOSED]}


def _intensities(found: Mapping[str, Predicted]) -> dict[str, float]:
    return {value: each.intensity for value, each in found.items()}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    shipped = data_path("models", "calibration-vector.json")
    ap.add_argument("--calibration", type=Path, default=shipped)
    ap.add_argument("--questions", type=int, default=40)
    ap.add_argument("--published", action="store_true")
    ap.add_argument("--json", type=Path, help="keep what is measured, and go on from it")
    args = ap.parse_args()
    bench = Bench(args.calibration, args.questions, args.published)
    found: dict[str, Any] = {"rest": None, "values": {}, "pairs": {}}
    if args.json and args.json.is_file():
        found |= json.loads(args.json.read_text())

    def keep() -> None:
        if args.json:
            args.json.write_text(json.dumps(found, indent=1))

    if not found["rest"]:
        found["rest"] = bench.measured(Composition(), bench.values, text=True)
    for value in track(bench.values, description="values"):
        if value not in found["values"]:
            found["values"][value] = bench.value(value)
            keep()
    for kind, pairs in bench.pairs().items():
        for u, v in track(pairs, description=f"{kind} pairs"):
            if f"{u} {v}" not in found["pairs"]:
                found["pairs"][f"{u} {v}"] = bench.pair(u, v) | {"kind": kind}
                keep()
    report(found, bench)


def report(found: dict[str, Any], bench: Bench) -> None:
    """The tables, and the sums under them."""
    _report_values(found, bench)
    _report_pairs(found, bench)


def _report_values(found: dict[str, Any], bench: Bench) -> None:
    table = Table(title=f"asked (top) and measured, {bench.course.n} questions: plain | calibrated")
    table.add_column("value")
    for name in ("-8", "-4", "0", "4", "8", "-8", "-4", "4", "8", "reachable", "perplexity"):
        table.add_column(name, justify="right")
    rest, sums = found["rest"], _Sums()
    for value in bench.values:
        row = found["values"][value]
        plain = _line(row["plain"], rest, value, "hives")
        words = _line(row["plain"], rest, value, "words")
        calibrated = _line(row["calibrated"], rest, value, "hives")
        low, high = bench.calibration.responses[value].reachable
        ratios = [
            float(np.exp(cell["surprise"] - rest["surprise"]))
            for cell in row["calibrated"].values()
        ]
        sums.add(plain, words, calibrated, _line(row["calibrated"], rest, value, "words"))
        sums.errors(plain, calibrated, low, high)
        sums.ratios.append(ratios)
        cells = [f"{m:+.1f}" for m in (*plain, *calibrated[:2], *calibrated[3:])]
        table.add_row(value, *cells, f"{low:+.1f} to {high:+.1f}", f"{max(ratios):.2f}")
    Console(width=140).print(table)
    sums.say()


def _line(cells: Row, rest: Row, value: str, by: str) -> list[float]:
    """The means at -8, -4, 0, 4, 8."""
    means = [cells[f"{t:g}"][by][value] for t in TARGETS]
    return [*means[:2], rest[by][value], *means[2:]]


class _Sums:
    """What is said over all values."""

    def __init__(self) -> None:
        self.rising = {"hives": 0, "words": 0, "hives calibrated": 0, "words calibrated": 0}
        self.gaps: dict[str, list[float]] = {name: [] for name in self.rising}
        self.plain: list[float] = []
        self.calibrated: list[float] = []
        self.ratios: list[list[float]] = []

    def add(self, *lines: list[float]) -> None:
        for name, line in zip(self.rising, lines, strict=True):
            self.rising[name] += bool(np.all(np.diff(line) > 0))
            self.gaps[name].append(line[-1] - line[0])

    def errors(self, plain: list[float], calibrated: list[float], low: float, high: float) -> None:
        for target, a, b in zip((-8, -4, 0, 4, 8), plain, calibrated, strict=True):
            if target and low <= target <= high:
                self.plain.append(abs(target - a))
                self.calibrated.append(abs(target - b))

    def say(self) -> None:
        n = len(self.ratios)
        for name, count in self.rising.items():
            gap = np.array(self.gaps[name])
            print(
                f"{name}: rising all the way {count} of {n}; gap -8 to +8 {gap.mean():.1f} "
                f"on average, {gap.min():.1f} at least"
            )
        print(
            f"error |asked - measured mean| in reach, {len(self.plain)} targets other than 0: "
            f"calibrated {np.mean(self.calibrated):.2f}, uncalibrated {np.mean(self.plain):.2f}"
        )
        ratios = np.array(self.ratios)
        print(
            f"perplexity ratio at calibrated targets: {ratios.mean():.2f} on average, at -8 and +8 "
            f"{ratios[:, [0, -1]].mean():.2f}, {ratios.max():.2f} at most; "
            f"{(ratios > 1.5).sum()} of {ratios.size} above 1.5"
        )


def _report_pairs(found: dict[str, Any], bench: Bench) -> None:
    table = Table(title=f"two values at {PAIR:+g}: doses added, and as they are composed")
    for name in ("pair", "coupling", "sum of both", "together", "off", "by shares", "composed",
                 "expected"):  # fmt: skip
        table.add_column(name, justify="right" if name != "pair" else "left")
    rest = found["rest"]["hives"]
    off: dict[str, list[float]] = {"similar": [], "opposed": []}
    errors: dict[str, list[float]] = {"shares": [], "targets": [], "expected": []}
    for name, row in found["pairs"].items():
        u, v = name.split()
        single = {w: found["values"][w]["plain"][f"{PAIR:g}"]["hives"] for w in (u, v)}
        sums = [single[u][w] + single[v][w] - rest[w] for w in (u, v)]
        both, composed, shared, hoped = (
            [cells[w] for w in (u, v)]
            for cells in (
                row["added"]["hives"], row["composed"]["hives"], row["shared"], row["expected"]
            )
        )  # fmt: skip
        share = abs(sum(both) - sum(sums)) / abs(sum(sums))
        off[row["kind"]].append(share)
        errors["shares"] += np.abs(np.subtract(both, shared)).tolist()
        errors["targets"] += np.abs(np.subtract(composed, PAIR)).tolist()
        errors["expected"] += np.abs(np.subtract(composed, hoped)).tolist()
        felt = bench.calibration.coupling.among((u, v))
        cells = [f"{felt[0, 1]:.2f} {felt[1, 0]:.2f}", _two(sums), _two(both), f"{share:.0%}"]
        table.add_row(f"{u}, {v}", *cells, _two(shared), _two(composed), _two(hoped))
    Console(width=150).print(table)
    similar = np.array(off["similar"])
    print(
        f"similar pairs: {similar.mean():.0%} off the sum of both on average, "
        f"{(similar <= 0.3).sum()} of {len(similar)} within 30%; opposed pairs: "
        f"{np.mean(off['opposed']):.0%} off; by shares the mean error is "
        f"{np.mean(errors['shares']):.2f}"
    )
    print(
        f"composed for {PAIR:+g} and {PAIR:+g}: mean error {np.mean(errors['targets']):.2f}, "
        f"against what was expected {np.mean(errors['expected']):.2f}"
    )


def _two(pair: list[float]) -> str:
    return " ".join(f"{x:+.1f}" for x in pair)


if __name__ == "__main__":
    main()
