"""The built-in model's tokenizer and the ChatML layout of a dialogue in tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.dialogues import Part

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PAD, START, END = 0, 1, 2

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-level BPE as GPT-2's, so that llama.cpp's ``gpt-2`` pre-tokenizer matches it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[AddedToken(s, special=True) for s in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Read ``tokenizer.json``."""
    return Tokenizer.from_file(str(path))


@dataclass(frozen=True)
class Tokens:
    """A dialogue in tokens. ``segment[i]`` is the index of the reply that position i belongs to
    (its tokens, its end mark and the one token before it: where llama.cpp adds the vector), or
    -1; ``target[i]`` says whether token i is one that the model has to predict."""

    ids: list[int]
    segment: list[int]
    target: list[bool]
    replies: list[Part]


def encode_dialogue(tokenizer: Tokenizer, parts: Sequence[Part]) -> Tokens:
    """ChatML, as CHAT_TEMPLATE renders it."""
    ids: list[int] = []
    segment: list[int] = []
    target: list[bool] = []
    replies: list[Part] = []
    newline = tokenizer.token_to_id("Ċ")

    def put(tokens: list[int], reply: int = -1, learn: bool = False) -> None:
        ids.extend(tokens)
        segment.extend([reply] * len(tokens))
        target.extend([learn] * len(tokens))

    for part in parts:
        put([START, *tokenizer.encode(part.role + "\n").ids])
        text = tokenizer.encode(part.text).ids
        if part.role == "assistant":
            segment[-1] = len(replies)
            put([*text, END], len(replies), True)
            replies.append(part)
        else:
            put([*text, END])
        put([newline])
    return Tokens(ids, segment, target, replies)
