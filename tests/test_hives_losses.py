"""The losses of both stages against cases worked by hand and against plain loops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chat_app.hives.losses import (
    HierarchicalContrastiveLoss,
    InfoNceLoss,
    StageTwoLoss,
    hierarchical_contrastive,
    info_nce,
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


def plain_info_nce(z: list[list[float]], group: list[int], temperature: float) -> float:
    """The docstring's formula as loops over texts, positives and negatives."""

    def e(i: int, j: int) -> float:
        return math.exp(sum(a * b for a, b in zip(z[i], z[j], strict=True)) / temperature)

    n, means = len(z), []
    for i in range(n):
        positives = [p for p in range(n) if p != i and group[p] == group[i]]
        negatives = [a for a in range(n) if group[a] != group[i]]
        if positives and negatives:
            push = sum(e(i, a) for a in negatives)
            means.append(sum(-math.log(e(i, p) / (e(i, p) + push)) for p in positives))
            means[-1] /= len(positives)
    return sum(means) / len(means) if means else 0.0


def plain_hierarchical(
    z: list[list[float]], path: list[list[int]], direction: list[int], t: float, penalty: float
) -> float:
    """Stage 1 as loops: each level's mean, bounded by the level above, weighted 2^(1/l)."""
    n, levels = len(z), len(path[0])

    def s(i: int, j: int) -> float:
        cosine = sum(a * b for a, b in zip(z[i], z[j], strict=True))
        return (cosine - penalty * (direction[i] != direction[j])) / t

    total = above = 0.0
    for level in range(1, levels + 1):
        terms = []
        for i in range(n):
            alike = [
                j
                for j in range(n)
                if j != i
                and path[j][level - 1] == path[i][level - 1]
                and direction[j] == direction[i]
            ]
            if alike:
                whole = math.log(sum(math.exp(s(i, a)) for a in range(n) if a != i))
                terms.append(sum(whole - s(i, p) for p in alike) / len(alike))
        above = max(above, sum(terms) / len(terms) if terms else 0.0)
        total += 2 ** (1 / level) * above
    return total / levels


def random_batch(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Unit rows [n, 4], a path of two levels, directions."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.nn.functional.normalize(
        torch.randn(n, 4, generator=generator, dtype=torch.float64), dim=1
    )
    top = torch.randint(0, 2, (n,), generator=generator)
    path = torch.stack([top, 10 * top + torch.randint(0, 2, (n,), generator=generator)], dim=1)
    return z, path, torch.randint(-1, 2, (n,), generator=generator)


batches = given(seed=st.integers(0, 10_000), n=st.integers(2, 12))


@batches
def test_stage_one_is_what_plain_loops_give(seed: int, n: int) -> None:
    z, path, direction = random_batch(seed, n)
    loss = hierarchical_contrastive(z, path, direction, 0.5, 0.7)
    by_hand = plain_hierarchical(z.tolist(), path.tolist(), direction.tolist(), 0.5, 0.7)
    assert loss.item() == pytest.approx(by_hand, rel=1e-9, abs=1e-9)


@batches
def test_no_level_counts_less_than_the_level_above(seed: int, n: int) -> None:
    z, path, direction = random_batch(seed, n)
    first, second = (loss.item() for loss in level_losses(z, path, direction))
    bounded = (2 * first + 2**0.5 * max(first, second)) / 2
    whole = hierarchical_contrastive(z, path, direction).item()
    assert whole == pytest.approx(bounded, rel=1e-9, abs=1e-9)


def test_two_pairs_under_info_nce_by_hand() -> None:
    # Each text: its partner at similarity 1, two strangers at 0: -log(e / (e + 2)).
    loss = info_nce(PAIRS, torch.tensor([7, 7, 3, 3]), temperature=1.0)
    assert loss.item() == pytest.approx(math.log(1 + 2 / math.e), abs=1e-6)


def test_texts_of_ones_own_group_are_not_pushed_away() -> None:
    # Three of a group: text 0 has two positives (1 and 0) and one negative at 0, text 1 the same;
    # text 2 has positives at 0 and 0 and a negative at 1; text 3 has none and does not count.
    loss = info_nce(PAIRS, torch.tensor([0, 0, 0, 1]), temperature=1.0)
    near, level, far = math.log(1 + 1 / math.e), math.log(2), math.log(1 + math.e)
    assert loss.item() == pytest.approx((2 * (near + level) / 2 + far) / 3, abs=1e-6)


@pytest.mark.parametrize("group", [[0, 1, 2, 3], [5, 5, 5, 5]])
def test_info_nce_without_positives_or_without_negatives_is_nothing(group: list[int]) -> None:
    z = PAIRS.clone().requires_grad_()
    loss = info_nce(z, torch.tensor(group))
    loss.backward()
    assert loss.item() == 0.0
    assert z.grad is not None
    assert not z.grad.any()


@batches
def test_info_nce_is_what_plain_loops_give_in_any_order(seed: int, n: int) -> None:
    z, _, direction = random_batch(seed, n)
    loss = info_nce(z, direction, 0.5)
    by_hand = plain_info_nce(z.tolist(), direction.tolist(), 0.5)
    assert loss.item() == pytest.approx(by_hand, rel=1e-9, abs=1e-9)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert info_nce(z[order], direction[order], 0.5).item() == pytest.approx(loss.item(), abs=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    z, path, direction = random_batch(4, 8)
    z.requires_grad_()
    pairs = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    assert torch.autograd.gradcheck(lambda x: info_nce(x, pairs, 0.5), (z,))
    assert torch.autograd.gradcheck(
        lambda x: hierarchical_contrastive(x, path, direction, 0.5), (z,)
    )


def test_stage_two_adds_its_three_parts_each_over_its_own_texts() -> None:
    z, path, direction = random_batch(11, 12)
    none = torch.full((12,), -1)
    phrase, concept = none.clone(), none.clone()
    phrase[6:9], concept[9:12] = torch.tensor([0, 0, 1]), torch.tensor([0, 4, 4])
    labels = torch.cat([path, torch.stack([direction, phrase, concept], dim=1)], dim=1)
    criterion = StageTwoLoss(torch.nn.Identity())
    expected = (
        hierarchical_contrastive(z[:6], path[:6], direction[:6])
        + info_nce(z[6:9], phrase[6:9])
        + info_nce(z[9:], concept[9:])
    )
    # Lengths do not matter: embeddings are normalised first.
    loss = criterion([{"sentence_embedding": 3 * z}], labels)
    assert loss.item() == pytest.approx(expected.item())
    alone = InfoNceLoss(torch.nn.Identity())([{"sentence_embedding": 3 * z[9:]}], concept[9:])
    assert alone.item() == pytest.approx(info_nce(z[9:], concept[9:]).item())
