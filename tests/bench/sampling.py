"""What drawing one token costs: ``python -m tests.bench.sampling [--vocabulary N] [--json]``.

Microseconds a token, the median over some draws, from a random model with a large vocabulary; the
model itself is not counted. "whole" is llama.cpp's own order, in which a penalty or a grammar is
held against every token of the vocabulary.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import llama_cpp.llama_cpp as lib
import numpy as np

from chat_app.llm.context import Context
from chat_app.llm.model import ChatModel
from chat_app.llm.sampling import Sampler, Sampling

TEXT = r"root ::= [^\x00]*"
WORDS = 'root ::= ("yes" | "no")*'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=150_000)
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.gguf"
        write_wide(path, args.vocabulary)
        model = ChatModel.load(path, cache_dir=Path(folder))
        found = measure(model, args.draws)
        model.close()
    if args.json:
        print(json.dumps({"vocabulary": args.vocabulary, "us_per_token": found}, indent=2))
    else:
        for name, microseconds in found.items():
            print(f"{name:<32}{microseconds:>10,.0f} us")


def write_wide(path: Path, n_vocab: int) -> None:
    """A random Llama of one layer: 256 bytes, words of some letters, and a token that ends."""
    rng = np.random.default_rng(0)
    width, writer = 32, gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    letters = list("etaoinshrdlu")
    words = {"yes", "no"}
    while len(words) < n_vocab - 260:
        words.add("▁" + "".join(rng.choice(letters, rng.integers(3, 9))))
    tokens = ["<unk>", "<s>", "</s>", "▁", *(f"<0x{b:02X}>" for b in range(256)), *sorted(words)]
    tokens = tokens[:n_vocab]
    kind = gguf.TokenType
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, kind.NORMAL, *[kind.BYTE] * 256]
    kinds += [kind.NORMAL] * (len(tokens) - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {"token_embd.weight": (len(tokens), width), "output_norm.weight": (width,)}
    for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        shapes[f"blk.0.{part}.weight"] = (width, width)
    for part in ("attn_norm", "ffn_norm"):
        shapes[f"blk.0.{part}.weight"] = (width,)
    for name, shape in shapes.items():
        writer.add_tensor(name, rng.normal(0, 0.5, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def measure(model: ChatModel, draws: int) -> dict[str, float]:
    context = Context(model, n_ctx=64)
    context.decode([5, 6, 7], range(3), logits=[2])
    usual = Sampling(temperature=1.0, seed=1)
    kinds = {
        "usual": usual,
        "likeliest": replace(usual, temperature=0.0),
        "penalty": replace(usual, repeat_penalty=1.2),
        "100 biases": replace(usual, logit_bias=tuple((t, -1.0) for t in range(100))),
        "5 log-probabilities": replace(usual, logprobs=5),
        "grammar: any text": replace(usual, grammar=TEXT),
        "grammar: two words": replace(usual, grammar=WORDS),
    }
    found = {}
    for name, sampling in kinds.items():
        sampler = Sampler(sampling, model)
        found[name] = _median(lambda sampler=sampler: sampler.sample(context, 2), draws)  # type: ignore[misc]
        sampler.close()
    found["penalty, whole"] = _whole_penalty(context, draws)
    found["grammar: any text, whole"] = _whole_grammar(context, draws)
    context.close()
    return found


def _whole_penalty(context: Context, draws: int) -> float:
    n_vocab = context.model.n_vocab
    return _llama(context, draws, lib.llama_sampler_init_penalties(n_vocab, 64, 1.2, 0.0, 0.0))


def _whole_grammar(context: Context, draws: int) -> float:
    vocab = context.model.vocab
    return _llama(context, draws, lib.llama_sampler_init_grammar(vocab, TEXT.encode(), b"root"))


def _llama(context: Context, draws: int, first: object) -> float:
    """llama.cpp's own chain, with ``first`` before top-k."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    rest = (
        lib.llama_sampler_init_top_k(40),
        lib.llama_sampler_init_top_p(0.95, 1),
        lib.llama_sampler_init_min_p(0.05, 1),
        lib.llama_sampler_init_temp(1.0),
        lib.llama_sampler_init_dist(1),
    )
    for link in (first, *rest):
        lib.llama_sampler_chain_add(chain, link)
    taken = _median(lambda: lib.llama_sampler_sample(chain, context.handle, 2), draws)
    lib.llama_sampler_free(chain)
    return taken


def _median(draw: Callable[[], object], draws: int) -> float:
    times = []
    for _ in range(draws):
        begun = time.perf_counter()
        draw()
        times.append(1e6 * (time.perf_counter() - begun))
    return statistics.median(times)


if __name__ == "__main__":
    main()
