"""What rankers cost: ``python -m tests.bench.rankers [--model GGUF] [--windows N]``.

1. hives: one reply in 3 windows for each of the 32 values, once everything is warm.
2. llm: time a window and tokens read, asked once, in two rotations and in all; what sharing the
   beginning of a value's windows saves; what the 384 windows that measure a ranker's sharpness
   would take.
3. llm: how well it orders: the share of pairs of anchors more than 5 apart that stand in the
   order of their intensities (chance: 0.5), and how many orders survive a move of the texts.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from chat_app.evaluation.evaluator import KNOWN_PER_VALUE
from chat_app.evaluation.panels import Window, make_windows
from chat_app.evaluation.ranker_hives import HivesRanker
from chat_app.evaluation.ranker_llm import LlmRanker
from chat_app.evaluation.ranking import Order, Ranker
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.llm.model import ChatModel
from chat_app.llm.sources import resolve_model
from chat_app.settings import settings
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import Vidb, load_vidb
from tests.rankings import Texts

REPLY = (
    "I would give her half of what I have and stay until she is well. A promise is a promise, "
    "and nobody should be left alone with such a thing. Call her this evening."
)
SHARPNESS_WINDOWS = KNOWN_PER_VALUE * 3 * len(STEERED)


def windows_of(text: str, values: Sequence[str], vidb: Vidb) -> list[Window]:
    """Three of each value; a seed for each, or all would be shuffled alike."""
    seeded = enumerate(values)
    return [w for seed, value in seeded for w in make_windows(text, value, vidb, seed=seed)]


def bench_hives(vidb: Vidb) -> HivesRanker:
    ranker = HivesRanker(build_space(load_encoder(), vidb, settings().cache_dir))
    begun = time.perf_counter()
    ranker.rank(windows_of(REPLY, STEERED, vidb))
    first = time.perf_counter() - begun
    seconds = []
    for n in range(10):
        windows = windows_of(f"{REPLY} That is {n}.", STEERED, vidb)
        begun = time.perf_counter()
        ranker.rank(windows)
        seconds.append(time.perf_counter() - begun)
    print(
        f"hives: a reply for {len(STEERED)} values x 3 windows: "
        f"{1e3 * sorted(seconds)[5]:.1f} ms (the first, which fits: {first:.2f} s)"
    )
    return ranker


def bench_llm(model: ChatModel, vidb: Vidb, count: int) -> None:
    print(f"llm: {model.info.name}, {model.info.n_params / 1e6:.0f} million parameters")
    windows = windows_of(REPLY, STEERED[: -(-count // 3)], vidb)[:count]
    for rotations in (1, 2, 6):
        ranker = LlmRanker(model, rotations=rotations)
        begun = time.perf_counter()
        _, effort = ranker.judge(windows)
        each = (time.perf_counter() - begun) / len(windows)
        total = effort.read_tokens + effort.shared_tokens
        print(
            f"  {rotations} rotations: {1e3 * each:6.0f} ms a window, "
            f"{effort.read_tokens / len(windows):5.0f} tokens read, "
            f"{effort.shared_tokens / total:.0%} shared; "
            f"{SHARPNESS_WINDOWS} windows: {each * SHARPNESS_WINDOWS:.0f} s"
        )
    alone = LlmRanker(model)
    begun = time.perf_counter()
    together = alone.rank(windows)
    shared = time.perf_counter() - begun
    begun = time.perf_counter()
    assert together == [alone.rank([window])[0] for window in windows]
    ratio = (time.perf_counter() - begun) / shared
    print(f"  one call a window instead of one for all: {ratio:.2f} x as long")


def in_order(windows: Sequence[Window], orders: Sequence[Order]) -> float:
    """Share of anchor pairs more than 5 apart in intensity that are ordered by it."""
    right = []
    for window, order in zip(windows, orders, strict=True):
        known = window.intensities()
        for a, b in combinations([i for i in order if i != window.place], 2):
            if abs(known[a] - known[b]) > 5:
                right.append(known[a] > known[b])
    return sum(right) / len(right)


def stays(ranker: Ranker, windows: Sequence[Window], orders: Sequence[Order]) -> float:
    """Share of windows whose texts come out in the same order when each is moved on by one."""
    moved = [Texts(w.value, w.texts).moved_on(1) for w in windows]
    same = [
        [w.texts[i] for i in order] == m.ordered(other)
        for w, m, order, other in zip(windows, moved, orders, ranker.rank(moved), strict=True)
    ]
    return sum(same) / len(same)


def bench_quality(rankers: dict[str, Ranker], vidb: Vidb, count: int) -> None:
    windows = windows_of(REPLY, STEERED, vidb)[::3][:count]
    for name, ranker in rankers.items():
        orders = ranker.rank(windows)
        print(
            f"  {name}: {in_order(windows, orders):.2f} of far pairs in order, "
            f"{stays(ranker, windows, orders):.0%} of orders stay when the texts move on by one"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="builtin", help="the judge: builtin or a GGUF file")
    parser.add_argument("--windows", type=int, default=24)
    asked = parser.parse_args()
    vidb = load_vidb()
    hives = bench_hives(vidb)
    model = ChatModel.load(Path(resolve_model(asked.model)))
    bench_llm(model, vidb, asked.windows)
    rankers: dict[str, Ranker] = {"hives": hives}
    rankers |= {f"llm, {r} rotations": LlmRanker(model, rotations=r) for r in (1, 2, 6)}
    print("order:")
    bench_quality(rankers, vidb, asked.windows)


if __name__ == "__main__":
    main()
