"""An untrained encoder in the sentence-transformers layout: tokenizer, tiny BERT, pooling."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
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


def save_whole(model: SentenceTransformer, folder: Path) -> None:
    """Save ``model`` beside ``folder`` and rename, so that ``folder`` is only ever whole.

    A process that has the old encoder open maps its weights from the file: writing into that file
    would change or kill the encoder under its feet, and a renamed one stays as it is.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        new, old = Path(beside, "new"), Path(beside, "old")
        model.save(str(new), create_model_card=False)
        if folder.exists():
            # A folder cannot be renamed onto one that holds files.
            os.rename(folder, old)
        try:
            os.rename(new, folder)
        except OSError:
            if old.exists():
                os.rename(old, folder)
            raise


def folder_bytes(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
