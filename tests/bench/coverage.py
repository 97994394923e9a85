"""Do the errors of a score hold? How often the truth lies within them, in simulation.

``python -m tests.bench.coverage`` draws truths over [-10, 10] and lets rankers order windows as
Plackett and Luce would, with utility = beta x intensity. Then it prints, for each beta, k and m,
the share of truths within intensity +- 1.96 stderr and within [low, high]: of all truths, of those
with |t| < 8, and of those within 2 points of an end of the scale; and the root mean squares of
error and stderr, in points, which should agree.

The first table knows beta and draws anchors evenly. The second is the whole evaluator on the
built-in anchors, which measures beta and dispersion itself.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chat_app.evaluation.evaluator import Evaluator
from chat_app.evaluation.panels import SAMPLINGS, Window
from chat_app.evaluation.plackett_luce import Intensities, choice_pools, fit_intensities
from chat_app.vidb.loading import load_vidb
from tests.rankings import draw_orders

Floats = NDArray[np.float64]

BETAS = (0.15, 0.3, 0.6, 1.0, 2.0)
HEADING = (
    f"{'':24}{'+- 1.96 stderr':^21}   {'[low, high]':^21}   {'rms, points':^15}\n"
    f"{'':24}{'all':>7}{'inner':>7}{'ends':>7}   {'all':>7}{'inner':>7}{'ends':>7}   "
    f"{'error':>7}{'stderr':>8}"
)


def simulated_rankings(
    truth: Floats, beta: float, k: int, m: int, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int64]]:
    """m windows each of responses of intensity ``truth`` [n], an anchor drawn from each bin.

    Returns utilities [n m, k] in the judged orders, and the responses' places in them [n m].
    """
    edges = np.linspace(-10, 10, k)
    anchors = rng.uniform(edges[:-1], edges[1:], (len(truth), m, k - 1))
    mine = np.broadcast_to(truth[:, None, None], (len(truth), m, 1))
    utilities = (beta * np.concatenate([mine, anchors], axis=2)).reshape(-1, k)
    orders = draw_orders(utilities, rng)
    return np.take_along_axis(utilities, orders, axis=1), (orders == 0).argmax(axis=1)


class SimulatedRanker:
    """Orders texts of known intensity, with fresh noise each time."""

    name, version = "simulated", "1"

    def __init__(self, known: dict[str, float], beta: float, seed: int) -> None:
        self.known, self.beta, self.rng = known, beta, np.random.default_rng(seed)

    def rank(self, windows: Sequence[Window]) -> list[tuple[int, ...]]:
        return [
            tuple(
                draw_orders(
                    self.beta * np.array([self.known[text] for text in window.texts]), self.rng
                ).tolist()
            )
            for window in windows
        ]


def line(label: str, truth: Floats, found: Intensities) -> str:
    error = found.intensity - truth
    inner = np.abs(truth) < 8
    shares = []
    for covered in (
        np.abs(error) < 1.96 * found.stderr,
        (found.low <= truth) & (truth <= found.high),
    ):
        cells = (covered, covered[inner], covered[~inner])
        shares.append("".join(f"{100 * cell.mean():6.1f}%" for cell in cells))
    rms = [float(np.sqrt(np.mean(x**2))) for x in (error, found.stderr)]
    return f"{label:24}{shares[0]}   {shares[1]}   {rms[0]:7.2f}{rms[1]:8.2f}"


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--n", type=int, default=6000, help="truths a line")
    n = ap.parse_args().n
    rng = np.random.default_rng(1)
    print(f"beta known, {n} truths a line\n{HEADING}")
    for k in (3, 6, 10):
        for m in (1, 3, 8):
            for beta in BETAS:
                truth = rng.uniform(-10, 10, n)
                pools = choice_pools(*simulated_rankings(truth, beta, k, m, rng)).reshape(n, -1)
                found = fit_intensities(pools, m, beta=beta)
                print(line(f"k {k:2}  m {m}  beta {beta:g}", truth, found))

    n = min(n, 2000)
    vidb = load_vidb()
    print(f"\nbeta fitted, built-in anchors, k 6, m 3, {n} truths a line\n{HEADING}")
    for sampling in SAMPLINGS:
        for beta in BETAS:
            truth = rng.uniform(-10, 10, n)
            known = {a.text: a.intensity for a in vidb.anchors}
            known |= {f"reply {i}": float(t) for i, t in enumerate(truth)}
            ranker = SimulatedRanker(known, beta, seed=2)
            evaluator = Evaluator(vidb, ranker, sampling=sampling)  # type: ignore[arg-type]
            values = [vidb.values[i % len(vidb.values)] for i in range(n)]
            scores = evaluator.score([f"reply {i}" for i in range(n)], values)
            columns = ([getattr(s, c) for s in scores] for c in Intensities._fields)
            found = Intensities(*(np.array(column) for column in columns))
            label = f"{sampling} {beta:g}, found {evaluator.sharpness.beta:.2f}"
            print(line(label, truth, found))


if __name__ == "__main__":
    main()
