"""Stage 1 with an auxiliary regression of intensities, as the built-in encoder is trained.

The texts of the built-in model speak of several values at several strengths, which no path can
say; a linear head that reads all intensities off the embedding can.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from chat_app.hives.loop import Optimisation, optimise
from chat_app.hives.losses import HierarchicalContrastiveLoss
from chat_app.hives.train import hide_pieces


@dataclass(frozen=True)
class LabelledBatch:
    """Texts with what is known about them.

    texts: n of them; labels: int [n_l, L + 1] path and direction of the first n_l <= n texts (the
    rest, blends, have none); targets: float32 [n, V] intensity / 10 for each of V values;
    weights: float32 [n, V] how much each target counts.
    """

    texts: list[str]
    labels: NDArray[np.int64]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class TrainingSettings:
    """``penalty``: see ``losses``; ``intensity_weight``: of the auxiliary regression;
    ``mask``: share of word pieces hidden in half of the texts."""

    steps: int = 800
    learning_rate: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.05
    temperature: float = 0.1
    penalty: float = 1.0
    contrast_weight: float = 1.0
    intensity_weight: float = 10.0
    mask: float = 0.15
    seed: int = 1
    log_every: int = 25
    checkpoint_every: int = 200


class IntensityHead(nn.Module):
    """Reads V intensities off an embedding: used while training, then thrown away.

    loss = 1/n sum over texts and values of weight (W z + b - target)^2
    """

    def __init__(self, dim: int, n_values: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, n_values)

    def forward(self, z: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        return (weights * (self.linear(z) - targets) ** 2).sum(dim=1).mean()


def train(
    model: SentenceTransformer,
    batches: Iterator[LabelledBatch],
    settings: TrainingSettings,
    checkpoint: Callable[[int], None] | None = None,
) -> None:
    """Train ``model`` in place on the stage-1 loss and the auxiliary intensity regression.

    loss = contrast_weight x hierarchical contrastive + intensity_weight x weighted squared error
    ``checkpoint(step)`` is called now and then.
    """
    contrast = HierarchicalContrastiveLoss(model, settings.temperature, settings.penalty)
    dim = model.get_embedding_dimension()
    assert dim is not None
    head = IntensityHead(dim, next(batches).targets.shape[1])

    def loss_of(step: int) -> dict[str, Tensor]:
        batch = next(batches)
        features = model.preprocess(batch.texts)
        hide_pieces(features, model.tokenizer.mask_token_id, settings.mask)
        z = model(features)["sentence_embedding"]
        labels = torch.from_numpy(batch.labels)
        contrastive = contrast.compute_loss_from_embeddings([z[: len(labels)]], labels)
        intensity = head(z, torch.from_numpy(batch.targets), torch.from_numpy(batch.weights))
        return {
            "contrastive": settings.contrast_weight * contrastive,
            "intensity": settings.intensity_weight * intensity,
        }

    optimise(
        nn.ModuleList([model, head]),
        loss_of,
        Optimisation(
            settings.steps, settings.learning_rate, settings.warmup, settings.weight_decay,
            seed=settings.seed, log_every=settings.log_every,
            checkpoint_every=settings.checkpoint_every,
        ),
        checkpoint=(lambda state: checkpoint(state["step"])) if checkpoint else None,
    )  # fmt: skip
