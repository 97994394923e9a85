"""Tokens into text that may be shown, and the settings of the samplers."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    ],
)
def test_wrong_settings_are_named(name: str, number: float) -> None:
    with pytest.raises(ValueflowError, match=f"{name} is {number}"):
        replace(Sampling(), **{name: number})  # type: ignore[arg-type]
