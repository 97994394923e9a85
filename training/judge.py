"""An independent judge of the built-in model's replies: TF-IDF and ridge regression on the corpus.

It shares nothing with HIVES or VIDB, so it can say whether steering moved the words themselves.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion

from training.dialogues import read_corpus


class Judge:
    """Predicts a text's intensity in about [-10, 10] for each value; 5 x the part's level."""

    def __init__(self) -> None:
        parts = read_corpus("parts.jsonl")
        texts = [p["text"].replace("{doing}", "this").replace("{do}", "do it") for p in parts]
        self._features = FeatureUnion(
            [
                ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
                ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))),
            ]
        )
        x = self._features.fit_transform(texts)
        self.values = sorted({p["value"] for p in parts})
        # a part says nothing about the other values: their columns are 0
        y = np.zeros((len(parts), len(self.values)))
        for i, p in enumerate(parts):
            y[i, self.values.index(p["value"])] = 5 * p["level"]
        self._model = Ridge(alpha=0.3).fit(x, y)

    def score(self, texts: Sequence[str], value: str) -> np.ndarray:
        """float [n]"""
        return self._model.predict(self._features.transform(texts))[:, self.values.index(value)]
