"""The stage-1 loss against cases worked by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chat_app.hives.losses import (
    HierarchicalContrastiveLoss,
    hierarchical_contrastive,
    level_losses,
)

# Two texts along x and two along y: cosines are 1 within a pair and 0 across.
PAIRS = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


def test_one_level_by_hand() -> None:
    # Each text has one positive (similarity 1) and two of the other direction (0 - 1 = -1), so
    # its loss is -log(e / (e + 2 / e)) = log(1 + 2 e^-2); level 1 weighs 2^(1/1) = 2.
    path, direction = torch.zeros(4, 1, dtype=torch.long), torch.tensor([1, 1, -1, -1])
    loss = hierarchical_contrastive(PAIRS, path, direction, temperature=1.0, penalty=1.0)
    assert loss.item() == pytest.approx(2 * math.log(1 + 2 * math.exp(-2)), abs=1e-6)


def test_without_penalty_the_other_direction_pushes_harder() -> None:
    path, direction = torch.zeros(4, 1, dtype=torch.long), torch.tensor([1, 1, -1, -1])
    loss = hierarchical_contrastive(PAIRS, path, direction, temperature=1.0, penalty=0.0)
    assert loss.item() == pytest.approx(2 * math.log(1 + 2 * math.exp(-1)), abs=1e-6)


def test_a_level_costs_at_least_the_level_above() -> None:
    # All four share level 1 and the direction: each has positives of similarity 1, 0, 0, so
    # L_1 = log(e + 2) - 1/3. At level 2 the pairs part: L_2 = log(e + 2) - 1 < L_1, and L_1 counts
    # in its place: L = (2 L_1 + sqrt(2) L_1) / 2.
    path, direction = torch.tensor([[0, 1], [0, 1], [0, 2], [0, 2]]), torch.ones(4)
    first, second = level_losses(PAIRS, path, direction, temperature=1.0)
    assert first.item() == pytest.approx(math.log(math.e + 2) - 1 / 3, abs=1e-6)
    assert second.item() == pytest.approx(math.log(math.e + 2) - 1, abs=1e-6)
    loss = hierarchical_contrastive(PAIRS, path, direction, temperature=1.0)
    assert loss.item() == pytest.approx((2 + 2**0.5) / 2 * first.item(), abs=1e-6)


def test_texts_without_positives_cost_nothing() -> None:
    path, direction = torch.arange(4)[:, None], torch.ones(4)
    assert hierarchical_contrastive(PAIRS, path, direction).item() == 0.0


@given(seed=st.integers(0, 10_000), n=st.integers(2, 12))
def test_the_order_of_the_texts_does_not_matter(seed: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.nn.functional.normalize(torch.randn(n, 5, generator=generator), dim=1)
    path = torch.randint(0, 3, (n, 2), generator=generator).cumsum(dim=1)
    direction = torch.randint(-1, 2, (n,), generator=generator)
    order = torch.randperm(n, generator=generator)
    there = hierarchical_contrastive(z, path, direction)
    back = hierarchical_contrastive(z[order], path[order], direction[order])
    assert back.item() == pytest.approx(there.item(), rel=1e-4, abs=1e-5)


def test_a_step_down_the_gradient_lowers_the_loss() -> None:
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(12, 6, generator=generator, requires_grad=True)
    labels = torch.tensor([[i // 6, i // 3, (-1) ** i] for i in range(12)])
    criterion = HierarchicalContrastiveLoss(torch.nn.Identity())
    loss = criterion([{"sentence_embedding": z}], labels)
    (gradient,) = torch.autograd.grad(loss, z)
    lower = criterion([{"sentence_embedding": z - 0.05 * gradient}], labels)
    assert lower.item() < loss.item()
