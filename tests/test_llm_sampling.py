"""Tokens into text that may be shown, and the settings of the samplers."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.sampling import restored_sampling, stored_sampling
from chat_app.errors import ValueflowError
from chat_app.llm.model import ChatModel
from chat_app.llm.sampling import ReplyText, Sampling


def _bytewise(model: ChatModel, text: str) -> list[int]:
    """``text`` as one token for each byte, as a model may well spell it."""
    by_byte = {model.piece(t): t for t in range(model.n_vocab) if len(model.piece(t)) == 1}
    return [by_byte[bytes([b])] for b in text.encode()]


@given(text=st.text(max_size=40))
def test_pieces_add_up_and_no_character_is_ever_half(chat_model: ChatModel, text: str) -> None:
    reply = ReplyText(chat_model)
    shown = [reply.add(token) for token in _bytewise(chat_model, text)]
    assert all("\ufffd" not in piece for piece in shown) or "\ufffd" in text
    assert "".join(shown) + reply.finish() == text == reply.text
    assert reply.settled_tokens() == tuple(reply.tokens)


def test_a_character_that_never_gets_whole_is_not_shown(chat_model: ChatModel) -> None:
    tokens = _bytewise(chat_model, "ok 🙂")[:-1]
    reply = ReplyText(chat_model)
    shown = "".join(reply.add(t) for t in tokens) + reply.finish()
    assert shown == reply.text == "ok "
    assert reply.settled_tokens() == tuple(tokens[:3])


@given(
    before=st.text(alphabet="abc日\n", max_size=12),
    after=st.text(alphabet="abc日\n", max_size=6),
    stop=st.lists(st.text(alphabet="abc日", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_stop_texts_that_straddle_tokens(
    chat_model: ChatModel, before: str, after: str, stop: list[str]
) -> None:
    text = before + stop[0] + after
    reply, shown = ReplyText(chat_model, tuple(stop)), ""
    for token in _bytewise(chat_model, text):
        shown += reply.add(token)
        if reply.stopped:
            break
    shown += reply.finish()
    assert reply.stopped
    assert shown == reply.text
    assert text.startswith(shown)
    assert not any(s in shown for s in stop)
    assert any(text[len(shown) :].startswith(s) for s in stop)
    spelt = b"".join(chat_model.piece(t) for t in reply.settled_tokens())
    assert spelt.decode() == shown


def test_stop_inside_a_token(chat_model: ChatModel) -> None:
    tokens = chat_model.tokenize("They should help their brother")
    whole = max(tokens, key=lambda t: len(chat_model.piece(t)))
    word = chat_model.piece(whole).decode()
    reply = ReplyText(chat_model, (word[2:],))
    assert reply.add(whole) == word[:2]
    assert reply.stopped
    assert reply.settled_tokens() == tuple(chat_model.tokenize(word[:2]))


def test_what_looked_like_a_stop_is_shown_after_all(chat_model: ChatModel) -> None:
    reply = ReplyText(chat_model, ("END",))
    shown = [reply.add(t) for t in _bytewise(chat_model, "THE EN")]
    assert "".join(shown) == "THE "
    assert reply.finish() == "EN"
    assert reply.text == "THE EN"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("temperature", -0.1),
        ("top_p", 1.5),
        ("min_p", -1),
        ("max_tokens", 0),
        ("temperature", math.nan),
        ("top_k", -1),
        ("top_k", 2**31),
        ("logprobs", -1),
        ("logprobs", 101),
    ],
)
def test_wrong_settings_are_named(name: str, number: float) -> None:
    with pytest.raises(ValueflowError, match=f"{name} is {number}"):
        replace(Sampling(), **{name: number})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bias", "wrong"),
    [
        (((3, math.nan),), "logit_bias of token 3 is nan"),
        (((3, math.inf),), "logit_bias of token 3 is inf"),
        (((3, 1.0), (3, 2.0)), "names a token twice"),
    ],
)
def test_a_wrong_bias_is_named(bias: tuple[tuple[int, float], ...], wrong: str) -> None:
    with pytest.raises(ValueflowError, match=wrong):
        Sampling(logit_bias=bias)


@given(
    number=st.sampled_from(["temperature", "top_p", "min_p", "repeat_penalty"]),
    value=st.floats(),
)
def test_a_number_is_taken_or_named(number: str, value: float) -> None:
    low, high = {"temperature": (0, 100), "repeat_penalty": (0.01, 100)}.get(number, (0, 1))
    if low <= value <= high:
        assert getattr(replace(Sampling(), **{number: value}), number) == value  # type: ignore[arg-type]
    else:
        with pytest.raises(ValueflowError, match=f"^{number} is .*between"):
            replace(Sampling(), **{number: value})  # type: ignore[arg-type]


_BIAS = st.floats(-1e30, 1e30) | st.just(-math.inf)
_SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0, 100),
    top_k=st.integers(0, 2**31 - 1),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
    repeat_penalty=st.floats(0.01, 100),
    seed=st.integers(0, 2**32 - 2),
    max_tokens=st.integers(1, 10**6),
    stop=st.lists(st.text(), max_size=3).map(tuple),
    grammar=st.none() | st.text(),
    logit_bias=st.dictionaries(st.integers(0, 10**6), _BIAS, max_size=4).map(
        lambda bias: tuple(bias.items())
    ),
    logprobs=st.none() | st.integers(0, 100),
)


@given(sampling=_SAMPLINGS)
def test_what_is_stored_draws_the_same_again(sampling: Sampling) -> None:
    stored = json.dumps(stored_sampling(sampling), allow_nan=False)
    assert restored_sampling(json.loads(stored), sampling.seed) == sampling


def test_what_was_stored_before_there_were_grammars() -> None:
    old = {
        "temperature": 0.5,
        "top_k": 10,
        "top_p": 0.9,
        "min_p": 0.1,
        "repeat_penalty": 1.1,
        "max_tokens": 30,
        "stop": ["END"],
    }
    wanted = Sampling(0.5, 10, 0.9, 0.1, 1.1, 7, 30, ("END",))
    assert restored_sampling(old, 7) == wanted
    assert stored_sampling(wanted) == old
