"""The HIVES ranker: texts ordered by the intensity that their embeddings predict."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from chat_app.evaluation.ranking import Lineup, Order

if TYPE_CHECKING:
    from chat_app.hives.head import Head
    from chat_app.hives.space import Space

Matrix = NDArray[np.float64]

# Texts about other values are near-zero examples: a text about pleasure neither supports nor
# opposes security. Each weighs little, since now and then one does.
_OTHER_WEIGHT = 0.02
_WIDTHS = (0.3, 1.0)
_RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0)
# An encoder may have been trained on the very texts that are fitted here. It then places them
# better than any other text, and leaving one out does not show it: more smoothing is right than
# what is best on them. On held-out texts the largest ridge that costs a quarter more error than
# the least ranks best (docs/log.md).
_SLACK = 1.25
# Texts that width and ridge are chosen on, and the most that the final fit takes.
_TRIAL = 640
_MOST = 4000
_LIMIT = 10.0
# How much the encoder's head counts, where it has one, beside the fit on VIDB. The head was taught
# by twenty times as many texts, the fit by the very scale that is asked for.
_HEAD = 0.5


@dataclass(frozen=True, eq=False)
class IntensityModel:
    """Kernel ridge fits of intensity on unit vectors, one per value, that share one solve.

        f_v(z) = sum over i of alpha_iv k(z_i, z) + scale_v h_v(z)
        k(a, b) = exp(-gamma |a - b|^2) + 1

    points: [n, d] texts of all values; alpha: [n, V], a column per value of ``values``; held_out:
    [n] what each text would be given, for its own value, by the fit without it; error: mean
    square of held_out - intensity; h: the encoder's ``head``, ``scale`` [V] what it counts (see
    ``with_head``). The + 1 is the offset, penalised like the rest.
    """

    values: tuple[str, ...]
    points: Matrix
    alpha: Matrix
    gamma: float
    held_out: Matrix
    error: float
    head: "Head | None" = None
    scale: Matrix | float = 0.0

    def __call__(self, z: NDArray[np.float32]) -> Matrix:
        """Predicted intensities of unit rows z [m, d] for all values: [m, V], not clipped."""
        points = z.astype(np.float64)
        found = gaussian_kernel(points, self.points, self.gamma) @ self.alpha
        return found + self.scale * self.head.read(points, self.values) if self.head else found


def gaussian_kernel(a: Matrix, b: Matrix, gamma: float) -> Matrix:
    """exp(-gamma |a_i - b_j|^2) + 1 of unit rows: [n, m]."""
    return np.exp(-2.0 * gamma * (1.0 - a @ b.T)) + 1.0


def kernel_ridge(
    points: Matrix, own: Sequence[str], intensity: Matrix, width: float, ridge: float
) -> IntensityModel:
    """For every value v, minimise over f in closed form

        sum over texts i of v of (y_i - f(z_i))^2
        + w x sum over the other texts j of f(z_j)^2  +  ridge |f|^2

    with w = 0.02. The systems C_v = K + ridge diag(1 / weights) differ only at v's own texts E,
    where the weight is 1 and not w, so that one inverse serves all (Woodbury):

        mu = ridge / w,  delta = mu - ridge,  G = (K + mu I)^-1,  S_v = (I - delta G_EE)^-1
        alpha_v = C_v^-1 y = G_E S_v y_E,     (C_v^-1)_EE = G_EE S_v
        y_i - held_out_i = alpha_iv / (C_v^-1)_ii   (Rasmussen and Williams 2006, eq. 5.12)

    points: [n, d] unit rows; own: n value ids; intensity: [n]. gamma is ``width`` over the mean
    squared distance of the points, so that a width suits any encoder.
    """
    spread = max(2.0 * (1.0 - float((points.mean(axis=0) ** 2).sum())), 1e-6)
    gamma = width / spread
    mu = ridge / _OTHER_WEIGHT
    shared = gaussian_kernel(points, points, gamma) + mu * np.eye(len(points))
    # Several BLAS threads beside a busy chat model wait for each other: 35 ms became 4 s.
    with threadpool_limits(1):
        inverse = cho_solve(cho_factor(shared), np.eye(len(points)))
        values = tuple(dict.fromkeys(own))
        alpha = np.zeros((len(points), len(values)))
        residual = np.zeros(len(points))
        for column, value in enumerate(values):
            rows = np.array([i for i, v in enumerate(own) if v == value])
            inner = inverse[np.ix_(rows, rows)]
            solved = np.linalg.inv(np.eye(len(rows)) - (mu - ridge) * inner)
            alpha[:, column] = inverse[:, rows] @ (solved @ intensity[rows])
            residual[rows] = alpha[rows, column] / np.diag(inner @ solved)
    error = float((residual**2).mean())
    return IntensityModel(values, points, alpha, gamma, intensity - residual, error)


def with_head(
    fit: IntensityModel, own: Sequence[str], intensity: Matrix, head: "Head"
) -> IntensityModel:
    """The mean of ``fit`` and of what ``head`` reads, for the values that the head knows.

    The head's readings are brought to VIDB's scale by one factor for all values, that of least
    squares on the texts, each for its own value. A head that reads them backwards is left out.
    """
    read = head.read(fit.points, fit.values)
    columns = [fit.values.index(value) for value in own]
    told = read[np.arange(len(own)), columns]
    factor = float(told @ intensity) / max(float(told @ told), 1e-9)
    if factor <= 0:
        return fit
    share = np.array([_HEAD if value in head.values else 0.0 for value in fit.values])
    weight = share[columns]
    held_out = (1 - weight) * fit.held_out + weight * factor * told
    return replace(
        fit,
        alpha=(1 - share) * fit.alpha,
        held_out=held_out,
        error=float(((held_out - intensity) ** 2).mean()),
        head=head,
        scale=factor * share,
    )


def fit_intensity(
    points: Matrix, own: Sequence[str], intensity: Matrix, head: "Head | None" = None
) -> IntensityModel:
    """``kernel_ridge`` with the largest ridge, and the best width for it, whose leave-one-out
    error is at most 1.25 times the least of all.

    They are chosen on every so-manieth text, at most 640, then all texts are fitted, and the
    encoder's ``head``, if it has one, is heard beside the fit (``with_head``).
    """
    some = np.unique(np.linspace(0, len(points) - 1, min(len(points), _TRIAL)).astype(int))
    trial_own = [own[i] for i in some]
    errors = {
        (ridge, width): kernel_ridge(points[some], trial_own, intensity[some], width, ridge).error
        for ridge, width in product(_RIDGES, _WIDTHS)
    }
    near = [pair for pair in errors if errors[pair] <= _SLACK * min(errors.values())]
    ridge, width = max(near, key=lambda pair: (pair[0], -errors[pair]))
    fit = kernel_ridge(points, own, intensity, width, ridge)
    return with_head(fit, own, intensity, head) if head else fit


class HivesRanker:
    """Orders by the intensity predicted from the HIVES embedding (``fit_intensity``).

    A VIDB text is judged by the fit without it, so that an anchor has no advantage over a reply;
    the encoder's head, where there is one, was fitted without VIDB.
    """

    name = "hives"

    def __init__(self, space: "Space") -> None:
        self.space = space
        self.version = f"{space.encoder.version}-{space.vidb.version}-2"
        self._lock = threading.Lock()

    @cached_property
    def _rows(self) -> list[int]:
        """Rows of the texts to fit, value by value: all, or evenly many of each if too many."""
        anchors = self.space.vidb.anchors
        by_value: dict[str, list[int]] = {}
        for row in sorted(range(len(anchors)), key=lambda i: (anchors[i].intensity, anchors[i].id)):
            by_value.setdefault(anchors[row].value, []).append(row)
        most = max(2, _MOST // max(1, len(by_value)))
        rows: list[int] = []
        for value in sorted(by_value):
            theirs = by_value[value]
            picks = np.linspace(0, len(theirs) - 1, min(len(theirs), most)).astype(int)
            rows += [theirs[i] for i in picks]
        return rows

    @property
    def model(self) -> IntensityModel:
        """The fit over VIDB, made on first use."""
        with self._lock:
            return self._model

    @cached_property
    def _model(self) -> IntensityModel:
        anchors = [self.space.vidb.anchors[row] for row in self._rows]
        return fit_intensity(
            self.space.embeddings[self._rows].astype(np.float64),
            [a.value for a in anchors],
            np.array([a.intensity for a in anchors]),
            self.space.encoder.head,
        )

    def predict(self, texts: Sequence[str], value: str) -> NDArray[np.float32]:
        """Intensity in [-10, 10] for ``value``, float32 [n], of texts read as if unknown.

        Raises VidbError for a value of which VIDB has no text.
        """
        self.space.vidb.of(value)
        predicted = self.model(self.space.encoder.encode(texts))
        column = predicted[:, self.model.values.index(value)]
        return np.clip(column, -_LIMIT, _LIMIT).astype(np.float32)

    @cached_property
    def _held_out(self) -> dict[tuple[str, str], float]:
        """{(value, text): intensity predicted by the fit without it} of the texts that it took."""
        anchors = self.space.vidb.anchors
        return {
            (anchors[row].value, anchors[row].text): float(y)
            for row, y in zip(self._rows, self.model.held_out, strict=True)
        }

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {text: row for row, text in enumerate(self.space.vidb.texts)}

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows of ``texts``: VIDB's are there already, the others are encoded in one batch."""
        z = np.zeros((len(texts), self.space.encoder.dim), dtype=np.float32)
        rows = [self._row_of.get(text, -1) for text in texts]
        new = [i for i, row in enumerate(rows) if row < 0]
        there = [i for i, row in enumerate(rows) if row >= 0]
        z[there] = self.space.embeddings[[rows[i] for i in there]]
        z[new] = self.space.encoder.encode([texts[i] for i in new])
        return z

    def rank(self, windows: Sequence[Lineup]) -> list[Order]:
        """Orders of the windows; texts that are not VIDB's are embedded once, in one batch.

        Raises VidbError for a value of which VIDB has no text.
        """
        for value in dict.fromkeys(window.value for window in windows):
            self.space.vidb.of(value)
        pairs = {(w.value, text) for w in windows for text in w.texts}
        judged = {pair: self._held_out[pair] for pair in pairs & self._held_out.keys()}
        unknown = pairs - judged.keys()
        place = {text: i for i, text in enumerate(sorted({text for _, text in unknown}))}
        predicted = self.model(self._embedded(list(place)))
        column = {value: i for i, value in enumerate(self.model.values)}
        for value, text in unknown:
            judged[value, text] = float(predicted[place[text], column[value]])
        return [_order(w.texts, {t: judged[w.value, t] for t in w.texts}) for w in windows]


def _order(texts: Sequence[str], judged: Mapping[str, float]) -> Order:
    # Equal texts must not be ordered by their place, so a tie goes by the text itself.
    return tuple(sorted(range(len(texts)), key=lambda i: (-judged[texts[i]], texts[i])))
