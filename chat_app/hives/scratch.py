"""Encoders from nothing, in the sentence-transformers layout: a tokenizer made from the texts,
then a tiny BERT with mean pooling, or a bag of word pieces."""

import tempfile
from collections.abc import Iterable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

MAX_PIECES = 160
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train_tokenizer(texts: Iterable[str], pieces: int) -> PreTrainedTokenizerFast:
    """A lower-case WordPiece tokenizer of ``pieces`` pieces."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=pieces, special_tokens=_SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    cls, sep = _SPECIAL.index("[CLS]"), _SPECIAL.index("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=None, special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=MAX_PIECES,
    )  # fmt: skip


def untrained_encoder(
    tokenizer: PreTrainedTokenizerFast, *, dim: int, layers: int, heads: int, inner: int
) -> SentenceTransformer:
    """A BERT of ``layers`` x ``dim`` with random weights, mean pooling and unit length."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=MAX_PIECES,
        type_vocab_size=1,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        pad_token_id=tokenizer.pad_token_id,
    )
    with tempfile.TemporaryDirectory() as folder:
        BertModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=MAX_PIECES)
    return SentenceTransformer(
        modules=[transformer, Pooling(dim, pooling_mode="mean"), Normalize()], device="cpu"
    )


def untrained_bag(tokenizer: PreTrainedTokenizerFast, *, dim: int, seed: int = 0) -> (
    SentenceTransformer
):  # fmt: skip
    """A vector for each word piece, their mean the text's: word order does not count."""
    weights = np.random.default_rng(seed).normal(0, 0.1, (len(tokenizer), dim)).astype(np.float32)
    static = StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(weights))
    return SentenceTransformer(modules=[static, Normalize()], device="cpu")


def small_bert(texts: Iterable[str], seed: int = 0) -> SentenceTransformer:
    """The encoder that training "from scratch" starts with: 192 wide, 2 layers, 4,000 pieces."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(texts, 4000)
    return untrained_encoder(tokenizer, dim=192, layers=2, heads=6, inner=384)
