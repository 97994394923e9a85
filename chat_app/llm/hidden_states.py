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

    Several texts share a batch as separate sequences. ``progress(done, of)`` counts texts.
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
        for batch in _batches(token_lists, n_batch):
            _decode(context, [token_lists[i] for i in batch], [spans[i] for i in batch])
            _store(result, batch, token_lists, spans, capture.take())
            done += len(batch)
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


def _batches(token_lists: Sequence[Sequence[int]], n_batch: int) -> Iterator[list[int]]:
    """Indices of texts that fit one batch together, in order."""
    batch: list[int] = []
    size = 0
    for i, tokens in enumerate(token_lists):
        if batch and (size + len(tokens) > n_batch or len(batch) == _BATCH_TEXTS):
            yield batch
            batch, size = [], 0
        batch.append(i)
        size += len(tokens)
    if batch:
        yield batch


def _decode(context: Context, texts: list[Sequence[int]], spans: list[Span]) -> None:
    context.trim(0)
    starts = np.cumsum([0, *map(len, texts)])
    context.decode(
        [token for text in texts for token in text],
        [at for text in texts for at in range(len(text))],
        sequences=[s for s, text in enumerate(texts) for _ in text],
        logits=[int(start) + span[1] - 1 for start, span in zip(starts, spans, strict=False)],
    )


def _store(
    result: SpanStates,
    batch: list[int],
    token_lists: Sequence[Sequence[int]],
    spans: Sequence[Span],
    rows: dict[int, np.ndarray],
) -> None:
    n_layer = result.means.shape[1]
    if sorted(rows) != list(range(n_layer)):
        raise ValueflowError(
            "This model's architecture does not show its hidden states to llama.cpp's callback, "
            "so no directions can be made for it; steer it by prompt, or choose another model."
        )
    for layer, states in rows.items():
        at = 0
        for place, i in enumerate(batch):
            start, end = spans[i]
            if layer == n_layer - 1:
                span = states[place : place + 1]
            else:
                span = states[at + start : at + end]
            result.means[i, layer] = span.mean(axis=0)
            result.norms[i, layer] = np.linalg.norm(span, axis=1).mean()
            at += len(token_lists[i])
