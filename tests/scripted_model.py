"""A model that says what a test has written for it, through the real llama.cpp.

A Llama whose attention and feed-forward weights are zero knows of a text only its last token. With
one-hot embeddings, its output matrix is then a list of which token follows which.
"""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np

from tests.random_models import byte_letters

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# What the tests' templates end a prompt with: an open reply, or an empty thought.
_OPENED, _SHUT = "Ċ", "ĊĊ"


def write_script(path: Path, thought: Sequence[str], reply: Sequence[str], template: str) -> Path:
    """Write a model to ``path`` that answers a prompt which ends with one newline by the words of
    ``thought`` and then of ``reply``, and one which ends with two by ``reply`` alone.

    The words stand in the vocabulary as they are, tags among them: all different, none a letter.
    """
    words = [*thought, *reply]
    assert len(set(words)) == len(words)
    assert all(len(word) > 1 for word in words)
    tokens = [*byte_letters(), _SHUT, *words, *_SPECIAL]
    kinds = [gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.USER_DEFINED] * len(words)
    kinds += [gguf.TokenType.CONTROL] * len(_SPECIAL)
    place = {token: i for i, token in enumerate(tokens)}
    follows = {place[a]: place[b] for a, b in zip(words, [*words[1:], "<|im_end|>"], strict=True)}
    follows[place[_OPENED]], follows[place[_SHUT]] = place[words[0]], place[reply[0]]

    n_vocab, n_layer, n_head = len(tokens), 3, 4
    n_embd = -(-n_vocab // 32) * 32
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("scripted")
    writer.add_context_length(2048)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(n_embd)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(n_embd // n_head)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["Ċ Ċ"])
    writer.add_bos_token_id(place["<|endoftext|>"])
    writer.add_eos_token_id(place["<|im_end|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)

    one_hot = np.eye(n_vocab, n_embd, dtype=np.float32)
    output = np.zeros((n_vocab, n_embd), np.float32)
    for token, after in follows.items():
        output[after, token] = 4.0  # a logit of some 70, where all others have 0
    writer.add_tensor("token_embd.weight", one_hot)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(n_embd, np.float32))
    nothing = np.zeros((n_embd, n_embd), np.float32)
    for layer in range(n_layer):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(n_embd, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            writer.add_tensor(f"blk.{layer}.{part}.weight", nothing)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
