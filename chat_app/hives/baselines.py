"""Encoders to hold HIVES against: what words alone, the same losses on words, the same network
without training, and chance amount to."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.dataset import LabelledText
from chat_app.hives.encoder import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# texts -> unit rows, float32 [n, d]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
BASELINES = ("tfidf", "static", "untrained", "random")


def tfidf_encoder(known: Sequence[str]) -> Encode:
    """TF-IDF of words (1 and 2) and of the letters within them (2 to 5), fitted on ``known``.

    The 20,000 most frequent of either kind; logarithmic counts; unit rows.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    how = {"sublinear_tf": True, "max_features": 20_000, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), **how)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **how)
    union = FeatureUnion([("words", words), ("letters", letters)]).fit(known)

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return _unit(union.transform(texts).toarray())

    return encode


def static_model(
    known: Sequence[LabelledText],
    *,
    dim: int = 256,
    steps: tuple[int, int] = (600, 300),
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> "SentenceTransformer":
    """A vector per word piece, trained on ``known`` with HIVES's own losses, both stages.

    What it lacks beside HIVES is the network: word order and context.
    """
    from chat_app.hives.scratch import train_tokenizer, untrained_bag
    from chat_app.hives.train import Settings, run_stages

    tokenizer = train_tokenizer((t.text for t in known), 4000)
    model = untrained_bag(tokenizer, dim=dim, seed=seed)
    settings = Settings(*steps, learning_rate=1e-2, seed=seed)
    run_stages(model, known, settings, "scratch", progress=progress)
    return model


def untrained_model(source: str, seed: int = 0) -> "SentenceTransformer":
    """The encoder at ``source`` with its own tokenizer and layers, its weights drawn at random.

    Raises EncoderError where there is no such encoder.
    """
    import torch
    from transformers import PreTrainedModel

    from chat_app.hives.train import load_base

    model = load_base(source, [], seed, "cpu")
    torch.manual_seed(seed)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            # A transformer begins in a way of its own.
            module.load_state_dict(type(module)(module.config).state_dict())
    return model.eval()


def random_encoder(dim: int = 256, seed: int = 0) -> Encode:
    """A direction at random for every text, the same whenever it is asked: chance."""

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            np.random.default_rng(
                list(hashlib.sha256(f"{seed} {text}".encode()).digest())
            ).standard_normal(dim)
            for text in texts
        ]
        return _unit(np.array(rows, dtype=np.float32).reshape(len(texts), dim))

    return encode


def model_encoder(model: "SentenceTransformer", name: str) -> Encode:
    """A model in memory as an ``Encode``, read as ``hives.encoder`` reads one."""
    from chat_app.hives.encoder import Encoder

    return Encoder(lambda: (model, None), name, "").encode


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1)).astype(np.float32)


def check_baseline(name: str) -> None:
    """Raises EncoderError for a name that is none of ``BASELINES``."""
    if name not in BASELINES:
        raise EncoderError(
            f"There is no baseline {name!r}: the baselines are {', '.join(BASELINES)}."
        )
