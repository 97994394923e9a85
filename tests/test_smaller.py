"""Cutting a smaller encoder out of a larger one."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from chat_app.hives.scratch import train_tokenizer, untrained_encoder
from training.smaller import cut_out

TEXTS = [
    "She never lets a friend move house alone.",
    "Take your shoes off before the shrine.",
    "He would rather be hated than forgotten.",
    "Rules are rules, and a promise is a promise.",
] * 5


@pytest.fixture(scope="module")
def large() -> SentenceTransformer:
    torch.manual_seed(3)
    tokenizer = train_tokenizer([*TEXTS, "quixotic zebras jumped vexingly"] * 3, 120)
    return untrained_encoder(tokenizer, dim=32, layers=4, heads=4, inner=48)


def pieces(model: SentenceTransformer, text: str) -> list[str]:
    return model.tokenizer.convert_ids_to_tokens(model.tokenizer(text)["input_ids"])


def test_all_of_it_is_the_same_encoder(large: SentenceTransformer):
    size = len(large.tokenizer)
    whole = cut_out(large, TEXTS, pieces=size, layers=range(4), inner=48)
    np.testing.assert_allclose(whole.encode(TEXTS[:4]), large.encode(TEXTS[:4]), atol=1e-5)


def test_layers_are_taken_by_their_number(large: SentenceTransformer):
    small = cut_out(large, TEXTS, pieces=len(large.tokenizer), layers=(0, 3), inner=48)
    mine, theirs = small[0].auto_model.encoder.layer, large[0].auto_model.encoder.layer
    assert len(mine) == 2
    for layer, number in zip(mine, (0, 3), strict=True):
        want = theirs[number].attention.self.query.weight
        assert torch.equal(layer.attention.self.query.weight, want)


def test_fewer_pieces_are_the_frequent_ones_and_any_word_can_be_spelled(
    large: SentenceTransformer,
):
    small = cut_out(large, TEXTS, pieces=85, layers=(0, 3), inner=48)
    assert len(small.tokenizer) == 85 < len(large.tokenizer)
    for piece, row in small.tokenizer.get_vocab().items():
        old = large.tokenizer.get_vocab()[piece]
        tables = [m[0].auto_model.embeddings.word_embeddings.weight[i]
                  for m, i in ((small, row), (large, old))]  # fmt: skip
        if piece != "[PAD]":
            assert torch.equal(*tables)
    found = pieces(small, "quixotic zebras")
    assert found[0] == "[CLS]"
    assert found[-1] == "[SEP]"
    assert "[UNK]" not in found


def test_the_inner_units_that_weigh_most_stay(large: SentenceTransformer):
    layer = large[0].auto_model.encoder.layer[0]
    with torch.no_grad():
        layer.output.dense.weight[:, 10:20] = 0
    small = cut_out(large, TEXTS, pieces=len(large.tokenizer), layers=range(4), inner=38)
    kept = small[0].auto_model.encoder.layer[0].output.dense.weight
    gone = [i for i in range(48) if not 10 <= i < 20]
    assert torch.equal(kept, layer.output.dense.weight[:, gone])
