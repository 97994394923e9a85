"""How well encoders let known intensities be read off: one protocol, for HIVES and its rivals.

Texts of known value and intensity ("known") fit a ranker on an encoder's embeddings; other texts
("asked") are predicted for their own value and compared with what is known of them. For a dense
encoder the ranker is the product's own, the kernel ridge of ``ranker_hives``; for TF-IDF it is a
linear ridge per value, which suits sparse words better.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.evaluation.ranker_hives import fit_intensity
from chat_app.hives.baselines import (
    Encode,
    check_baseline,
    model_encoder,
    random_encoder,
    static_model,
    tfidf_encoder,
    untrained_model,
)
from chat_app.hives.dataset import LabelledText

if TYPE_CHECKING:
    from chat_app.hives.encoder import Encoder
    from chat_app.hives.head import Head

Matrix = NDArray[np.float32]
# (unit rows, value of each, intensity of each) -> (unit rows, value of each) -> predictions
Fit = Callable[
    [Matrix, Sequence[str], NDArray[np.float64]],
    Callable[[Matrix, Sequence[str]], NDArray[np.float64]],
]
# Texts of at least this |intensity| clearly support or oppose: their sign is worth counting.
CLEAR = 4.0
# More known texts than this make the kernel's n x n system slow; evenly many of each value remain.
MOST_KNOWN = 4000


@dataclass(frozen=True)
class Contender:
    """An encoder in the comparison, and how intensities are fitted on its embeddings."""

    name: str
    encode: Encode
    fit: Fit


@dataclass(frozen=True)
class Agreement:
    """What one encoder came to.

    known, asked: numbers of texts with an intensity; metrics: ``hives.evaluation.measure`` of all
    asked texts; spearman: by value, of predicted and known intensity, where a value has three
    asked texts or more of different intensity (0 where the predictions are all alike); mean: over
    those values, nan where there is none; sign_accuracy: share of asked texts with |intensity| >= 4
    whose prediction has their sign, nan without such; signed: how many they are.
    """

    name: str
    known: int
    asked: int
    metrics: Mapping[str, float]
    spearman: Mapping[str, float]
    mean: float
    sign_accuracy: float
    signed: int

    def to_json(self) -> dict[str, Any]:
        """Plain data, with null for what is not defined."""
        return _without_nan(asdict(self))


def _without_nan(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_nan(item) for key, item in data.items()}
    return None if isinstance(data, float) and math.isnan(data) else data


def compare(
    contenders: Sequence[Contender],
    known: Sequence[LabelledText],
    asked: Sequence[LabelledText],
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Agreement]:
    """``agreement`` of each contender, in their order."""
    found = []
    for place, contender in enumerate(contenders):
        if progress:
            progress("encoders", place, len(contenders))
        found.append(agreement(contender, known, asked))
    if progress:
        progress("encoders", len(contenders), len(contenders))
    return found


def agreement(
    contender: Contender, known: Sequence[LabelledText], asked: Sequence[LabelledText]
) -> Agreement:
    """Fit on ``known``, predict ``asked``, compare; and measure the embeddings of ``asked``.

    A text that is asked is never known: texts of ``known`` that stand in ``asked`` are left out.
    Asked texts without an intensity, or of a value that no known text has, count for the metrics
    alone.
    """
    from chat_app.hives.evaluation import measure

    z = contender.encode([t.text for t in asked])
    metrics = measure(z, [t.path for t in asked], [t.direction for t in asked])
    apart = {t.text for t in asked}
    fitted = _evenly([t for t in known if t.intensity is not None and t.text not in apart])
    values = {t.value for t in fitted}
    rows = [i for i, t in enumerate(asked) if t.intensity is not None and t.value in values]
    truth = np.array([asked[i].intensity for i in rows], dtype=np.float64)
    own = [asked[i].value for i in rows]
    predicted = np.zeros(0)
    if rows:
        predict = contender.fit(
            contender.encode([t.text for t in fitted]),
            [t.value for t in fitted],
            np.array([t.intensity for t in fitted], dtype=np.float64),
        )
        predicted = predict(z[rows], own)
    spearman = spearman_by_value(own, truth, predicted)
    clear = np.abs(truth) >= CLEAR
    return Agreement(
        contender.name, len(fitted), len(rows), metrics, spearman,
        float(np.mean(list(spearman.values()))) if spearman else float("nan"),
        float(((predicted > 0) == (truth > 0))[clear].mean()) if clear.any() else float("nan"),
        int(clear.sum()),
    )  # fmt: skip


def spearman_by_value(
    own: Sequence[str], truth: NDArray[np.float64], predicted: NDArray[np.float64]
) -> dict[str, float]:
    """Spearman's rho within each value of three texts or more that are not all of one intensity.

    Predictions that are all alike order nothing: 0.
    """
    from scipy.stats import spearmanr

    found = {}
    for value in dict.fromkeys(own):
        rows = np.array([i for i, v in enumerate(own) if v == value])
        if len(rows) < 3 or np.ptp(truth[rows]) == 0:
            continue
        alike = np.ptp(predicted[rows]) == 0
        found[value] = 0.0 if alike else float(spearmanr(truth[rows], predicted[rows]).statistic)
    return found


def _evenly(texts: Sequence[LabelledText]) -> list[LabelledText]:
    """At most MOST_KNOWN texts, evenly many of each value, evenly spread over its intensities."""
    if len(texts) <= MOST_KNOWN:
        return list(texts)
    by_value: dict[str, list[LabelledText]] = {}
    for text in sorted(texts, key=lambda t: (t.intensity or 0.0, t.text)):
        by_value.setdefault(text.value, []).append(text)
    most = max(2, MOST_KNOWN // len(by_value))
    return [
        theirs[i]
        for _, theirs in sorted(by_value.items())
        for i in np.linspace(0, len(theirs) - 1, min(len(theirs), most)).astype(int)
    ]


def fit_kernel(
    z: Matrix, own: Sequence[str], intensity: NDArray[np.float64], head: "Head | None" = None
) -> Callable[[Matrix, Sequence[str]], NDArray[np.float64]]:
    """The HIVES ranker's kernel ridge (``ranker_hives.fit_intensity``), on the encoder's head."""
    model = fit_intensity(z.astype(np.float64), own, intensity, head)
    column = {value: i for i, value in enumerate(model.values)}

    def predict(asked: Matrix, theirs: Sequence[str]) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = model(asked)[
            np.arange(len(asked)), [column[value] for value in theirs]
        ]
        return rows

    return predict


def fit_linear(
    z: Matrix, own: Sequence[str], intensity: NDArray[np.float64]
) -> Callable[[Matrix, Sequence[str]], NDArray[np.float64]]:
    """A linear ridge per value on its own texts, its strength by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    models = {}
    for value in dict.fromkeys(own):
        rows = [i for i, v in enumerate(own) if v == value]
        if len(rows) > 1:
            models[value] = RidgeCV(np.logspace(-2, 2, 9)).fit(z[rows], intensity[rows])

    def predict(asked: Matrix, theirs: Sequence[str]) -> NDArray[np.float64]:
        found = np.zeros(len(asked))
        for value in set(theirs) & models.keys():
            rows = [i for i, v in enumerate(theirs) if v == value]
            found[rows] = models[value].predict(asked[rows])
        return found

    return predict


def encoder_contender(encoder: "Encoder") -> Contender:
    """A loaded encoder in the comparison, read as the ranker reads it: with its head, if any."""
    return Contender(encoder.name, encoder.encode, partial(fit_kernel, head=encoder.head))


def baseline(
    name: str,
    known: Sequence[LabelledText],
    *,
    encoder: str = "builtin",
    seed: int = 0,
    steps: tuple[int, int] = (600, 300),
    progress: Callable[[str, int, int], None] | None = None,
) -> Contender:
    """The baseline called ``name``, made from the known texts alone.

    "tfidf"; "static": word pieces under the same losses, for ``steps`` of the two stages;
    "untrained": the network of ``encoder`` before training; "random". Raises EncoderError for
    another name, ValueflowError where nothing is known.
    """
    check_baseline(name)
    if not known:
        raise ValueflowError("There are no known texts to make a baseline from.")
    if name == "tfidf":
        return Contender("tfidf", tfidf_encoder([t.text for t in known]), fit_linear)
    if name == "static":
        model = static_model(known, steps=steps, seed=seed, progress=progress)
        return Contender("static", model_encoder(model, "static"), fit_kernel)
    if name == "untrained":
        untrained = model_encoder(untrained_model(encoder, seed), "untrained")
        return Contender("untrained", untrained, fit_kernel)
    return Contender("random", random_encoder(seed=seed), fit_kernel)
