"""Random models of the families that people use, each in its own real layout.

The tensors, metadata, special tokens and kind of chat template of Llama 3, Qwen3 and Gemma 3, a
few hundred kilobytes each, so that llama.cpp takes the same paths as with the real ones.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np

from tests.random_models import byte_letters

# In the manner of Llama 3's: a header for each role, the first token's name written by hand.
LLAMA3 = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{%- endif %}"
)
# In the manner of Qwen3's: thoughts of replies before the last question are left out, and without
# thinking the reply is opened with an empty thought.
QWEN3 = """
{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set place = namespace(last_question=0) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}{%- set place.last_question = loop.index0 %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {%- set content, thought = message.content, '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > place.last_question and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""
_GEMMA_TURNS = (
    "{%- for message in messages[first:] -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant') }}"
    "{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else '') }}"
    "{{ message['content'] | trim }}{{ '<end_of_turn>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)
# In the manner of Gemma 2's, which knows no system role and says so.
GEMMA_WITHOUT_SYSTEM = (
    "{{ bos_token }}{%- set first, prefix = 0, '' -%}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{{ raise_exception('System role not supported') }}"
    "{%- endif -%}" + _GEMMA_TURNS
)
# In the manner of Gemma 3's: a system text goes before the first question.
GEMMA3 = (
    "{{ bos_token }}{%- set first, prefix = 0, '' -%}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first, prefix = 1, messages[0]['content'] + '\\n\\n' -%}"
    "{%- endif -%}" + _GEMMA_TURNS
)

_KIND = gguf.TokenType


class _Random:
    """Random weights of one file, drawn in the order in which they are asked for."""

    def __init__(self, writer: gguf.GGUFWriter, seed: int) -> None:
        self.writer, self.draw = writer, np.random.default_rng(seed)

    def weight(self, name: str, rows: int, columns: int) -> None:
        values = self.draw.normal(0.0, 0.3, (rows, columns)) / np.sqrt(columns / 64)
        self.writer.add_tensor(f"{name}.weight", values.astype(np.float16))

    def norm(self, name: str, length: int) -> None:
        self.writer.add_tensor(f"{name}.weight", np.ones(length, np.float32))


def write_llama3(
    path: Path, *, seed: int = 0, template: str | None = LLAMA3, tensors_a_part: int = 0
) -> Path:
    """A random Llama 3: grouped heads, its own output, a header for each role.

    ``tensors_a_part``: where not 0, the model comes in parts beside ``path``,
    NAME-00001-of-00002.gguf and so on; the first one's path is returned.
    """
    special = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
               "<|end_header_id|>", "<|eot_id|>")  # fmt: skip
    return _write(
        path, "llama", seed, template,
        vocabulary=lambda w: _byte_pairs(w, "llama-bpe", special, bos=0, eos=4),
        licence="llama3.2", name="Tiny Llama", own_output=True, tensors_a_part=tensors_a_part,
    )  # fmt: skip


def write_qwen3(path: Path, *, seed: int = 0, template: str | None = QWEN3) -> Path:
    """A random Qwen3: normalised queries and keys, heads of their own width, thoughts."""
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    return _write(
        path, "qwen3", seed, template,
        vocabulary=lambda w: _byte_pairs(w, "qwen2", special, eos=2, plain=("<think>", "</think>")),
        licence="apache-2.0", name="Tiny Qwen3", norms=("attn_q_norm", "attn_k_norm"),
    )  # fmt: skip


def write_gemma3(path: Path, *, seed: int = 0, template: str | None = GEMMA3) -> Path:
    """A random Gemma 3: five of its six layers look back over a window of 64 tokens only."""
    return _write(
        path, "gemma3", seed, template,
        vocabulary=_pieces, licence="gemma", name="Tiny Gemma 3", n_layer=6, window=64,
        norms=("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm"),
    )  # fmt: skip


def _write(
    path: Path,
    architecture: str,
    seed: int,
    template: str | None,
    *,
    vocabulary: Callable[[gguf.GGUFWriter], int],
    name: str,
    licence: str,
    n_layer: int = 3,
    window: int | None = None,
    norms: Sequence[str] = (),
    own_output: bool = False,
    tensors_a_part: int = 0,
) -> Path:
    """``norms``: what a layer normalises beside its input and that of its feed-forward part."""
    n_embd, n_head, n_head_kv, head, n_ff = 64, 4, 2, 32, 128
    if architecture == "llama":
        head = n_embd // n_head
    writer = gguf.GGUFWriter(str(path), architecture, split_max_tensors=tensors_a_part)
    writer.add_name(name)
    writer.add_license(licence)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(4096)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layer)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head_kv)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    if architecture == "llama":
        writer.add_rope_dimension_count(head)
    else:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if window:
        writer.add_sliding_window(window)
    n_vocab = vocabulary(writer)
    if template is not None:
        writer.add_chat_template(template)

    random = _Random(writer, seed)
    random.weight("token_embd", n_vocab, n_embd)
    random.norm("output_norm", n_embd)
    if own_output:
        random.weight("output", n_vocab, n_embd)
    for layer in range(n_layer):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm", *norms):
            random.norm(f"{block}.{norm}", head if norm in _OF_HEADS else n_embd)
        random.weight(f"{block}.attn_q", n_head * head, n_embd)
        random.weight(f"{block}.attn_k", n_head_kv * head, n_embd)
        random.weight(f"{block}.attn_v", n_head_kv * head, n_embd)
        random.weight(f"{block}.attn_output", n_embd, n_head * head)
        random.weight(f"{block}.ffn_gate", n_ff, n_embd)
        random.weight(f"{block}.ffn_up", n_ff, n_embd)
        random.weight(f"{block}.ffn_down", n_embd, n_ff)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path if path.is_file() else sorted(path.parent.glob(f"{path.stem}-*.gguf"))[0]


_OF_HEADS = ("attn_q_norm", "attn_k_norm")


def _byte_pairs(
    writer: gguf.GGUFWriter,
    splitting: str,
    special: Sequence[str],
    *,
    eos: int,
    bos: int | None = None,
    plain: Sequence[str] = (),
) -> int:
    """A byte-level vocabulary; ``bos``, ``eos``: their places in ``special``. ``plain``: tokens
    that are part of a reply's text."""
    letters, merges = byte_letters(), ["t h", "th e", "i n"]
    words = [*letters, *(merge.replace(" ", "") for merge in merges)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(splitting)
    writer.add_token_list([*words, *special, *plain])
    writer.add_token_types(
        [_KIND.NORMAL] * len(words)
        + [_KIND.CONTROL] * len(special)
        + [_KIND.USER_DEFINED] * len(plain)
    )
    writer.add_token_merges(merges)
    writer.add_bos_token_id(len(words) + (bos or 0))
    writer.add_eos_token_id(len(words) + eos)
    writer.add_add_bos_token(bos is not None)
    return len(words) + len(special) + len(plain)


def _pieces(writer: gguf.GGUFWriter) -> int:
    """A SentencePiece vocabulary with Gemma's special tokens."""
    control = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    letters = ["\n", "▁", *(chr(c) for c in range(33, 127))]
    joined = [f"▁{letter}" for letter in letters if letter.isalpha()]
    tokens = [*control, "<unk>", *bytes_, *letters, *joined]
    kinds = [_KIND.CONTROL] * len(control) + [_KIND.UNKNOWN] + [_KIND.BYTE] * 256
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds + [_KIND.NORMAL] * (len(tokens) - len(kinds)))
    writer.add_token_scores([-float(len(token) == 1) for token in tokens])
    writer.add_bos_token_id(tokens.index("<bos>"))
    writer.add_eos_token_id(tokens.index("<end_of_turn>"))
    writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    return len(tokens)
