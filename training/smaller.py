"""A smaller encoder cut out of a larger one: fewer word pieces, layers and inner units.

What is left still knows most of what the larger one knew, and a short training brings the rest
back. Both are BERTs in the sentence-transformers layout, with mean pooling and unit length.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from chat_app.hives.scratch import MAX_PIECES, tokenizer_of, untrained_encoder


def cut_out(
    large: SentenceTransformer, texts: Sequence[str], *, pieces: int, layers: Sequence[int],
    inner: int,
) -> SentenceTransformer:  # fmt: skip
    """The ``layers`` (numbers from 0) of ``large``, with the word pieces of ``texts``.

    At most ``pieces`` of these are kept, the most frequent.

    Of each layer's inner units the ``inner`` that weigh most are kept: mean |activation| over some
    of the texts x norm of the weights that read it.
    """
    tokenizer, rows = _fewer_pieces(large.tokenizer, texts, pieces)
    bert = large[0].auto_model
    width, heads = bert.config.hidden_size, bert.config.num_attention_heads
    small = untrained_encoder(tokenizer, dim=width, layers=len(layers), heads=heads, inner=inner)
    weights = _inner_weights(large, texts[:: max(1, len(texts) // 1000)])
    mine = small[0].auto_model
    with torch.no_grad():
        old, new = bert.embeddings, mine.embeddings
        new.word_embeddings.weight.copy_(old.word_embeddings.weight[rows])
        new.position_embeddings.weight.copy_(old.position_embeddings.weight[:MAX_PIECES])
        new.token_type_embeddings.weight.copy_(old.token_type_embeddings.weight[:1])
        new.LayerNorm.load_state_dict(old.LayerNorm.state_dict())
        for layer, number in zip(mine.encoder.layer, layers, strict=True):
            theirs = bert.encoder.layer[number]
            units = weights[number].topk(inner).indices.sort().values
            layer.attention.load_state_dict(theirs.attention.state_dict())
            layer.intermediate.dense.weight.copy_(theirs.intermediate.dense.weight[units])
            layer.intermediate.dense.bias.copy_(theirs.intermediate.dense.bias[units])
            layer.output.dense.weight.copy_(theirs.output.dense.weight[:, units])
            layer.output.dense.bias.copy_(theirs.output.dense.bias)
            layer.output.LayerNorm.load_state_dict(theirs.output.LayerNorm.state_dict())
    return small


def _fewer_pieces(
    tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], pieces: int
) -> tuple[PreTrainedTokenizerFast, list[int]]:
    """A tokenizer of the most frequent pieces, and their rows in the old one.

    Single characters stay whatever their frequency: words are spelled with them if need be.
    """
    counted = Counter[int]()
    for found in tokenizer.backend_tokenizer.encode_batch(list(texts)):
        counted.update(found.ids)
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    kept = {vocabulary[piece] for piece in tokenizer.all_special_tokens}
    kept |= {i for p, i in vocabulary.items() if p.isascii() and len(p.removeprefix("##")) == 1}
    for row, _ in counted.most_common():
        if len(kept) >= pieces:
            break
        kept.add(row)
    # The padding comes first, as a new BERT expects.
    first = vocabulary[tokenizer.pad_token]
    rows = [first, *sorted(kept - {first})]
    names = {row: piece for piece, row in vocabulary.items()}
    return tokenizer_of({names[row]: new for new, row in enumerate(rows)}), rows


def _inner_weights(large: SentenceTransformer, texts: Sequence[str]) -> list[Tensor]:
    """How much each inner unit of each layer adds: float32 [inner] a layer."""
    sums: list[Tensor] = []
    hooks = []
    for number, layer in enumerate(large[0].auto_model.encoder.layer):
        sums.append(torch.zeros(layer.intermediate.dense.out_features))

        def add(
            module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, number: int = number
        ) -> None:
            sums[number] += output.detach().abs().mean(dim=(0, 1))

        hooks.append(layer.intermediate.register_forward_hook(add))
    large.encode(list(texts), show_progress_bar=False)
    for hook in hooks:
        hook.remove()
    return [
        total * layer.output.dense.weight.detach().norm(dim=0)
        for total, layer in zip(sums, large[0].auto_model.encoder.layer, strict=True)
    ]
