"""What building VIDB costs and how well it finds the truth: ``python -m tests.bench.vidb_build``.

1. 10,000 texts, 32 values, 20 windows of 6 a text, drawn from known utilities: seconds for the
   fit and for everything, and the built intensities against the true ones.
2. The same 10,000 texts as one value, where the errors' diagonal is estimated.
3. Fewer windows: how accuracy grows from 3 to 40 windows a text.
4. Where ../shared is there: the built-in intensities out of their own windows.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chat_app.evaluation.judging import plan_windows
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.building import Recipe, build
from chat_app.vidb.joint_fit import fit_joint
from chat_app.vidb.loading import load_vidb
from chat_app.vidb.worksheets import Judged, Known, Text, read_known, read_texts, read_windows
from tests.rankings import draw_orders

SHARED = Path(__file__).parents[3] / "shared"
SLOPE = 0.2  # of the true scale, intensity = 10 tanh(SLOPE u); the built-in one's is 0.18
ANCHORS = 12


def judged_texts(
    values: tuple[str, ...], per_value: int, windows_per_text: int
) -> tuple[list[Text], list[Judged], list[Known], NDArray[np.float64]]:
    """Texts with true intensities from -10 to 10, crowded at the ends as the built-in ones are."""
    rng = np.random.default_rng(0)
    texts, known, utility = [], [], {}
    for value in values:
        u = rng.uniform(-11, 11, per_value)
        for i in range(per_value):
            texts.append(Text(f"{i}", value, f"{value} {i}"))
            utility[value, f"{i}"] = u[i]
        intensity = 10 * np.tanh(SLOPE * u)
        known += [Known(f"{i}", value, float(intensity[i])) for i in range(ANCHORS)]
    shown = {v: {t.id: t.text for t in texts if t.value == v} for v in values}
    tasks = plan_windows(shown, per_text=windows_per_text)
    u = np.array([[utility[task.value, id] for id in task.ids] for task in tasks])
    windows = [
        Judged(task.value, "drawn", tuple(task.ids[i] for i in order))
        for task, order in zip(tasks, draw_orders(u, rng), strict=True)
    ]
    truth = np.array([10 * np.tanh(SLOPE * utility[t.value, t.id]) for t in texts])
    return texts, windows, known, truth


def report(name: str, values: tuple[str, ...], per_value: int, windows_per_text: int) -> None:
    texts, windows, known, truth = judged_texts(values, per_value, windows_per_text)
    row_of = {(t.value, t.id): row for row, t in enumerate(texts)}
    orders = np.array([[row_of[w.value, id] for id in w.order] for w in windows])
    begun = time.perf_counter()
    fit_joint(orders, len(texts), 0.05)
    fitted = time.perf_counter() - begun
    begun = time.perf_counter()
    placed, _ = build(texts, windows, known, Recipe())
    built = time.perf_counter() - begun
    intensity = np.array([p.intensity for p in placed])
    error = intensity - truth
    within = np.mean(np.abs(error) < 2 * np.array([p.stderr for p in placed]))
    print(
        f"{name}: {len(texts)} texts, {len(windows)} windows: fit {fitted:.2f} s, "
        f"all {built:.2f} s; RMSE {np.sqrt(np.mean(error**2)):.2f}, Spearman "
        f"{spearman(intensity, truth):.4f}, within 2 standard errors {within:.3f}"
    )


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b)[0])


def report_builtin() -> None:
    seed = SHARED / "vidb_seed"
    if not seed.is_dir():
        print("the built-in intensities: skipped, their windows are not here")
        return
    texts, windows = read_texts(seed / "vidb-seed.csv"), read_windows(seed / "windows.csv")
    known = read_known(str(SHARED / "reference" / "vidb_excerpt.csv"))
    stored = {anchor.id: anchor for anchor in load_vidb().anchors}
    for recipe in (Recipe(centre="neutral", shrink=0.35), Recipe()):
        placed, _ = build(texts, windows, known, recipe)
        ours = np.array([p.intensity for p in placed])
        theirs = np.array([stored[p.text.id].intensity for p in placed])
        ratio = np.median([p.stderr / (stored[p.text.id].stderr or 1.0) for p in placed])
        rmse = np.sqrt(np.mean((ours - theirs) ** 2))
        print(
            f"the built-in intensities by {recipe}: RMSE {rmse:.4f}, "
            f"largest difference {np.abs(ours - theirs).max():.4f}, Spearman "
            f"{spearman(ours, theirs):.6f}; standard errors x {ratio:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=10_000)
    n = parser.parse_args().texts
    with threadpool_limits(1):
        report("32 values", STEERED, n // len(STEERED), 20)
        report("one value", STEERED[:1], n, 20)
        for windows_per_text in (3, 9, 40):
            report(f"32 values, {windows_per_text} windows a text", STEERED, 60, windows_per_text)
        report_builtin()


if __name__ == "__main__":
    main()
