"""The second channel: values as vectors in the residual stream, in training as in use.

Each value owns one direction (fixed, orthonormal rows of ``directions``). In a reply of the
``vector`` channel, sum of intensity / 10 x STRENGTH x direction is added after some of the blocks
FIRST..LAST, exactly where llama.cpp adds a control vector. In a reply of the ``prompt`` channel
nothing is added, but the *reading loss* asks the same coordinates of the hidden states, so that the
early blocks turn the words of the prompt into the same vector, and the later blocks have one thing
to learn instead of two. The ordinary extraction (persona prompt, text, covariance) then finds
these directions, since it looks at the very states that the reading loss shaped.
"""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from training.dialogues import VALUES, Part

FIRST, LAST = 1, 3
# Norm of the vector at intensity 10, in typical hidden-state norms of the blocks FIRST..LAST (the
# unit of a coefficient for every model). A fixed norm is soon dwarfed: hidden states grow.
STRENGTH = 0.5
# What extraction finds is never quite the direction itself: training adds an error of up to this
# share of the vector's norm, so that the model minds only what lies along the directions.
ERROR = 0.5


def value_directions(width: int, seed: int = 7) -> Tensor:
    """Orthonormal rows [32, width]."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(width, len(VALUES), generator=generator))
    return q.T.contiguous()


def coordinates(targets: Mapping[str, float]) -> list[float]:
    """intensity / 10 for each of the 32 values."""
    return [targets.get(v, 0.0) / 10 for v in VALUES]


def layer_shares(rng: random.Random) -> list[float]:
    """How a vector is split over the blocks FIRST..LAST: a run of them, in equal parts."""
    n = LAST - FIRST + 1
    length = rng.randint(1, n)
    start = rng.randint(0, n - length)
    return [1 / length if start <= i < start + length else 0.0 for i in range(n)]


def plan(
    replies: Sequence[Part], directions: Tensor, scale: float, rng: random.Random
) -> tuple[Tensor, Tensor, Tensor]:
    """For n replies: vectors [layers, n, width] to add, coordinates [layers, n, 32] to be read
    after each of the blocks FIRST..LAST, and weights [layers, n] of the reading loss. ``scale`` is
    the vector's norm at intensity 10, in the units of the hidden states."""
    wanted = torch.tensor([coordinates(r.targets) for r in replies])
    injected = torch.tensor([float(r.injected) for r in replies])
    shares = torch.tensor([layer_shares(rng) for _ in replies]).T * injected  # [layers, n]
    jitter = torch.tensor([rng.uniform(0.8, 1.2) for _ in replies])[:, None]
    vectors = scale * jitter * (wanted @ directions)
    size = torch.tensor([rng.uniform(0, ERROR) for _ in replies])[:, None]
    noise = torch.randn_like(vectors)
    noise = noise / noise.norm(dim=1, keepdim=True) * vectors.norm(dim=1, keepdim=True) * size
    add = shares[:, :, None] * (vectors + noise)[None]
    reached = torch.where(injected.bool(), shares.cumsum(0), torch.ones_like(shares))
    read = reached[:, :, None] * (wanted * torch.where(injected[:, None] > 0, jitter, 1.0))[None]
    weight = torch.ones_like(shares)
    weight[0] = 0.3  # the first of these blocks has had little room to read the prompt
    return add, read, weight
