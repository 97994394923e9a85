"""The built-in chat model in PyTorch: a Llama as llama.cpp computes it, open to vectors."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    vocab: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 704
    context: int = 2048
    rope_base: float = 10_000.0
    eps: float = 1e-5

    def json(self) -> dict:
        return asdict(self)


def rope_table(shape: Shape, length: int) -> Tensor:
    """e^{i angle} [length, head_dim / 2] of the rotary embedding."""
    head = shape.width // shape.heads
    freq = shape.rope_base ** (-torch.arange(0, head, 2).float() / head)
    angle = torch.arange(length).float()[:, None] * freq[None]
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Rotary embedding over interleaved pairs of [b, t, heads, head_dim], as llama.cpp has it."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn[None, :, None]).flatten(-2).to(x.dtype)


class Block(nn.Module):
    """Attention and SwiGLU, each behind an RMS norm."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        head = shape.width // shape.heads
        self.attn_norm = nn.RMSNorm(shape.width, eps=shape.eps)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.eps)
        self.qkv = nn.Linear(shape.width, (shape.heads + 2 * shape.kv_heads) * head, bias=False)
        self.o = nn.Linear(shape.heads * head, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, turn: Tensor, later: Tensor) -> Tensor:
        b, t, _ = x.shape
        s = self.shape
        qkv = self.qkv(self.attn_norm(x)).view(b, t, s.heads + 2 * s.kv_heads, -1)
        qk, v = qkv.split((s.heads + s.kv_heads, s.kv_heads), 2)
        q, k = rotate(qk, turn).split((s.heads, s.kv_heads), 2)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        again = s.heads // s.kv_heads
        k, v = k.repeat_interleave(again, 1), v.repeat_interleave(again, 1)
        # written out: for dialogues this short it is twice as fast on a CPU as the fused kernel
        scores = (q @ k.transpose(2, 3)) * q.shape[-1] ** -0.5
        a = (scores + later).softmax(-1).to(v.dtype) @ v
        x = x + self.o(a.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Chat(nn.Module):
    """Tokens to hidden states; ``logits`` turns those of chosen positions into predictions."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.eps)
        nn.init.normal_(self.embed.weight, std=0.05)
        for name, p in self.named_parameters():
            if p.ndim == 2 and "embed" not in name:
                scale = (
                    (2 * shape.layers) ** -0.5 if name.endswith(("o.weight", "down.weight")) else 1
                )
                nn.init.normal_(p, std=scale * p.shape[1] ** -0.5 * 0.7)

    def forward(
        self, ids: Tensor, add: dict[int, Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """``ids`` [b, t]; ``add`` {layer: [b, t, width]} is added after that block, as a control
        vector is. Returns the last hidden states and those after every block."""
        turn = rope_table(self.shape, ids.shape[1])
        later = torch.full((ids.shape[1], ids.shape[1]), -1e4, dtype=torch.bfloat16).triu(1)
        x = self.embed(ids)
        states = []
        for layer, block in enumerate(self.blocks):
            x = block(x, turn, later)
            if add and layer in add:
                x = x + add[layer]
            states.append(x)
        return x, states

    def logits(self, states: Tensor) -> Tensor:
        """Predictions from last hidden states [..., width]; output and input share weights."""
        return F.linear(self.norm(states), self.embed.weight)
