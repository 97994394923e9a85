"""Prompts with one beginning, read side by side in one context."""

from collections.abc import Sequence

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.llm.context import Context
from chat_app.llm.model import ChatModel


class Branches:
    """A trunk of tokens, and branches that grow from it in step, each a sequence of its own.

    A trunk stays in the KV cache until another one is wanted. It is always read by itself, and
    its branches always into the same cells of the cache, so that the logits of a trunk and its
    branches are the same bits whatever was read before them.

    ``read_tokens`` counts what was decoded, ``shared_tokens`` what was not because it was there.
    Not thread-safe; ``close`` it.
    """

    def __init__(
        self, model: ChatModel, *, n_ctx: int, n_seq: int, n_threads: int | None = None
    ) -> None:
        self._context = Context(model, n_ctx=n_ctx, n_seq=n_seq, n_threads=n_threads)
        self._memory = lib.llama_get_memory(self._context.handle)
        self._trunk: tuple[int, ...] | None = None
        self._lengths: list[int] = []
        self.read_tokens = 0
        self.shared_tokens = 0

    def close(self) -> None:
        self._context.close()

    def grow(self, trunk: Sequence[int], tails: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Begin anew with ``trunk`` and its ``tails``: float32 [n_vocab] for each, what follows.

        At most ``n_seq`` tails, none of them empty, that fit ``n_ctx`` with their trunk; else
        EngineError.
        """
        self._return_to(tuple(trunk))
        for sequence in range(1, len(tails)):
            lib.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        self._lengths = [len(trunk)] * len(tails)
        self.shared_tokens += len(trunk) * (len(tails) - 1)
        return self.append(tails)

    def append(self, tokens: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Add ``tokens[i]`` to branch i; the logits after them, [0] where there were none."""
        cells, ends = [], []
        for sequence, added in enumerate(tokens):
            start = self._lengths[sequence]
            cells += [(token, start + i, sequence) for i, token in enumerate(added)]
            ends += [len(cells) - 1] if added else []
            self._lengths[sequence] += len(added)
        rows = iter(self._decode(cells, ends))
        return [next(rows) if added else np.empty(0, np.float32) for added in tokens]

    def _return_to(self, trunk: tuple[int, ...]) -> None:
        """Leave nothing but ``trunk`` in the cache, in sequence 0."""
        if trunk == self._trunk:
            lib.llama_memory_seq_keep(self._memory, 0)
            if lib.llama_memory_seq_rm(self._memory, 0, len(trunk), -1):
                self.shared_tokens += len(trunk)
                return
        self._trunk = None
        self._context.clear()
        self._decode([(token, i, 0) for i, token in enumerate(trunk)], ())
        self._trunk = trunk

    def _decode(
        self, cells: Sequence[tuple[int, int, int]], ends: Sequence[int]
    ) -> list[np.ndarray]:
        """Read ``cells`` (token, position, sequence); the logits after those at ``ends``."""
        size = self._context.n_batch
        rows: dict[int, np.ndarray] = {}
        for start in range(0, len(cells), size):
            part = cells[start : start + size]
            wanted = [end - start for end in ends if start <= end < start + len(part)]
            self._context.decode(
                [token for token, _, _ in part],
                [position for _, position, _ in part],
                sequences=[(sequence,) for _, _, sequence in part],
                logits=wanted,
            )
            rows |= {start + i: self._context.logits(i) for i in wanted}
        self.read_tokens += len(cells)
        return [rows[end] for end in ends]


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens ``a`` and ``b`` begin with alike."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))
