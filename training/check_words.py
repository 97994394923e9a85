"""What words alone are worth: `python -m training.check_words [--excerpt CSV]`.

TF-IDF of words and of letters, and a ridge for each value, fitted on the very texts that the
built-in encoder was trained on; asked about the fifth of VIDB that both were kept from.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion

from chat_app.evaluation.agreement import CLEAR, spearman_by_value
from chat_app.hives.dataset import LabelledText, from_anchors, held_out, read_texts
from chat_app.vidb.loading import load_vidb
from training.hives_pool import pool
from training.hives_texts import VALUES, Composer
from training.train_hives import HELD_OUT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--excerpt", type=Path, help="texts of known value and intensity")
    arguments = parser.parse_args()
    anchors = load_vidb().anchors
    known = pool(Composer(random.Random(1)), [a for a in anchors if not held_out(a.text, HELD_OUT)])
    how = {"sublinear_tf": True, "max_features": 40_000, "dtype": np.float32}
    words = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), **how)),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **how)),
        ]
    ).fit([e.text for e in known])
    points = words.transform([e.text for e in known])
    ridges = {}
    for value in VALUES:
        rows = [i for i, e in enumerate(known) if value in e.targets]
        ridges[value] = Ridge(alpha=1.0).fit(points[rows], [known[i].targets[value] for i in rows])
    asked = {"held out": [t for t in from_anchors(anchors) if held_out(t.text, HELD_OUT)]}
    if arguments.excerpt:
        asked["excerpt"] = list(read_texts(arguments.excerpt))
    for name, texts in asked.items():
        _report(name, texts, [float(ridges[t.value].predict(words.transform([t.text]))[0])
                              for t in texts])  # fmt: skip


def _report(name: str, texts: Sequence[LabelledText], predicted: Sequence[float]) -> None:
    truth = np.array([t.intensity for t in texts], dtype=np.float64)
    by_value = spearman_by_value([t.value for t in texts], truth, np.array(predicted))
    mean = np.mean(list(by_value.values()))
    clear = np.abs(truth) >= CLEAR
    right = np.mean(np.sign(predicted)[clear] == np.sign(truth)[clear])
    print(f"{name}: mean Spearman {mean:.3f}, sign accuracy {right:.3f}")


if __name__ == "__main__":
    main()
