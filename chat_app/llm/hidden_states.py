"""Mean hidden states of spans of text at every layer, in one pass.

llama.cpp calls ``cb_eval`` for every tensor of its graph; those named ``l_out-<layer>`` are the
residual stream after each layer: float32 [tokens of the batch, n_embd].
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.errors import ValueflowError
from chat_app.llm import bindings
from chat_app.llm.context import Context
from chat_app.llm.model import ChatModel

_LAYER = re.compile(r"l_out-(\d+)")
_BATCH_TOKENS, _BATCH_TEXTS = 512, 16

Span = tuple[int, int]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SpanStates:
    """``means``: float32 [n_texts, n_layer, n_embd], the mean state over each text's span.

    ``norms``: float32 [n_texts, n_layer], the mean over the span of the states' lengths.
    In the last layer llama.cpp keeps only rows that asked for logits: there both are those of
    the span's last token, since a whole vocabulary of logits a token would be too dear.
    """

    means: np.ndarray
    norms: np.ndarray


class _Capture:
    """The callback, and the rows that it has caught for each layer since the last ``take``."""

    def __init__(self, n_embd: int) -> None:
        self._n_embd = n_embd
        self._rows: dict[int, list[np.ndarray]] = {}
        self.callback = lib.ggml_backend_sched_eval_callback(self._see)

    def _see(self, tensor: int, ask: bool, _user_data: object) -> bool:
        match = _LAYER.fullmatch(bindings.tensor_name(tensor))
        if match and not ask:
            rows = bindings.tensor_floats(tensor).reshape(-1, self._n_embd)
            self._rows.setdefault(int(match[1]), []).append(rows)
        return match is not None if ask else True

    def take(self) -> dict[int, np.ndarray]:
        rows, self._rows = self._rows, {}
        return {layer: np.concatenate(parts) for layer, parts in rows.items()}


def span_states(
    model: ChatModel,
    token_lists: Sequence[Sequence[int]],
    spans: Sequence[Span],
    progress: Progress | None = None,
) -> SpanStates:
    """The states of ``token_lists``, each over its ``spans`` entry (start, end of a slice).

    Several texts share a batch as separate sequences, and what precedes their spans is read once
    where it is the same. ``progress(done, of)`` counts texts.
    Raises :class:`ValueflowError` for an empty span, and where the architecture has no such
    tensors.
    """
    for tokens, (start, end) in zip(token_lists, spans, strict=True):
        if not 0 <= start < end <= len(tokens):
            raise ValueflowError(f"The span {start}:{end} of a text of {len(tokens)} is empty.")
    shape = (len(token_lists), model.n_layer)
    result = SpanStates(np.zeros((*shape, model.n_embd), np.float32), np.zeros(shape, np.float32))
    if not token_lists:
        return result
    capture = _Capture(model.n_embd)
    n_batch = max(_BATCH_TOKENS, max(map(len, token_lists)))
    context = Context(
        model, n_ctx=n_batch, n_batch=n_batch, n_seq=_BATCH_TEXTS, eval_callback=capture.callback
    )
    try:
        done = 0
        for group in _groups(token_lists, spans, n_batch):
            context.trim(0)
            origins = _decode(context, group, token_lists, spans)
            _store(result, group, spans, origins, capture.take())
            done += len(group.texts)
            if progress:
                progress(done, len(token_lists))
    finally:
        context.close()
    return result


def mean_states(
    model: ChatModel,
    token_lists: Sequence[Sequence[int]],
    spans: Sequence[Span],
    progress: Progress | None = None,
) -> np.ndarray:
    """float32 [n_texts, n_layer, n_embd]: the means of :func:`span_states`."""
    return span_states(model, token_lists, spans, progress).means


@dataclass(frozen=True)
class _Group:
    """Texts (by index) that are read in one batch, their first ``shared`` tokens only once."""

    texts: tuple[int, ...] = ()
    shared: int = 0
    size: int = 0

    def with_text(self, i: int, tokens: Sequence[Sequence[int]], spans: Sequence[Span]) -> "_Group":
        shared = spans[i][0]
        if self.texts:
            first = tokens[self.texts[0]][: min(self.shared, shared)]
            same = (a == b for a, b in zip(first, tokens[i], strict=False))
            shared = next((n for n, s in enumerate(same) if not s), len(first))
        texts = (*self.texts, i)
        return _Group(texts, shared, shared + sum(len(tokens[t]) - shared for t in texts))


def _groups(
    tokens: Sequence[Sequence[int]], spans: Sequence[Span], n_batch: int
) -> Iterator[_Group]:
    """Sorted, so that texts after the same prompt meet; apart where reading both takes less."""
    group = _Group()
    for i in sorted(range(len(tokens)), key=lambda i: list(tokens[i])):
        joined = group.with_text(i, tokens, spans)
        if group.texts and (
            len(joined.texts) > _BATCH_TEXTS
            or joined.size > n_batch
            or joined.size > group.size + len(tokens[i])
        ):
            yield group
            joined = _Group().with_text(i, tokens, spans)
        group = joined
    yield group


def _decode(
    context: Context, group: _Group, tokens: Sequence[Sequence[int]], spans: Sequence[Span]
) -> list[int]:
    """Read ``group``; for each text, where in the batch its token at position 0 would stand."""
    shared = group.shared
    flat = list(tokens[group.texts[0]][:shared])
    positions = list(range(shared))
    owners: list[Sequence[int]] = [range(len(group.texts))] * shared
    origins, last = [], []
    for place, i in enumerate(group.texts):
        origins.append(len(flat) - shared)
        last.append(origins[-1] + spans[i][1] - 1)
        flat += tokens[i][shared:]
        positions += range(shared, len(tokens[i]))
        owners += [(place,)] * (len(tokens[i]) - shared)
    context.decode(flat, positions, sequences=owners, logits=last)
    return origins


def _store(
    result: SpanStates,
    group: _Group,
    spans: Sequence[Span],
    origins: Sequence[int],
    rows: dict[int, np.ndarray],
) -> None:
    n_layer = result.means.shape[1]
    if sorted(rows) != list(range(n_layer)):
        raise ValueflowError(
            "This model's architecture does not show its hidden states to llama.cpp's callback, "
            "so no directions can be made for it; steer it by prompt, or choose another model."
        )
    for layer, states in rows.items():
        for place, (i, origin) in enumerate(zip(group.texts, origins, strict=True)):
            start, end = spans[i]
            if layer == n_layer - 1:
                span = states[place : place + 1]
            else:
                span = states[origin + start : origin + end]
            result.means[i, layer] = span.mean(axis=0)
            result.norms[i, layer] = np.linalg.norm(span, axis=1).mean()
