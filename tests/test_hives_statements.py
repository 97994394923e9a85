"""The statements that the built-in encoder is trained on, and the frames around acts and names."""

import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.hives.dataset import read_texts
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import load_vidb
from training.hives_pool import pool
from training.hives_statements import APPROVE, CARE, MILD, MIND, REJECT, framed, named, statements
from training.hives_texts import Composer, read_corpus

ROWS = read_corpus("statements.jsonl")


def test_every_statement_has_a_value_a_level_and_words():
    assert {row["value"] for row in ROWS} == set(STEERED)
    assert {row["level"] for row in ROWS} == {-2, -1, 0, 1, 2}
    assert {row["kind"] for row in ROWS} == {"act", "name", "text"}
    assert all(row["text"] == row["text"].strip() != "" for row in ROWS)
    assert min(Counter(row["value"] for row in ROWS).values()) >= 500
    assert max(Counter((row["value"], row["text"].lower()) for row in ROWS).values()) == 1


def folded(texts: Iterable[str]) -> set[str]:
    return {re.sub(r"\W+", " ", text.lower()).strip() for text in texts}


def test_no_text_that_is_measured_on_is_among_them():
    ours = folded(row["text"] for row in ROWS)
    assert not ours & folded(load_vidb().texts)
    excerpt = Path(__file__).parents[2] / "shared" / "reference" / "vidb_excerpt.csv"
    if not excerpt.is_file():
        pytest.skip("the published excerpt is not beside this checkout")
    assert not ours & folded(text.text for text in read_texts(excerpt))


@given(st.integers(0, 2**32), st.sampled_from([9.3, 5.6, -5.5, -9.1]))
def test_a_frame_says_for_or_against_what_stands_in_it(seed, intensity):
    for turned, approve, reject in ((framed, APPROVE, REJECT), (named, CARE, MIND)):
        text, said = turned("fly kites", intensity, random.Random(seed))
        frame = re.sub("(?i)fly kites", "{act}", re.sub("(?i)flying kites", "{doing}", text))
        frame = frame.rstrip(".")
        frames = {f for f in (*approve, *reject) if f.rstrip(".").lower() == frame.lower()}
        assert "kites" not in frame
        assert abs(said) in (abs(intensity), abs(intensity) / 2)
        if frames & set(reject):
            assert said * intensity < 0
        elif frames:
            assert said * intensity > 0
        assert (abs(said) < abs(intensity)) == bool(frames & MILD)


def test_every_name_is_shown_alone():
    texts = Counter(example.text.lower().rstrip(".") for example in statements(random.Random(3)))
    names = {row["text"].lower() for row in ROWS if row["kind"] == "name"}
    assert names <= set(texts)


def test_one_draw_holds_every_statement_and_both_signs_of_every_value():
    drawn = pool(Composer(random.Random(2)), load_vidb().anchors[:40])
    texts = {example.text for example in drawn}
    assert {row["text"] for row in ROWS if row["kind"] == "text"} <= texts
    signs = {(v, t > 0) for example in drawn for v, t in example.targets.items() if t}
    assert signs == {(value, sign) for value in STEERED for sign in (True, False)}
