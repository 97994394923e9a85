"""An encoder whose words mean what a test says, and texts for it: real files, planted numbers.

A static sentence-transformers model: a text is the mean of its words' vectors. The words of a
value's names share the value's topic, "gladly" and "never" lie on opposite sides of one tone, and
all other words lie anywhere. A word that no list holds is nothing to it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from chat_app.hives.reference_phrases import AGAINST, FOR, SIGNED, UNRELATED
from chat_app.hives.yardstick import value_names
from chat_app.vidb.loading import Anchor, Vidb

DIM = 96
VALUES = ("mft/care-harm", "svt/power", "svt/hedonism", "svt/tradition", "duty/fidelity")
TOPIC, TONE, NOISE = 1.0, 1.0, 0.5
_STEP = re.compile(r"[^\W_]+")
_LEVELS = (9.0, 6.5, 4.0)
_FILLER = ("table", "window", "morning", "river", "paper", "corner", "basket", "engine")


def vectors(extra: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """word: vector; ``extra`` words are a test's own."""
    rng = np.random.default_rng(5)
    topics = topic_axes()
    found: dict[str, np.ndarray] = {}

    def add(phrase: str, meaning: np.ndarray) -> None:
        for word in _words(phrase):
            if word not in found:
                found[word] = meaning + NOISE * _anywhere(rng)

    nothing = np.zeros(DIM)
    for word in ("i", "do", "not", "am", "me", "the", "of", "a", "to", "and", "for", "one", "s"):
        found[word] = 0.2 * _anywhere(rng)
    found |= {"gladly": TONE * tone(), "never": -TONE * tone()}
    found |= {"care": 0.5 * tone(), "against": -0.5 * tone()}
    for name, i in value_names(VALUES):
        add(name, TOPIC * topics[VALUES[i]])
    for phrase, value, side in SIGNED:
        if value in VALUES:
            add(phrase, TOPIC * topics[value] + (0 if side > 0 else -1) * TONE * tone())
    for phrase in (*UNRELATED, *FOR, *AGAINST, *_FILLER, *(p for p, _, _ in SIGNED)):
        add(phrase, nothing)
    return found | dict(extra)


def topic_axes() -> dict[str, np.ndarray]:
    """A direction each; fidelity lies a little towards care, so that values have neighbours."""
    axes = dict(zip(VALUES, np.eye(DIM), strict=False))
    near = axes["duty/fidelity"] + 0.6 * axes["mft/care-harm"]
    return axes | {"duty/fidelity": near / np.linalg.norm(near)}


def tone() -> np.ndarray:
    return np.eye(DIM)[len(VALUES)]


def write_planted(folder: Path, extra: Mapping[str, np.ndarray]) -> Path:
    """Write the encoder to ``folder``."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = vectors(extra)
    vocab = {"[UNK]": 0, **{word: i for i, word in enumerate(words, start=1)}}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.stack([np.full(DIM, 0.01), *words.values()]).astype(np.float32)
    layers = [StaticEmbedding(tokenizer, embedding_weights=weights), Normalize()]
    SentenceTransformer(modules=layers, device="cpu").save(str(folder), create_model_card=False)
    return folder


def planted_vidb() -> Vidb:
    """30 texts a value: for it, against it, and about nothing."""
    rng = np.random.default_rng(6)
    anchors = []
    for value in VALUES:
        names = [name for name, i in value_names(VALUES) if VALUES[i] == value]
        for n in range(30):
            side = (1, -1, 0)[n % 3]
            level = side * _LEVELS[n // 3 % 3]
            filler = " ".join(rng.choice(_FILLER, 3))
            how = "gladly" if side > 0 else "never"
            text = f"{how} {names[n % len(names)]} {filler}" if side else f"{filler} {n}"
            anchors.append(Anchor(f"{value}-{n}", value, f"{text} {n}", level, 1.0))
    return Vidb("planted", tuple(anchors))


def _words(phrase: str) -> list[str]:
    return _STEP.findall(phrase.lower().replace("{}", ""))


def _anywhere(rng: np.random.Generator) -> np.ndarray:
    drawn = rng.normal(size=DIM)
    drawn[: len(VALUES) + 1] = 0
    return drawn / np.linalg.norm(drawn)
