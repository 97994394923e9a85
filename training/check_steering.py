"""Does steering work? Measured intensity against target, for the built-in model or any other.

``python -m training.check_steering`` asks 24 questions under each of 12 values at -8, -4, 0, 4, 8
and prints the mean measured intensity; ``--values all --targets -8 8`` gives the gaps of all 32.
The questions are the published evaluation prompts where ``../shared/reference/queries`` is at hand,
and held-out topics of the corpus otherwise.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr

from chat_app.chat.studio import Studio
from chat_app.chat.trials import Course, answers
from chat_app.settings import settings
from chat_app.steering.compose import Composition
from chat_app.values.profile import Method, Profile
from chat_app.values.taxonomy import STEERED
from training.dialogues import Composer
from training.judge import Judge

QUERIES = Path(__file__).parents[2] / "shared" / "reference" / "queries"
TWELVE = (
    "svt/benevolence", "svt/power", "svt/security",
    "mft/care-harm", "mft/fairness-cheating", "mft/authority-subversion",
    "duty/fidelity", "duty/gratitude", "duty/beneficence",
    "right/civil_rights", "right/social_rights", "right/cultural_rights",
)  # fmt: skip


def questions(n: int) -> list[str]:
    """``n`` questions, the same every time, as many from each source as goes."""
    files = sorted(QUERIES.glob("*.csv")) if QUERIES.is_dir() else []
    if not files:
        dev = Composer(random.Random(11), [], dev=True)
        return [dev.question()[0] for _ in range(n)]
    pools = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as rows:
            pools.append([row["query"] for row in csv.DictReader(rows)])
    return [pools[i % len(pools)][i // len(pools)] for i in range(n)]


class Bench:
    """A model with everything that steers and scores it, as the product has it."""

    def __init__(self, source: str, threads: int | None) -> None:
        folder = Path(tempfile.gettempdir()) / "valueflow-check"
        self.studio = Studio(settings(model=source, n_threads=threads, home=folder))
        self.evaluator = self.studio.evaluator

    def composition(self, value: str, target: float, method: Method) -> Composition:
        """What the product itself would make of this one-value profile."""
        return self.studio.compose(Profile(name="check", targets={value: target}, method=method))

    def replies(self, asked: Sequence[str], how: Composition, max_tokens: int) -> list[str]:
        """One sampled reply a question."""
        course = Course(tuple(asked), max_tokens=max_tokens)
        return [reply.text for reply in answers(self.studio, course, how)]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default="builtin")
    ap.add_argument("--method", choices=("vector", "prompt"), default="vector")
    ap.add_argument("--values", nargs="+", default=list(TWELVE), help="ids, or all")
    ap.add_argument("--targets", nargs="+", type=float, default=[-8, -4, 0, 4, 8])
    ap.add_argument("--questions", type=int, default=24)
    ap.add_argument("--max-tokens", type=int, default=120)
    ap.add_argument("--threads", type=int, default=None)
    ap.add_argument("--show", action="store_true", help="print one reply a cell")
    ap.add_argument("--json", type=Path)
    args = ap.parse_args()
    values = list(STEERED) if args.values == ["all"] else args.values
    bench, judge, asked = Bench(args.model, args.threads), Judge(), questions(args.questions)
    found: dict[str, dict[str, list[float]]] = {}
    for value in track(values, description="steering"):
        hives, words = [], []
        for target in args.targets:
            how = bench.composition(value, target, args.method)
            texts = bench.replies(asked, how, args.max_tokens)
            scores = bench.evaluator.score(texts, value)
            hives.append(float(np.mean([s.intensity for s in scores])))
            words.append(float(np.mean(judge.score(texts, value))))
            if args.show:
                print(f"{value} {target:+g}: {asked[0]}\n  {texts[0]}")
        found[value] = {"hives": hives, "words": words}
    report(found, args.targets, args.method, len(asked))
    if args.json:
        args.json.write_text(json.dumps({"targets": args.targets, "values": found}, indent=1))


def report(
    found: dict[str, dict[str, list[float]]], targets: Sequence[float], method: str, n: int
) -> None:
    """The table, and how many values rise all the way."""
    table = Table(title=f"measured intensity against target, method {method}, {n} questions a cell")
    table.add_column("value")
    for t in targets:
        table.add_column(f"{t:+g}", justify="right")
    for heading in ("Spearman", "gap", "gap by words"):
        table.add_column(heading, justify="right")
    rising = 0
    for value, row in found.items():
        means, words = row["hives"], row["words"]
        rho = float(spearmanr(targets, means).statistic)
        rising += rho > 0.999
        cells = [f"{m:+.1f}" for m in means]
        gaps = [f"{r[-1] - r[0]:+.1f}" for r in (means, words)]
        table.add_row(value, *cells, f"{rho:.2f}", *gaps)
    Console(width=110).print(table)
    gap = [np.mean([r[k][-1] - r[k][0] for r in found.values()]) for k in ("hives", "words")]
    print(
        f"rising all the way: {rising} of {len(found)}; "
        f"mean gap {gap[0]:.1f}, by words {gap[1]:.1f}"
    )


if __name__ == "__main__":
    main()
