"""How much memory a model will want, and whether this computer has it, before it is loaded.

Weights and cache are read off the file's head and are exact; what llama.cpp computes in is an
estimate (docs/models.md compares it with what was taken).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chat_app.llm.gguf_header import Header
from chat_app.llm.kv import cells, kv_bytes_per_token
from chat_app.llm.memory import need, numbers_per_cell

if TYPE_CHECKING:
    from chat_app.llm.devices import Device

_BATCH = 512  # tokens that are computed at once
_LEFT_FREE = 2**28  # for other programs


@dataclass(frozen=True)
class Estimate:
    """Bytes: ``weights``, ``cache`` (keys and values), ``workspace`` (what is computed in)."""

    weights: int
    cache: int
    workspace: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.workspace


def estimate(header: Header, *, n_ctx: int, n_slots: int = 17, kv_type: str = "f16") -> Estimate:
    """What the engine takes for a model with this head: as ``Engine`` for the same settings, on a
    processor (a graphics card with flash attention needs less to compute in).

    Raises GgufError for a head that is damaged.
    """
    n_ctx = min(n_ctx, header.number("context_length") or n_ctx)
    held = cells(n_ctx, n_slots, kv_bytes_per_token(sum(numbers_per_cell(header)), kv_type))
    found = need(header, n_ctx=held, kv_type=kv_type)
    return Estimate(found.weights, sum(found.cache), _workspace(header, held, n_slots))


def _workspace(header: Header, held: int, n_slots: int) -> int:
    """4 bytes (512 max(n_vocab + n_embd, n_head held + masks held + 4 n_embd) + n_slots n_vocab).

    For 512 tokens at once either the logits of all or the attention of every head over the
    ``held`` cells is there, never both; what may be looked at is a mask, and another one where
    some layers look back over a window. Each slot's last logits are kept.
    """
    vocabulary = header.metadata.get("tokenizer.ggml.tokens", 0)
    n_vocab = len(vocabulary) if isinstance(vocabulary, list) else int(vocabulary)
    width, heads = header.number("embedding_length"), header.number("attention.head_count")
    masks = 2 if header.number("attention.sliding_window") else 1
    attention = (heads + masks) * held + 4 * width
    return 4 * (_BATCH * max(n_vocab + width, attention) + n_slots * n_vocab)


def free_memory() -> int:
    """Bytes of the processor's memory that a program may still take; 0 where nobody says."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) * 1024, _container_room())
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _container_room() -> int:
    """What a container's limit leaves; a very large number without one."""
    folder, endless = Path("/sys/fs/cgroup"), 2**63
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        return endless if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return endless


def shortage(found: Estimate, devices: "Sequence[Device]", free: int) -> str | None:
    """One sentence where ``found`` is more than there is: ``free`` bytes of the processor's
    memory (0: unknown) and those of the graphics cards among ``devices``; None where it fits."""
    cards = [device for device in devices if device.takes_layers]
    if not free or any(card.total == 0 for card in cards):
        return None
    on_cards = sum(card.free for card in cards)
    room = max(0, free - _LEFT_FREE) + on_cards
    if found.total <= room:
        return None
    cards_too = f" and {gigabytes(on_cards)} on the graphics card" if on_cards else ""
    return (
        f"It needs about {gigabytes(found.total)} of memory, and {gigabytes(free)}{cards_too} "
        "are free now: it would be very slow or not load at all. Close other programs, take a "
        "smaller context, or choose a smaller model."
    )


def gigabytes(n_bytes: float) -> str:
    """ "2.5 GB", "840 MB": decimal, as disks and download pages count."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
