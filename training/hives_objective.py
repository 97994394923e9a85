"""What the built-in encoder and its teacher learn from: intensities, the hierarchy, a teacher."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from chat_app.hives.labels import direction, label_path, path_table
from chat_app.hives.losses import hierarchical_contrastive
from training.hives_texts import VALUES, Example, targets_of

# Unit vectors are stretched before the head reads them, so that its weights can stay small.
STRETCH = 4.0
PATHS = path_table([label_path(value) for value in VALUES])


class Intensities(nn.Module):
    """A linear head that reads 32 intensities / 10 off unit vectors: thrown away afterwards.

    A text may speak of several values at several strengths, which no single path can say.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, len(VALUES))

    def forward(self, z: Tensor) -> Tensor:
        predicted: Tensor = self.linear(STRETCH * z)
        return predicted

    def loss(self, z: Tensor, examples: Sequence[Example]) -> Tensor:
        """Mean over texts of sum over values of weight (predicted - intensity / 10)^2."""
        targets, weights = map(torch.from_numpy, targets_of(examples))
        squared: Tensor = weights * (self(z) - targets) ** 2
        return squared.sum(dim=1).mean()


def told_intensities(
    z: NDArray[np.float32], examples: Sequence[Example], ridge: float = 10.0
) -> NDArray[np.float32]:
    """The intensities / 10 that a teacher's vectors z [n, d] tell, float32 [n, 32].

    For each value a weighted ridge regression on the first texts of z, which are ``examples``.
    """
    targets, weights = (array.astype(np.float64) for array in targets_of(examples))
    stretched = np.column_stack([STRETCH * z, np.ones(len(z))]).astype(np.float64)
    known, told = stretched[: len(examples)], np.zeros((len(z), len(VALUES)))
    for column in range(len(VALUES)):
        weighted = known * weights[:, column, None]
        normal = weighted.T @ known + ridge * np.eye(known.shape[1])
        told[:, column] = stretched @ np.linalg.solve(normal, weighted.T @ targets[:, column])
    return told.astype(np.float32)


def hierarchy_loss(z: Tensor, examples: Sequence[Example], penalty: float = 1.0) -> Tensor:
    """Stage 1 (``hives.losses``) over the texts that speak of one value alone."""
    rows = [i for i, example in enumerate(examples) if len(example.targets) == 1]
    labels = [next(iter(examples[i].targets.items())) for i in rows]
    path = torch.from_numpy(PATHS[[VALUES.index(value) for value, _ in labels]])
    signs = torch.tensor([direction(intensity) for _, intensity in labels])
    return hierarchical_contrastive(z[rows], path, signs, penalty=penalty)


def imitation_loss(z: Tensor, teacher: Tensor, temperature: float = 0.05) -> Tensor:
    """How far unit vectors z [n, d] are from the teacher's [n, d], alone and among each other.

    mean of 1 - cos(z_i, t_i), plus 0.3 times the mean over i of KL(p_i || q_i), where p_i and q_i
    are the softmax of the teacher's and of z's cosines of text i with the others, / temperature.
    """
    itself = torch.eye(len(z), dtype=torch.bool)

    def near(rows: Tensor) -> Tensor:
        return torch.log_softmax((rows @ rows.T / temperature).masked_fill(itself, -1e4), dim=1)

    alone = 1 - (z * teacher).sum(dim=1).mean()
    among = nn.functional.kl_div(near(z), near(teacher), reduction="batchmean", log_target=True)
    return alone + 0.3 * among


def embed(model: SentenceTransformer, features: dict[str, Tensor]) -> Tensor:
    """Unit vectors [n, d] of what ``model.preprocess`` made of n texts, whatever the precision."""
    z: Tensor = model(features)["sentence_embedding"]
    return nn.functional.normalize(z.float(), dim=-1)


def embeddings(model: SentenceTransformer, texts: Sequence[str], half: bool) -> NDArray[np.float16]:
    """Unit vectors [n, d] without gradients, by batches of like length; ``half``: in bfloat16."""
    model.eval()
    rows = np.zeros((len(texts), model.get_embedding_dimension() or 0), dtype=np.float16)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        for start in range(0, len(order), 128):
            some = order[start : start + 128]
            rows[some] = embed(model, model.preprocess([texts[i] for i in some])).numpy()
    return rows


def like_lengths(texts: Sequence[str], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """One pass over ``texts`` in random batches of ``size`` whose texts are of like length."""
    order, lengths = rng.permutation(len(texts)), np.array([len(text) for text in texts])
    batches = []
    for start in range(0, len(order), 50 * size):
        some = order[start : start + 50 * size]
        some = some[np.argsort(lengths[some], kind="stable")]
        batches += [some[i : i + size].tolist() for i in range(0, len(some) - size + 1, size)]
    for i in rng.permutation(len(batches)):
        yield batches[i]
