"""The encoder for any text, ``--hives general``, on the fifth of VIDB that it was kept from."""

import pytest

from chat_app.evaluation.agreement import Agreement, baseline, compare, encoder_contender
from chat_app.hives.dataset import from_anchors, held_out
from chat_app.hives.encoder import Encoder, load_encoder
from chat_app.hives.saving import folder_bytes
from chat_app.settings import data_path
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import load_vidb


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("general")


def test_it_is_small_and_says_what_it_was_kept_from(encoder: Encoder) -> None:
    assert folder_bytes(data_path("models", "hives-general")) < 25e6
    assert encoder.dim == 256
    assert encoder.held_out == 0.2
    assert load_encoder("builtin").held_out == 0.0


def test_its_head_knows_all_values_and_the_other_encoder_has_none(encoder: Encoder) -> None:
    assert encoder.head is not None
    assert set(encoder.head.values) == set(STEERED)
    assert load_encoder("builtin").head is None


def test_it_reads_texts_that_it_never_saw(encoder: Encoder) -> None:
    texts = from_anchors(load_vidb().anchors)
    asked = [t for t in texts if held_out(t.text, encoder.held_out)]
    known = [t for t in texts if not held_out(t.text, encoder.held_out)]
    general, words = compare([encoder_contender(encoder), baseline("tfidf", known)], known, asked)
    assert isinstance(general, Agreement)
    assert general.mean > 0.5
    assert general.sign_accuracy > 0.7
    assert words.mean < 0.2
