"""Measure an encoder: `python -m training.hives_report [FOLDER] [--held-out] [--excerpt CSV]`.

Prints the paper's embedding metrics, how well intensities are predicted for replies of the
built-in kind and for VIDB texts, and the same for TF-IDF. With --held-out the ranker is fitted
without the texts that `train_hives --hold-out` keeps back, and measured on them.
"""

import argparse
import csv
import random
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer

from chat_app.evaluation.ranker_hives import HivesRanker, IntensityModel, fit_intensity
from chat_app.hives.encoder import load_encoder
from chat_app.hives.labels import direction, label_path
from chat_app.hives.metrics import axis_orthogonality, rank_accuracy, similarity_correlation
from chat_app.hives.space import build_space
from chat_app.vidb.loading import Anchor, Vidb, load_vidb
from training.hives_texts import VALUES, Composer, held_out

LEVELS = (-2, -1, 0, 1, 2)
# texts -> predicted intensities of all values, float [n, 32]
Predict = Callable[[Sequence[str]], NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", default="builtin")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--excerpt", type=Path, help="CSV: value, intensity, text")
    arguments = parser.parse_args()

    vidb = load_vidb()
    known = [a for a in vidb.anchors if not (arguments.held_out and held_out(a.text))]
    asked = [a for a in vidb.anchors if held_out(a.text)] if arguments.held_out else known
    encoder = load_encoder(arguments.folder)
    started = time.monotonic()
    space = build_space(encoder, Vidb("known", tuple(known)), None)
    print(f"{len(known) / (time.monotonic() - started):.0f} texts/s")
    ranker = HivesRanker(space)

    def predict(texts: Sequence[str]) -> NDArray[np.float64]:
        return _columns(ranker.model, encoder.encode(texts))

    tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    points = tfidf.fit_transform([a.text for a in known]).toarray()
    baseline = fit_intensity(
        points, [a.value for a in known], np.array([a.intensity for a in known])
    )

    def encode_tfidf(texts: Sequence[str]) -> NDArray[np.float64]:
        return tfidf.transform(texts).toarray()

    def predict_tfidf(texts: Sequence[str]) -> NDArray[np.float64]:
        return _columns(baseline, encode_tfidf(texts))

    excerpt = _excerpt(arguments.excerpt) if arguments.excerpt else []
    for name, encode, how in (
        ("hives", encoder.encode, predict),
        ("tf-idf", encode_tfidf, predict_tfidf),
    ):
        print(f"-- {name}")
        _geometry(np.asarray(encode([a.text for a in asked]), dtype=np.float32), asked)
        _replies(how)
        print(f"VIDB {'held out' if arguments.held_out else 'known'}: {_agreement(asked, how)}")
        if excerpt:
            print(f"excerpt: {_agreement(excerpt, how)}")
    axes = np.array([space.axes[v] for v in VALUES])
    print(f"orthogonality of the axes {axis_orthogonality(axes):.3f}")


def _columns(model: IntensityModel, z: NDArray) -> NDArray[np.float64]:
    """Clipped predictions, columns in the order of ``VALUES``."""
    return np.clip(model(z)[:, [model.values.index(v) for v in VALUES]], -10, 10)


def _excerpt(path: Path) -> list[Anchor]:
    with open(path, encoding="utf-8", newline="") as file:
        return [
            Anchor(str(i), row["value"], row["text"], float(row["intensity"]), None)
            for i, row in enumerate(csv.DictReader(file))
        ]


def _geometry(z: NDArray[np.float32], texts: Sequence[Anchor]) -> None:
    paths = [label_path(a.value) for a in texts]
    signs = [direction(a.intensity) for a in texts]
    accuracy = rank_accuracy(z, paths, signs, draws=3)
    correlation = similarity_correlation(z, paths, signs)
    print(
        f"rank_acc_strict {accuracy.strict:.3f}  rank_acc_pairwise {accuracy.pairwise:.3f}  "
        f"sim_corr {correlation:.3f}"
    )


def _replies(predict: Predict) -> None:
    """Replies of three sentences: mean prediction by level, for their own and other values."""
    composer = Composer(random.Random(99))
    by_level, off = np.zeros((len(VALUES), len(LEVELS))), []
    for row, value in enumerate(VALUES):
        for column, level in enumerate(LEVELS):
            texts = [composer.single(value, [level] * 3).text for _ in range(10)]
            predicted = predict(texts)
            by_level[row, column] = predicted[:, row].mean()
            if level != 0:
                off.append(np.abs(np.delete(predicted, row, axis=1)))
    rising = sum(all(a < b for a, b in pairwise(means)) for means in by_level)
    print(
        f"replies: by level {np.round(by_level.mean(axis=0), 1)}, rising for {rising} of 32, "
        f"other values' |prediction| {np.mean(off):.2f}, over 5 in {np.mean(np.array(off) > 5):.1%}"
    )
    blends = [composer.mixture() for _ in range(400)]
    predicted = predict([b.text for b in blends])
    pairs = [
        (predicted[i, VALUES.index(v)], t)
        for i, b in enumerate(blends)
        for v, t in b.targets.items()
    ]
    print(f"blends of 2 or 3 values: r {np.corrcoef(np.array(pairs).T)[0, 1]:.3f}")


def _agreement(texts: Sequence[Anchor], predict: Predict) -> str:
    """Spearman of predicted and known intensity, mean over values."""
    predicted = predict([a.text for a in texts])
    rhos = []
    for column, value in enumerate(VALUES):
        rows = [i for i, a in enumerate(texts) if a.value == value]
        if len(rows) > 2:
            known = [texts[i].intensity for i in rows]
            rhos.append(spearmanr(known, predicted[rows, column]).statistic)
    return f"Spearman {np.nanmean(rhos):.3f}, mean over {len(rhos)} values"


if __name__ == "__main__":
    main()
