"""How much memory a model and its cache take, and how many layers of it a graphics card holds.

Read off the head of the file, before anything is loaded. llama.cpp counts the output as the
layer after the last one and moves layers from the end: n layers on the card are the output and
the last n - 1 of the others.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat_app.llm.context_options import KV_BYTES
from chat_app.llm.devices import Device
from chat_app.llm.gguf_header import Header

# Left alone on each card: what llama.cpp computes in, the room in the cache beyond one
# conversation, and what other programs may still want.
_LEFT_FREE = 3 * 2**29
_BATCH = 512  # tokens that are computed at once: each needs a row of logits
_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True)
class Need:
    """Bytes. ``weights``: all that the file holds; ``layers``: those of each layer, ``output``:
    those after the last; ``cache``: keys and values of each layer for a whole context.

    Layers that attend only to a window have a whole context's, too: only so can a conversation be
    taken back to an earlier place.
    """

    weights: int
    layers: tuple[int, ...]
    output: int
    cache: tuple[int, ...]

    def on_card(self, n_gpu_layers: int) -> int:
        """What the output and the last ``n_gpu_layers`` - 1 layers take."""
        first = max(0, len(self.layers) + 1 - n_gpu_layers)
        if first > len(self.layers):
            return 0
        return self.output + sum(self.layers[first:]) + sum(self.cache[first:])


def need(header: Header, *, n_ctx: int, kv_type: str = "f16") -> Need:
    """What a model takes with a context of ``n_ctx`` cells, shared by all conversations."""
    n_layer = header.n_layer
    layers, output = [0] * n_layer, 0
    for tensor in header.tensors:
        found = _LAYER.match(tensor.name)
        if found and int(found[1]) < n_layer:
            layers[int(found[1])] += tensor.n_bytes
        elif tensor.name.startswith("output"):
            output += tensor.n_bytes
    if not any(tensor.name == "output.weight" for tensor in header.tensors):
        # The embeddings serve as the output, too: a card gets a copy of them.
        output += sum(t.n_bytes for t in header.tensors if t.name == "token_embd.weight")
    cells = -(-n_ctx // 256) * 256
    cache = tuple(int(cells * n * KV_BYTES[kv_type]) for n in numbers_per_cell(header))
    return Need(sum(t.n_bytes for t in header.tensors), tuple(layers), output, cache)


def fitting_layers(found: Need, devices: Sequence[Device], n_vocab: int) -> int:
    """How many layers, the output among them, the cards hold beside what is left free on each.

    0 where there is no card. Cards that report no memory of their own take all.
    """
    cards = [device for device in devices if device.takes_layers]
    everything = len(found.layers) + 1
    if not cards:
        return 0
    if any(card.total == 0 for card in cards):
        return everything
    room = sum(max(0, card.free - _LEFT_FREE) for card in cards) - _BATCH * n_vocab * 4
    return max(n for n in range(everything + 1) if n == 0 or found.on_card(n) <= room)


def allocated(log: str) -> dict[str, int]:
    """Bytes that llama.cpp says, in its log of a context, it took: "cache" and "workspace"."""
    kinds = {"cache": r"(?:KV|RS) buffer size", "workspace": r"(?:compute|output) buffer size"}
    return {
        kind: round(2**20 * sum(map(float, re.findall(rf"{said} = *([\d.]+) MiB", log))))
        for kind, said in kinds.items()
    }


def numbers_per_cell(header: Header) -> tuple[int, ...]:
    """How many numbers each layer keeps of one token: n_head_kv (key length + value length)."""
    width = header.number("embedding_length")
    found = []
    for layer in range(header.n_layer):
        heads = header.number("attention.head_count", 1, layer=layer)
        own = width // heads if heads else 0
        key = header.number("attention.key_length", own, layer=layer)
        value = header.number("attention.value_length", own, layer=layer)
        kv_heads = header.number("attention.head_count_kv", heads, layer=layer)
        found.append(kv_heads * (key + value))
    return tuple(found)
