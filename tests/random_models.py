"""Random models and vectors, for tests that need another model than the built-in one."""

from pathlib import Path
from typing import Literal

import gguf
import numpy as np

from chat_app.llm.engine import VectorBuffer
from chat_app.llm.model import ChatModel

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_letters() -> list[str]:
    """The 256 printable letters with which GPT-2's byte-level BPE spells bytes 0 to 255."""
    kept = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(moved)) for b in range(256)]


def _add_vocabulary(writer: gguf.GGUFWriter) -> int:
    letters = byte_letters()
    merges = ["t h", "th e", "i n"]
    tokens = [*letters, *(m.replace(" ", "") for m in merges), *_SPECIAL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 3) + [gguf.TokenType.CONTROL] * 3
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(len(tokens) - 3)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    return len(tokens)


def _add_pieces(writer: gguf.GGUFWriter, apart: bool) -> int:
    """A SentencePiece vocabulary; ``apart``: a blank before a digit is a token of its own."""
    kind = gguf.TokenType
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    letters = [chr(c) for c in range(33, 127)]
    joined = [f"▁{c}" for c in letters if c.isalpha() or (c.isdigit() and not apart)]
    named = ["<unk>", "<s>", "</s>", *_SPECIAL]
    tokens = [*named, *bytes_, "▁", *letters, *joined]
    kinds = [kind.UNKNOWN, *[kind.CONTROL] * (len(named) - 1), *[kind.BYTE] * 256]
    kinds += [kind.NORMAL] * (len(tokens) - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_scores([-float(len(t) == 1) for t in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    return len(tokens)


def write_llama(
    path: Path,
    *,
    n_embd: int = 64,
    n_layer: int = 4,
    seed: int = 0,
    template: str | None = CHATML,
    architecture: str = "llama",
    vocabulary: bool | Literal["pieces", "pieces apart"] = True,
    scale: float = 0.3,
) -> Path:
    """Write a random Llama of ``n_layer`` layers, to ``path``.

    ``vocabulary``: byte-level, none (False), or SentencePiece's, with or without pieces that join
    a blank and a digit.
    """
    n_head, n_ff = 4, 2 * n_embd
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name("random")
    writer.add_context_length(2048)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(n_embd // n_head)
    if isinstance(vocabulary, str):
        n_vocab = _add_pieces(writer, apart=vocabulary == "pieces apart")
    else:
        n_vocab = _add_vocabulary(writer) if vocabulary else 262
    if template is not None:
        writer.add_chat_template(template)

    rng = np.random.default_rng(seed)

    def weight(name: str, *shape: int) -> None:
        values = rng.normal(0.0, scale, shape) / np.sqrt(shape[-1] / 64)
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    weight("token_embd", n_vocab, n_embd)
    writer.add_tensor("output_norm.weight", np.ones(n_embd, np.float32))
    for layer in range(n_layer):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(n_embd, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight(f"blk.{layer}.{part}", n_embd, n_embd)
        weight(f"blk.{layer}.ffn_gate", n_ff, n_embd)
        weight(f"blk.{layer}.ffn_up", n_ff, n_embd)
        weight(f"blk.{layer}.ffn_down", n_embd, n_ff)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_mamba(path: Path, *, n_embd: int = 64, n_layer: int = 3, seed: int = 0) -> Path:
    """Write a random recurrent model, which cannot forget its last tokens, to ``path``."""
    inner, state, rank, kernel = 2 * n_embd, 16, 8, 4
    writer = gguf.GGUFWriter(str(path), "mamba")
    writer.add_context_length(2048)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    n_vocab = _add_vocabulary(writer)
    writer.add_chat_template(CHATML)
    rng = np.random.default_rng(seed)

    def add(name: str, values: np.ndarray) -> None:
        writer.add_tensor(name, values.astype(np.float32))

    add("token_embd.weight", rng.normal(0, 0.3, (n_vocab, n_embd)))
    add("output_norm.weight", np.ones(n_embd))
    shapes = {
        "ssm_in.weight": (2 * inner, n_embd),
        "ssm_conv1d.weight": (inner, kernel),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (rank + 2 * state, inner),
        "ssm_dt.weight": (inner, rank),
        "ssm_dt.bias": (inner,),
        "ssm_d": (inner,),
        "ssm_out.weight": (n_embd, inner),
    }
    for layer in range(n_layer):
        add(f"blk.{layer}.attn_norm.weight", np.ones(n_embd))
        add(f"blk.{layer}.ssm_a", -np.exp(rng.normal(0, 0.3, (inner, state))))
        for name, shape in shapes.items():
            add(f"blk.{layer}.{name}", rng.normal(0, 0.3, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_plamo2(path: Path, *, n_embd: int = 64, seed: int = 0) -> Path:
    """Write a random PLaMo 2 of a recurrent layer and one of attention, to ``path``.

    llama.cpp's graph of it has no place for a control vector.
    """
    n_head, inner, state, kernel, step = 4, 2 * n_embd, 16, 4, 64
    head, n_ff, heads_of = n_embd // n_head, 2 * n_embd, [0, n_head]
    writer = gguf.GGUFWriter(str(path), "plamo2")
    writer.add_context_length(2048)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(len(heads_of))
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(heads_of)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(n_head)
    writer.add_ssm_group_count(0)
    n_vocab = _add_vocabulary(writer)
    writer.add_chat_template(CHATML)
    rng = np.random.default_rng(seed)

    def add(name: str, *shape: int, norm: bool = False) -> None:
        values = np.ones(shape) if norm else rng.normal(0, 0.3, shape)
        writer.add_tensor(name, values.astype(np.float32))

    add("token_embd.weight", n_vocab, n_embd)
    add("output_norm.weight", n_embd, norm=True)
    for layer, heads in enumerate(heads_of):
        block = f"blk.{layer}"
        if heads:
            add(f"{block}.attn_qkv.weight", 3 * n_embd, n_embd)
            add(f"{block}.attn_q_norm.weight", n_head, head, norm=True)
            add(f"{block}.attn_k_norm.weight", n_head, head, norm=True)
            add(f"{block}.attn_output.weight", n_embd, n_embd)
        else:
            add(f"{block}.ssm_in.weight", 2 * inner, n_embd)
            add(f"{block}.ssm_conv1d.weight", inner, kernel)
            add(f"{block}.ssm_x.weight", step + 2 * state, inner)
            add(f"{block}.ssm_dt.weight", n_head, step)
            add(f"{block}.ssm_dt.bias", n_head)
            writer.add_tensor(f"{block}.ssm_a", -np.ones(n_head, np.float32))
            add(f"{block}.ssm_d", n_head)
            add(f"{block}.ssm_out.weight", n_embd, inner)
            add(f"{block}.ssm_dt_norm", step, norm=True)
            add(f"{block}.ssm_b_norm", state, norm=True)
            add(f"{block}.ssm_c_norm", state, norm=True)
        for name in ("attn_norm.weight", "ffn_norm.weight"):
            add(f"{block}.{name}", n_embd, norm=True)
        for name in ("post_attention_norm", "post_ffw_norm"):
            add(f"{block}.{name}", n_embd, norm=True)
        add(f"{block}.ffn_up.weight", 2 * n_ff, n_embd)
        add(f"{block}.ffn_down.weight", n_embd, n_ff)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_vector(model: ChatModel, seed: int, scale: float = 1.0) -> VectorBuffer:
    """A control vector of normal numbers on all layers but the last."""
    rng = np.random.default_rng(seed)
    data = rng.normal(0, scale, (model.n_layer - 1, model.n_embd)).astype(np.float32)
    return VectorBuffer(data, 1, model.n_layer - 2, f"random-{seed}-{scale}")


def write_babbler(path: Path) -> Path:
    """A model that finds no end: the built-in model's own replies are over before a test can
    press a button or a key."""
    model = write_llama(path, n_embd=512, n_layer=8)
    # The control tokens, the end among them, get no weight: others are always likelier.
    for tensor in gguf.GGUFReader(model, "r+").tensors:
        if tensor.name == "token_embd.weight":
            tensor.data[-3:] = 0
    return model
