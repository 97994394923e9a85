"""A model to measure speed with: ``python -m training.make_bench_model [--out FILE]``.

A Llama of random weights in Q4_0: 24 layers, 1,024 wide, 298M parameters, 172 MB. It writes
nonsense, at the speed of a trained model of its size. Its vocabulary: the built-in model's 4,096
pieces, so that text becomes about as many tokens as there, and 27,904 random joins of two pieces,
so that logits and sampling cost what they cost in a real model. It never ends a reply by itself:
see :func:`embedding`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize

from chat_app.llm.template import CHATML
from chat_app.settings import data_path

HEAD = 64
SPREAD = 0.02  # standard deviation of the weights
Q4_0 = gguf.GGMLQuantizationType.Q4_0


@dataclass(frozen=True)
class Shape:
    """``hidden``: the width inside a feed-forward block. Two heads share a key and a value."""

    layers: int = 24
    width: int = 1024
    hidden: int = 2560
    vocabulary: int = 32_000
    context: int = 8192

    @property
    def heads(self) -> int:
        return self.width // HEAD


@dataclass(frozen=True)
class Vocabulary:
    """A byte-level BPE as GGUF stores it; ``kinds`` are :class:`gguf.TokenType` numbers."""

    tokens: list[str]
    kinds: list[int]
    merges: list[str]
    start: int
    end: int


def vocabulary(size: int, rng: np.random.Generator) -> Vocabulary:
    """The built-in model's, made ``size`` long by joins of two of its pieces."""
    fields = gguf.GGUFReader(data_path("models", "builtin-chat.gguf")).fields
    names = ("tokens", "token_type", "merges", "bos_token_id", "eos_token_id")
    read = (fields[f"tokenizer.ggml.{name}"].contents() for name in names)
    tokens, kinds, merges, start, end = read
    pieces = [t for t, k in zip(tokens, kinds, strict=True) if k == gguf.TokenType.NORMAL]
    known = set(tokens)
    while len(tokens) < size:
        left, right = (pieces[i] for i in rng.integers(len(pieces), size=2))
        if left + right not in known:
            known.add(left + right)
            tokens.append(left + right)
            merges.append(f"{left} {right}")
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    return Vocabulary(tokens, kinds, merges, start, end)


def embedding(words: Vocabulary, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """float32 [n_vocab, width], which is the output matrix too.

    A control token's row is zero and so is its logit, far below the likeliest of thousands of
    normal ones: a reply is as long as it may be.
    """
    rows = SPREAD * rng.standard_normal((len(words.tokens), shape.width), np.float32)
    rows[np.array(words.kinds) == gguf.TokenType.CONTROL] = 0
    return rows


def write(path: Path, shape: Shape) -> int:
    """Write the model to ``path``; its number of parameters."""
    rng = np.random.default_rng(0)
    words = vocabulary(shape.vocabulary, rng)
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(f"random {shape.layers} x {shape.width}")
    w.add_description("Random weights, to measure speed with.")
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.width)
    w.add_block_count(shape.layers)
    w.add_feed_forward_length(shape.hidden)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.heads // 2)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(HEAD)
    w.add_vocab_size(len(words.tokens))
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(words.tokens)
    w.add_token_types(words.kinds)
    w.add_token_merges(words.merges)
    w.add_bos_token_id(words.start)
    w.add_eos_token_id(words.end)
    w.add_add_bos_token(False)
    w.add_chat_template(CHATML)
    n_params = 0

    def add(name: str, values: np.ndarray) -> None:
        nonlocal n_params
        n_params += values.size
        if values.ndim == 1:
            w.add_tensor(f"{name}.weight", values)
        else:
            w.add_tensor(f"{name}.weight", quantize(values, Q4_0), raw_dtype=Q4_0)

    def random(*size: int, scale: float = 1.0) -> np.ndarray:
        return SPREAD * scale * rng.standard_normal(size, np.float32)

    width, ones = shape.width, np.ones(shape.width, np.float32)
    add("token_embd", embedding(words, shape, rng))
    add("output_norm", ones)
    back = (2 * shape.layers) ** -0.5  # so that the residual stream does not grow with depth
    for i in range(shape.layers):
        add(f"blk.{i}.attn_norm", ones)
        add(f"blk.{i}.ffn_norm", ones)
        add(f"blk.{i}.attn_q", random(width, width))
        add(f"blk.{i}.attn_k", random(width // 2, width))
        add(f"blk.{i}.attn_v", random(width // 2, width))
        add(f"blk.{i}.attn_output", random(width, width, scale=back))
        add(f"blk.{i}.ffn_gate", random(shape.hidden, width))
        add(f"blk.{i}.ffn_up", random(shape.hidden, width))
        add(f"blk.{i}.ffn_down", random(width, shape.hidden, scale=back))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return n_params


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", type=Path, default=Path("build/bench-300m-q4_0.gguf"))
    ap.add_argument("--layers", type=int, default=Shape.layers)
    ap.add_argument("--width", type=int, default=Shape.width, help="a multiple of 128")
    ap.add_argument("--hidden", type=int, default=Shape.hidden, help="a multiple of 32")
    ap.add_argument("--vocabulary", type=int, default=Shape.vocabulary)
    args = ap.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    n_params = write(args.out, Shape(args.layers, args.width, args.hidden, args.vocabulary))
    size = args.out.stat().st_size
    print(f"{args.out}: {n_params / 1e6:.0f}M parameters, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
