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
from chat_app.llm.branches import common_prefix
from chat_app.llm.context import Context
from chat_app.llm.kv import steps_back
from chat_app.llm.model import ChatModel
from chat_app.llm.threads import Stopped, in_own_thread

_LAYER = re.compile(r"l_out-(\d+)")
_BATCH_TEXTS = 16
# Tokens look at all cells of the cache, their own text's or not, so a batch costs more the fuller
# the cache is; a GPU wants large ones all the same, a processor is as busy with half of that.
_BATCH_TOKENS = 512 if lib.llama_supports_gpu_offload() else 256

_NOT_SHOWN = (
    "This model's architecture does not show its hidden states to llama.cpp's callback, so no "
    "directions can be made for it; steer it by prompt, or choose another model."
)

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


@dataclass(frozen=True)
class _Rows:
    """Where in a batch the spans lie, ascending: rows ``starts[i]`` to ``ends[i]`` of text i."""

    starts: np.ndarray
    ends: np.ndarray

    def means(self, rows: np.ndarray) -> np.ndarray:
        """[n_texts, ...]: the mean of each span's ``rows``, in one pass over them."""
        edges = np.stack([self.starts, self.ends], axis=1).ravel()
        edges = edges[:-1] if edges[-1] == len(rows) else edges
        lengths = (self.ends - self.starts).astype(np.float32)
        sums = np.add.reduceat(rows, edges, axis=0)[::2]
        return sums / lengths.reshape(-1, *[1] * (rows.ndim - 1))


class _Capture:
    """The callback: makes means and norms of each layer's rows as they are computed.

    ``expect`` what is decoded next; ``layers`` are those seen since.
    """

    def __init__(self, result: SpanStates) -> None:
        self._result = result
        self._last_layer, self._n_embd = result.means.shape[1] - 1, result.means.shape[2]
        self._texts: Sequence[int] = ()
        self._spans = _Rows(np.zeros(0, np.intp), np.zeros(0, np.intp))
        self.layers: set[int] = set()
        self.callback = lib.ggml_backend_sched_eval_callback(self._see)

    def expect(self, texts: Sequence[int], spans: _Rows) -> None:
        self._texts, self._spans = texts, spans
        self.layers.clear()

    def _see(self, tensor: int, ask: bool, _user_data: object) -> bool:
        match = _LAYER.fullmatch(bindings.tensor_name(tensor))
        if match and not ask:
            self._reduce(int(match[1]), bindings.tensor_floats(tensor).reshape(-1, self._n_embd))
        return match is not None if ask else True

    def _reduce(self, layer: int, rows: np.ndarray) -> None:
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if layer == self._last_layer:
            kept = slice(None) if len(rows) == len(self._texts) else self._spans.ends - 1
            means, norms = rows[kept], lengths[kept]
        else:
            means, norms = self._spans.means(rows), self._spans.means(lengths)
        self._result.means[self._texts, layer] = means
        self._result.norms[self._texts, layer] = norms
        self.layers.add(layer)


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
    if token_lists:
        in_own_thread(lambda stopped: _fill(result, model, token_lists, spans, progress, stopped))
    return result


def _fill(
    result: SpanStates,
    model: ChatModel,
    token_lists: Sequence[Sequence[int]],
    spans: Sequence[Span],
    progress: Progress | None,
    stopped: Stopped,
) -> None:
    capture = _Capture(result)
    n_batch = max(_BATCH_TOKENS, max(map(len, token_lists)))
    context = Context(
        model, n_ctx=n_batch, n_batch=n_batch, n_seq=_BATCH_TEXTS, eval_callback=capture.callback
    )
    try:
        done = 0
        trunk: Sequence[int] = ()
        for group in _groups(token_lists, spans, n_batch, apart=not steps_back(model)):
            if stopped():
                break
            trunk = _read(context, capture, group, token_lists, spans, trunk)
            if len(capture.layers) < model.n_layer:
                raise ValueflowError(_NOT_SHOWN)
            done += len(group.texts)
            if progress:
                progress(done, len(token_lists))
    finally:
        context.close()


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
    """Texts (by index) that are read in one batch, their first ``shared`` tokens, the trunk, once.

    ``size``: the tokens of them all."""

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
    tokens: Sequence[Sequence[int]], spans: Sequence[Span], n_batch: int, *, apart: bool
) -> Iterator[_Group]:
    """Sorted, so that texts after the same prompt meet; apart where reading both takes less,
    and always for recurrent models, whose sequences cannot share what they have read."""
    group = _Group()
    for i in sorted(range(len(tokens)), key=lambda i: list(tokens[i])):
        joined = group.with_text(i, tokens, spans)
        if group.texts and (
            apart
            or len(joined.texts) > _BATCH_TEXTS
            or joined.size > n_batch
            or joined.size > group.size + len(tokens[i])
        ):
            yield group
            joined = _Group().with_text(i, tokens, spans)
        group = joined
    yield group


def _read(
    context: Context,
    capture: _Capture,
    group: _Group,
    tokens: Sequence[Sequence[int]],
    spans: Sequence[Span],
    held: Sequence[int],
) -> Sequence[int]:
    """Read ``group``, whose trunk it returns: what the next one may share of it.

    ``held``: the trunk of the group before, which stands in the cache still.
    """
    trunk, shared = tokens[group.texts[0]][: group.shared], group.shared
    kept = _keep(context, common_prefix(held, trunk))
    flat, positions = list(trunk[kept:]), list(range(kept, shared))
    owners: list[Sequence[int]] = [range(len(group.texts))] * (shared - kept)
    starts, ends = [], []
    for sequence, i in enumerate(group.texts):
        if sequence and kept:
            context.copy(0, sequence, kept)
        origin = len(flat) - shared
        starts.append(origin + spans[i][0])
        ends.append(origin + spans[i][1])
        flat += tokens[i][shared:]
        positions += range(shared, len(tokens[i]))
        owners += [(sequence,)] * (len(tokens[i]) - shared)
    capture.expect(group.texts, _Rows(np.array(starts), np.array(ends)))
    context.decode(flat, positions, sequences=owners, logits=[end - 1 for end in ends])
    return trunk


def _keep(context: Context, length: int) -> int:
    """Leave nothing but the first ``length`` tokens of sequence 0; how many are left."""
    if not length or not context.trim(length):
        context.clear()
        return 0
    for sequence in range(1, _BATCH_TEXTS):
        context.trim(0, sequence)
    return length
