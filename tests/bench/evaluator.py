"""How fast scores are: ``python -m tests.bench.evaluator``, on one core.

1. The Plackett-Luce solver on 10,000 responses with 3 windows of 6, against two loops in plain
   Python (``math``, one response at a time) on a part of them, scaled; all must agree. One takes
   the very steps of ours: Newton on the pools, the same bisection, the same tolerance. The other
   is the published procedure: bisection to 1e-6, each step adding up every pool anew.
2. One reply for 32 values with the HIVES ranker, once everything is warm.
3. A table of replies for one value, as `valueflow score IN --out OUT` does it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from math import exp, inf, tanh
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from chat_app.evaluation.evaluator import Evaluator
from chat_app.evaluation.plackett_luce import PRIOR, choice_pools, fit_intensities, fit_utilities
from chat_app.evaluation.ranker_hives import HivesRanker
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import load_vidb
from tests.bench.coverage import Floats, simulated_rankings

BETA = 0.6
REPLY = (
    "I would give her half of what I have and stay until she is well. A promise is a promise, "
    "and nobody should be left alone with such a thing. Call her this evening."
)


def plain_utility(pools: list[float], windows: int, prior: float = PRIOR) -> float:
    """``fit_utilities`` of one response, without numpy."""
    finite = [c for c in pools if -inf < c < inf]
    low, high = min([0.0, *finite]) - 40.0, max([0.0, *finite]) + 40.0
    u, step = 0.0, high - low
    for _ in range(100):
        g, slope = windows - prior * u, -prior
        for c in pools:
            taken = 0.5 * (1.0 + tanh(0.5 * (u - c)))
            g -= taken
            slope -= taken * (1.0 - taken)
        low, high = (u, high) if g > 0 else (low, u)
        newton = u - g / slope
        good = low <= newton <= high and abs(newton - u) < 0.5 * abs(step)
        following = newton if good else 0.5 * (low + high)
        step, u = following - u, following
        if abs(step) < 1e-9:
            break
    return u


def published_utility(windows: list[tuple[list[float], int]], prior: float = PRIOR) -> float:
    """u of one response from (anchors in the judged order, its place) windows, by bisection."""

    def gradient(u: float) -> float:
        g = -prior * u
        for anchors, place in windows:
            g += 1.0
            order = [*anchors[:place], u, *anchors[place:]]
            for choice in range(place + 1):
                total = 0.0
                for utility in order[choice:]:
                    total += exp(max(-20.0, min(20.0, utility)))
                g -= exp(max(-20.0, min(20.0, u))) / total
        return g

    low, high = -20.0, 20.0
    if gradient(low) * gradient(high) > 0:
        return low if gradient(low) < 0 else high
    while high - low >= 1e-6:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if gradient(middle) > 0 else (low, middle)
    return 0.5 * (low + high)


def best_of(times: int, work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def solver(n: int, part: int) -> None:
    rng = np.random.default_rng(0)
    ranked, place = simulated_rankings(rng.uniform(-10, 10, n), BETA, 6, 3, rng)

    def fitted() -> Floats:
        return fit_utilities(choice_pools(ranked, place).reshape(n, -1), 3)

    pools = choice_pools(ranked, place).reshape(n, -1)
    ours = best_of(5, lambda: fit_utilities(pools, 3))
    from_rankings = best_of(5, fitted)
    whole = best_of(5, lambda: fit_intensities(pools, 3, beta=BETA))
    print(f"solver, {n} responses x 3 windows of 6: {1000 * ours:.1f} ms")
    print(f"  from the rankings on: {1000 * from_rankings:.1f} ms")
    print(f"  with standard errors and intervals: {1000 * whole:.0f} ms")

    rows = pools[:part].tolist()
    plain, seconds = timed(lambda: [plain_utility(row, 3) for row in rows], n / part)
    np.testing.assert_allclose(plain, fit_utilities(pools[:part], 3), atol=1e-8)
    print(f"  the same steps in plain Python: {seconds:.2f} s, {seconds / ours:.0f} times as long")

    windows = [
        ([t for i, t in enumerate(order) if i != p], p)
        for order, p in zip(ranked[: 3 * part].tolist(), place[: 3 * part].tolist(), strict=True)
    ]
    theirs, seconds = timed(
        lambda: [published_utility(windows[3 * i : 3 * i + 3]) for i in range(part)], n / part
    )
    np.testing.assert_allclose(theirs, np.clip(fitted()[:part], -20, 20), atol=1e-5)
    print(
        f"  the published steps in plain Python: {seconds:.1f} s, {seconds / from_rankings:.0f} "
        "times as long as ours from the rankings on"
    )


def timed(work: Callable[[], list[float]], times: float) -> tuple[list[float], float]:
    """What ``work`` gives, and its seconds times ``times``."""
    begun = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - begun) * times


def replies(table: int) -> None:
    vidb = load_vidb()
    with tempfile.TemporaryDirectory() as cache:
        space = build_space(load_encoder(), vidb, Path(cache))
    evaluator = Evaluator(vidb, HivesRanker(space))
    begun = time.perf_counter()
    evaluator.measure(REPLY, STEERED)
    print(f"first score, which measures the ranker: {time.perf_counter() - begun:.2f} s")
    variants = iter(range(10**6))
    seconds = [
        best_of(1, lambda: evaluator.measure(f"{REPLY} {next(variants)}", STEERED))
        for _ in range(20)
    ]
    print(
        f"one new reply for {len(STEERED)} values: median {1000 * np.median(seconds):.0f} ms, "
        f"best {1000 * min(seconds):.0f} ms"
    )
    texts = [f"{REPLY} {next(variants)}" for _ in range(table)]
    took = best_of(1, lambda: evaluator.score(texts, STEERED[0]))
    print(f"{table} replies for one value: {took:.2f} s, {table / took:.0f} a second")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--n", type=int, default=10_000)
    ap.add_argument("--part", type=int, default=500, help="responses for the plain loop")
    ap.add_argument("--table", type=int, default=1024)
    args = ap.parse_args()
    import torch

    torch.set_num_threads(1)
    with threadpool_limits(1):
        solver(args.n, args.part)
        replies(args.table)


if __name__ == "__main__":
    main()
