"""A tiny random encoder with the layout of Qwen3-Embedding and HiVES-2, written by its libraries.

Qwen3 layers, a byte-level tokenizer that ends each text with a token of its own and pads on the
left, pooling of the last token, normalised; prompts by name; weights in bfloat16.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DIM = 32
QUERY = "Instruct: Given a text, find the value that it holds\nQuery:"


def write_encoder(folder: Path, *, prompts: dict[str, str] | None = None, seed: int = 0) -> Path:
    """Write it to ``folder``; ``prompts`` default to the real model's, "query" and "document"."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import Qwen3Config, Qwen3Model

    torch.manual_seed(seed)
    parts = folder.with_name(folder.name + "-parts")
    _tokenizer().save_pretrained(parts)
    config = Qwen3Config(
        vocab_size=300,
        hidden_size=DIM,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
    )
    Qwen3Model(config).to(torch.bfloat16).save_pretrained(parts)
    layers = Transformer(str(parts), max_seq_length=256)
    model = SentenceTransformer(
        modules=[layers, Pooling(DIM, pooling_mode="lasttoken"), Normalize()],
        prompts={"query": QUERY, "document": ""} if prompts is None else prompts,
        device="cpu",
    )
    model.to(torch.bfloat16).save(str(folder), create_model_card=False)
    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
    return folder


def _tokenizer() -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: i for i, letter in enumerate(letters)}
    vocab |= {"<end>": len(vocab), "<pad>": len(vocab) + 1}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <end>", special_tokens=[("<end>", vocab["<end>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", padding_side="left"
    )
