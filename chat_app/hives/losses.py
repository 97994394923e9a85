"""Training objectives of HIVES (VALUEFLOW, arXiv 2602.03160): stage 1, stage 2.

Functions on embeddings carry the formulas; the classes beside them put a model in front, as
sentence-transformers' losses do.
"""

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn


def level_losses(
    z: Tensor, path: Tensor, direction: Tensor, temperature: float = 0.1, penalty: float = 1.0
) -> list[Tensor]:
    """The supervised-contrastive loss of each level of the path, before weights and bounds.

        s_ij = (z_i . z_j - penalty [direction_i != direction_j]) / temperature
        P_l(i) = {j != i : path_j agrees with path_i down to l, direction_j = direction_i}
        L_l = mean over i with P_l(i) of  - mean over p in P_l(i) of
              log( exp s_ip / sum over a != i of exp s_ia )

    z: float [n, d] unit rows; path: int [n, L] (equal ids = same path down to that level);
    direction: int [n]. A level at which no text has a positive gives 0.
    """
    same_direction = direction[:, None] == direction[None, :]
    similarity = z @ z.T - penalty * (~same_direction).to(z.dtype)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (similarity / temperature).masked_fill(itself, float("-inf"))
    log_p = torch.log_softmax(logits, dim=1).masked_fill(itself, 0.0)
    losses = []
    for level in range(path.shape[1]):
        column = path[:, level]
        positive = (column[:, None] == column[None, :]) & same_direction & ~itself
        count = positive.sum(dim=1)
        has = count > 0
        per_text = -(log_p * positive).sum(dim=1)[has] / count[has]
        losses.append(per_text.mean() if bool(has.any()) else z.sum() * 0.0)
    return losses


def hierarchical_contrastive(
    z: Tensor, path: Tensor, direction: Tensor, temperature: float = 0.1, penalty: float = 1.0
) -> Tensor:
    """Stage-1 loss: levels weighted, none cheaper than the level above it.

        L = 1/L_max  sum over l = 1..L_max of  2^(1/l) max(L_1, ..., L_l)

    with L_l of ``level_losses``; shapes as there. Returns a scalar.
    """
    total = z.sum() * 0.0
    above: Tensor | None = None
    losses = level_losses(z, path, direction, temperature, penalty)
    for level, loss in enumerate(losses, start=1):
        above = loss if above is None else torch.maximum(loss, above)
        total = total + 2 ** (1 / level) * above
    return total / max(len(losses), 1)


class HierarchicalContrastiveLoss(nn.Module):
    """``hierarchical_contrastive`` as a sentence-transformers loss.

    Inputs: one column of texts; labels int [n, L + 1], the path (``labels.path_table``) and, in
    the last column, the direction (-1, 0, 1).

        loss = HierarchicalContrastiveLoss(model)
        loss([model.preprocess(texts)], labels).backward()

    Reference: VALUEFLOW, stage 1; the level bound follows Zhang et al., "Use All The Labels"
    (CVPR 2022), the contrastive term Khosla et al. (NeurIPS 2020).
    """

    def __init__(
        self, model: SentenceTransformer, temperature: float = 0.1, penalty: float = 1.0
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.penalty = penalty

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        embeddings = [self.model(f)["sentence_embedding"] for f in sentence_features]
        return self.compute_loss_from_embeddings(embeddings, labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        (embedding,) = embeddings
        z = nn.functional.normalize(embedding, dim=-1)
        return hierarchical_contrastive(
            z, labels[:, :-1], labels[:, -1], self.temperature, self.penalty
        )

    def get_config_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "penalty": self.penalty}


def info_nce(z: Tensor, group: Tensor, temperature: float = 0.1) -> Tensor:
    """InfoNCE of a batch of which each text belongs to one group; each direction of each pair.

        s_ij = z_i . z_j / temperature
        L = mean over i with a positive, and over its positives p (group_p = group_i, p != i), of
              - log( exp s_ip / (exp s_ip + sum over a with group_a != group_i of exp s_ia) )

    so other texts of one's own group are never pushed away. z: float [n, d] unit rows; group: int
    [n]. Returns a scalar; 0 where no text has a positive or no text a negative.
    """
    s = z @ z.T / temperature
    same = group[:, None] == group[None, :]
    positive = same & ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    count = positive.sum(dim=1)
    has = (count > 0) & (~same).any(dim=1)
    if not bool(has.any()):
        return z.sum() * 0.0
    others = s[has].masked_fill(same[has], float("-inf")).logsumexp(dim=1, keepdim=True)
    # -log(e^s / (e^s + e^others)) = softplus(others - s)
    terms = nn.functional.softplus(others - s[has]) * positive[has]
    return (terms.sum(dim=1) / count[has]).mean()


class InfoNceLoss(nn.Module):
    """``info_nce`` as a sentence-transformers loss.

    Inputs: one column of texts; labels int [n], the group of each text: texts of one group are
    each other's positives, all others their negatives.

        loss = InfoNceLoss(model)
        texts = ["I sat up with her.", "We feed whoever is hungry.", "Rules are rules."]
        loss([model.preprocess(texts)], torch.tensor([0, 0, 1])).backward()

    Reference: VALUEFLOW, stage 2; van den Oord et al., "Representation Learning with Contrastive
    Predictive Coding" (2018).
    """

    def __init__(self, model: SentenceTransformer, temperature: float = 0.1) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        embeddings = [self.model(f)["sentence_embedding"] for f in sentence_features]
        return self.compute_loss_from_embeddings(embeddings, labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        (embedding,) = embeddings
        return info_nce(nn.functional.normalize(embedding, dim=-1), labels, self.temperature)

    def get_config_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature}


class StageTwoLoss(nn.Module):
    """The loss of stage 2: the hierarchy is kept while theories are brought together.

        L = L_hierarchical(texts in neither quarter)
            + L_InfoNCE(texts that pair by an everyday phrase)
            + L_InfoNCE(texts that pair by a concept of several theories)

    Inputs: one column of texts; labels int [n, L + 3]: path and direction as in
    ``HierarchicalContrastiveLoss``, then the text's group by phrase and its group by concept. A
    group of -1 means that the text is not in that quarter; a text is in one at most.
    ``parts`` gives the three terms apart.

        loss = StageTwoLoss(model)
        loss([model.preprocess(texts)], labels).backward()

    Reference: VALUEFLOW, stage 2: half of a batch, a quarter and a quarter, weights 1.
    """

    def __init__(
        self, model: SentenceTransformer, temperature: float = 0.1, penalty: float = 1.0
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.penalty = penalty

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        embeddings = [self.model(f)["sentence_embedding"] for f in sentence_features]
        return self.compute_loss_from_embeddings(embeddings, labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        (embedding,) = embeddings
        parts = self.parts(embedding, labels)
        return parts["hierarchy"] + parts["phrase"] + parts["concept"]

    def parts(self, embedding: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Scalars by name: "hierarchy", "phrase", "concept"."""
        z = nn.functional.normalize(embedding, dim=-1)
        path, direction = labels[:, :-3], labels[:, -3]
        phrase, concept = labels[:, -2], labels[:, -1]
        stage_one = (phrase < 0) & (concept < 0)
        return {
            "hierarchy": hierarchical_contrastive(
                z[stage_one], path[stage_one], direction[stage_one], self.temperature, self.penalty
            ),
            "phrase": info_nce(z[phrase >= 0], phrase[phrase >= 0], self.temperature),
            "concept": info_nce(z[concept >= 0], concept[concept >= 0], self.temperature),
        }

    def get_config_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "penalty": self.penalty}
