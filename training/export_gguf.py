"""Write a trained checkpoint as the GGUF file that llama.cpp loads.

``python -m training.export_gguf --from build/chat --to models/builtin-chat.gguf``
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import quantize

from training.network import Shape
from training.tokens import CHAT_TEMPLATE, END, PAD, SPECIALS, START

NAMES = {
    "attn_norm": "attn_norm", "ffn_norm": "ffn_norm", "o": "attn_output", "down": "ffn_down",
}  # fmt: skip


def tensors(state: dict[str, torch.Tensor], shape: Shape) -> dict[str, np.ndarray]:
    """llama.cpp's names for the weights; the fused matrices come apart."""
    head = shape.width // shape.heads
    sizes = (shape.heads * head, shape.kv_heads * head, shape.kv_heads * head)
    out = {"token_embd": state["embed.weight"], "output_norm": state["norm.weight"]}
    for i in range(shape.layers):
        block = {k.split(".")[2]: v for k, v in state.items() if k.startswith(f"blocks.{i}.")}
        for ours, theirs in NAMES.items():
            out[f"blk.{i}.{theirs}"] = block[ours]
        for name, w in zip(("attn_q", "attn_k", "attn_v"), block["qkv"].split(sizes), strict=True):
            out[f"blk.{i}.{name}"] = w
        out[f"blk.{i}.ffn_gate"], out[f"blk.{i}.ffn_up"] = block["gate_up"].chunk(2)
    return {f"{k}.weight": v.float().numpy() for k, v in out.items()}


def write(state: dict[str, torch.Tensor], shape: Shape, tokenizer: dict, path: Path) -> None:
    """Q8_0 for matrices, float32 for norms; tokenizer and ChatML template in the file."""
    w = gguf.GGUFWriter(path, "llama")
    w.add_name("Valueflow built-in chat")
    w.add_description("A very small chat model, made to show value steering.")
    w.add_license("mit")
    w.add_context_length(shape.context)
    w.add_embedding_length(shape.width)
    w.add_block_count(shape.layers)
    w.add_feed_forward_length(shape.hidden)
    w.add_head_count(shape.heads)
    w.add_head_count_kv(shape.kv_heads)
    w.add_layer_norm_rms_eps(shape.eps)
    w.add_rope_freq_base(shape.rope_base)
    w.add_rope_dimension_count(shape.width // shape.heads)
    w.add_vocab_size(shape.vocab)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    vocab = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    merges = tokenizer["model"]["merges"]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(vocab)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    w.add_token_types([control if t in SPECIALS else normal for t in vocab])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    w.add_bos_token_id(START)
    w.add_eos_token_id(END)
    w.add_pad_token_id(PAD)
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT_TEMPLATE)
    for name, data in tensors(state, shape).items():
        if data.ndim == 1:
            w.add_tensor(name, data)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(name, quantize(data, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--from", dest="source", type=Path, default=Path("build/chat"))
    ap.add_argument("--to", type=Path, default=Path("models/builtin-chat.gguf"))
    args = ap.parse_args()
    saved = torch.load(args.source / "checkpoint.pt")
    tokenizer = json.loads((args.source / "tokenizer.json").read_text("utf-8"))
    write(saved["model"], Shape(**saved["shape"]), tokenizer, args.to)
    print(f"{args.to}: {args.to.stat().st_size / 1e6:.1f} MB after {saved['done']}")


if __name__ == "__main__":
    main()
