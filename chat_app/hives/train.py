"""The training loop of a HIVES encoder: plain torch, one process, any device."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from chat_app.hives.losses import HierarchicalContrastiveLoss

log = logging.getLogger(__name__)


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


def hide_pieces(features: dict[str, Tensor], mask_id: int, share: float) -> None:
    """Replace ``share`` of the word pieces by [MASK] in about half of the texts, in place."""
    ids, attention = features["input_ids"], features["attention_mask"]
    chosen = torch.rand(ids.shape) < share
    chosen &= (torch.rand(len(ids), 1) < 0.5) & attention.bool()
    chosen[:, 0] = False
    ids[chosen] = mask_id


def train(
    model: SentenceTransformer,
    batches: Iterator[LabelledBatch],
    settings: TrainingSettings,
    checkpoint: Callable[[int], None] | None = None,
) -> None:
    """Train ``model`` in place on the stage-1 loss and the auxiliary intensity regression.

    loss = contrast_weight x hierarchical contrastive + intensity_weight x weighted squared error
    AdamW, linear warm-up, then a cosine down to zero. ``checkpoint(step)`` is called now and then.
    """
    contrast = HierarchicalContrastiveLoss(model, settings.temperature, settings.penalty)
    first = next(batches)
    dim = model.get_embedding_dimension()
    assert dim is not None
    head = IntensityHead(dim, first.targets.shape[1])
    parameters = [*model.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: _rate(s, settings))
    mask_id = model.tokenizer.mask_token_id
    model.train()
    started = time.monotonic()
    for step in range(1, settings.steps + 1):
        batch = next(batches)
        features = model.preprocess(batch.texts)
        if mask_id is not None:
            hide_pieces(features, mask_id, settings.mask)
        z = model(features)["sentence_embedding"]
        labels = torch.from_numpy(batch.labels)
        contrastive = contrast.compute_loss_from_embeddings([z[: len(labels)]], labels)
        intensity = head(z, torch.from_numpy(batch.targets), torch.from_numpy(batch.weights))
        loss = settings.contrast_weight * contrastive + settings.intensity_weight * intensity
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        if step % settings.log_every == 0 or step == 1:
            log.info(
                "step %d  contrastive %.3f  intensity %.4f  %.0f s",
                step, contrastive.item(), intensity.item(), time.monotonic() - started,
            )  # fmt: skip
        if checkpoint and step % settings.checkpoint_every == 0:
            checkpoint(step)
    model.eval()


def _rate(step: int, settings: TrainingSettings) -> float:
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
