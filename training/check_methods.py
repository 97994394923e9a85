"""Which directions steer best? Gap between support and opposition, at equal perplexity.

``python -m training.check_methods`` compares the three methods on the built-in model: for each
strength, replies to the same questions under +c and -c, the gap of their measured intensities, and
their perplexity under the unsteered model over that of unsteered replies. ``--compare`` names what
differs between the rows: method, read (where the hidden state is read), layers, spread (over
layers), whiten. Other models (``--model FILE``) are scored by the general encoder.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from chat_app.chat.studio import Studio
from chat_app.llm.engine import Request, Sampling, Spoken, Turn
from chat_app.settings import settings
from chat_app.steering.bank import READS, Bank, Read, build_bank
from chat_app.steering.compose import DEFAULT_SCALE
from chat_app.steering.contrasts import METHODS, Method
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.directions import Spread, candidate_layers, directions
from chat_app.steering.separation import separation
from training.check_steering import TWELVE, questions
from training.judge import Judge

COMPARED = ("method", "read", "layers", "spread", "whiten")
RATIOS = (1.35, 1.5, 1.75)  # perplexities at which gaps are compared, over the unsteered one


@dataclass(frozen=True)
class Variant:
    """One way to make directions; ``layers`` None: those that the product takes."""

    name: str
    method: Method = "hives"
    read: Read = "mean"
    layers: tuple[int, ...] | None = None
    spread: Spread = "equal"
    whiten: float | Literal["chosen"] | None = "chosen"


@dataclass(frozen=True)
class Point:
    """One variant at one strength: for each question (columns) and value (rows) the ``gaps``, the
    same ``by_words``, and the excess of the replies' negative log-likelihood a token, ``costs``."""

    variant: str
    strength: float
    gaps: np.ndarray
    by_words: np.ndarray
    costs: np.ndarray
    example: str = ""

    @property
    def perplexity(self) -> float:
        """Of the replies under the unsteered model, over that of unsteered replies."""
        return float(np.exp(np.nanmean(self.costs)))


def variants(compare: str, n_layer: int) -> list[Variant]:
    """The rows of the table for what is compared."""
    if compare == "method":
        return [Variant(method, method=method) for method in METHODS]
    if compare == "read":
        return [Variant(read, read=read) for read in READS]
    if compare == "spread":
        return [Variant(spread, spread=spread) for spread in ("equal", "separation", "one")]
    if compare == "whiten":
        return [Variant(f"ridge {r}", whiten=r) for r in (None, 30.0, 3.0, 1.0, 0.3, 0.1)]
    middle = candidate_layers(n_layer)
    quarter = max(1, n_layer // 4)
    third = max(1, len(middle) // 3)
    return [
        Variant("chosen"),
        Variant("early", layers=tuple(range(1, quarter + 1))),
        Variant("middle half", layers=middle),
        Variant("its first third", layers=middle[:third]),
        Variant("its centre", layers=middle[third : len(middle) - third] or middle[:1]),
        Variant("its last third", layers=middle[-third:]),
        Variant("late", layers=tuple(range(3 * n_layer // 4, n_layer))),
        Variant("all", layers=tuple(range(1, n_layer))),
    ]


class Bench:
    """A model with everything that steers it and scores its replies."""

    def __init__(self, model: str, asked: Sequence[str], max_tokens: int) -> None:
        encoder = "builtin" if model == "builtin" else "general"
        self.studio = Studio(settings().model_copy(update={"model": model, "hives": encoder}))
        self.judge = Judge()
        self.asked, self.max_tokens = asked, max_tokens
        self._banks: dict[str, Bank] = {}
        plain = self._written(None)
        self.base = float(np.nanmean(self._nll(plain)))
        print(f"unsteered: perplexity {np.exp(self.base):.3f}")
        print(f"  {plain[0][0]!r}")

    def bank(self, read: Read) -> Bank:
        if read not in self._banks:
            model, cache = self.studio.model, self.studio.settings.cache_dir
            self._banks[read] = build_bank(model, self.studio.vidb, cache, read=read)
        return self._banks[read]

    def directions(self, variant: Variant, values: Sequence[str]) -> dict[str, ControlVector]:
        return directions(
            self.bank(variant.read),
            self.studio.space,
            values,
            method=variant.method,
            layers=variant.layers,
            spread=variant.spread,
            whiten=variant.whiten,
        )

    def measure(self, variant: Variant, found: dict[str, ControlVector], strength: float) -> Point:
        """Replies under + and - ``strength`` tenths of the default scale, scored."""
        gaps, words, costs, example = [], [], [], ""
        for value, direction in found.items():
            scores, judged, nll = [], [], []
            for sign in (1, -1):
                vector = sign * strength / 10 * DEFAULT_SCALE * direction
                written = self._written(vector)
                texts = [text for text, _ in written]
                scored = self.studio.evaluator.score(texts, value)
                scores.append(np.array([s.intensity for s in scored]))
                judged.append(self.judge.score(texts, value))
                nll.append(self._nll(written))
                example = example or texts[0]
            gaps.append(scores[0] - scores[1])
            words.append(judged[0] - judged[1])
            costs.append((nll[0] + nll[1]) / 2 - self.base)
        rows = [np.array(numbers) for numbers in (gaps, words, costs)]
        return Point(variant.name, strength, rows[0], rows[1], rows[2], example)

    def _written(self, vector: ControlVector | None) -> list[tuple[str, tuple[int, ...]]]:
        buffer = vector.buffer() if vector else None
        requests = [
            Request(
                [Turn("user", question)],
                Sampling(temperature=0.7, seed=i, max_tokens=self.max_tokens),
                buffer,
            )
            for i, question in enumerate(self.asked)
        ]
        return [(r.text, r.tokens) for r in self.studio.engine.replies(requests)]

    def _nll(self, written: list[tuple[str, tuple[int, ...]]]) -> np.ndarray:
        """float [n_questions]: a reply's mean negative log-likelihood a token, unsteered."""
        spoken = [
            Spoken([Turn("user", question)], tokens)
            for question, (_, tokens) in zip(self.asked, written, strict=True)
        ]
        rows = self.studio.engine.log_probs_of(spoken)
        return np.array([-row.mean() if len(row) else np.nan for row in rows])


def at(points: Sequence[Point], ratio: float, kind: str, asked: np.ndarray) -> float:
    """The mean gap at a perplexity ``ratio``, of the questions ``asked`` (by index).

    Between two strengths straight lines in log perplexity; nan outside of them.
    """
    ordered = sorted(points, key=lambda p: p.strength)
    x = [np.nanmean(p.costs[:, asked]) for p in ordered]
    y = [getattr(p, kind)[:, asked].mean() for p in ordered]
    return float(np.interp(np.log(ratio), x, y, left=np.nan, right=np.nan))


def compared(points: Sequence[Point], ratio: float, kind: str) -> dict[str, tuple[float, ...]]:
    """{variant: (gap at ``ratio``, its difference to the first variant's, standard error of that)}.

    The error is over 500 draws of the questions with replacement, the same for both variants, and
    so holds the noise of the perplexity too.
    """
    names = [*dict.fromkeys(p.variant for p in points)]
    rows = {name: [p for p in points if p.variant == name] for name in names}
    n = points[0].gaps.shape[1]
    draws = np.random.default_rng(0).integers(0, n, (500, n))
    whole = {name: at(row, ratio, kind, np.arange(n)) for name, row in rows.items()}
    drawn = {name: np.array([at(row, ratio, kind, d) for d in draws]) for name, row in rows.items()}
    first = names[0]
    return {
        name: (
            whole[name],
            whole[name] - whole[first],
            float(np.nanstd(drawn[name] - drawn[first])) if whole[name] == whole[name] else np.nan,
        )
        for name in names
    }


def report(points: Sequence[Point], title: str) -> None:
    table = Table(title=title)
    table.add_column("variant")
    table.add_column("strength", justify="right")
    for head in ("gap", "by words", "perplexity"):
        table.add_column(head, justify="right")
    for p in points:
        numbers = (f"{p.gaps.mean():+.1f}", f"{p.by_words.mean():+.1f}", f"{p.perplexity:.2f}")
        table.add_row(p.variant, f"{p.strength:g}", *numbers)
    Console(width=120).print(table)
    table = Table(title="gap at equal perplexity, and difference to the first row")
    table.add_column("variant")
    for ratio in RATIOS:
        table.add_column(f"at {ratio:g}", justify="right")
        table.add_column("by words", justify="right")
    cells: dict[str, list[str]] = {}
    for ratio in RATIOS:
        for kind in ("gaps", "by_words"):
            for name, (gap, more, error) in compared(points, ratio, kind).items():
                said = f"{gap:+.1f} ({more:+.1f} ± {error:.1f})" if gap == gap else "-"
                cells.setdefault(name, []).append(said)
    for name, row in cells.items():
        table.add_row(name, *row)
    Console(width=140).print(table)


def _plain(point: Point) -> dict[str, object]:
    rows = asdict(point)
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in rows.items()}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default="builtin")
    ap.add_argument("--compare", choices=COMPARED, default="method")
    ap.add_argument("--only", nargs="+", help="rows to measure, by name")
    ap.add_argument("--method", choices=METHODS, default="hives", help="where it is not compared")
    ap.add_argument("--values", nargs="+", default=list(TWELVE[:8]))
    ap.add_argument("--questions", type=int, default=12)
    ap.add_argument("--strengths", nargs="+", type=float, default=[4, 8, 12, 16])
    ap.add_argument("--max-tokens", type=int, default=120)
    ap.add_argument("--json", type=Path)
    args = ap.parse_args()
    bench = Bench(args.model, questions(args.questions), args.max_tokens)
    points: list[Point] = []
    rows = variants(args.compare, bench.studio.model.info.n_layer)
    if args.compare != "method":
        rows = [replace(row, method=args.method) for row in rows]
    for variant in rows:
        if args.only and variant.name not in args.only:
            continue
        found = bench.directions(variant, args.values)
        layers = next(iter(found.values())).layers
        clear = [separation(bench.bank(variant.read), bench.studio.space, n) for n in layers]
        print(f"{variant.name}: layers {layers}, held-out AUC {np.mean(clear):.3f}")
        for strength in track(args.strengths, description=variant.name):
            points.append(bench.measure(variant, found, strength))
            p = points[-1]
            print(
                f"  {p.strength:g}: {p.gaps.mean():+.2f}, {p.perplexity:.3f}, {p.example!r}",
                flush=True,
            )
    n = f"{len(args.values)} values x {args.questions} questions"
    report(points, f"{bench.studio.model.info.name}: {args.compare} compared, {n}")
    if args.json:
        args.json.write_text(json.dumps([_plain(p) for p in points]))


if __name__ == "__main__":
    main()
