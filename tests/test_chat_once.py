"""A reply without a conversation: nothing of it is stored."""

import pytest

from chat_app.chat.conversations import (
    list_conversations,
)
from chat_app.chat.once import reply_once
from chat_app.chat.send import send
from chat_app.errors import ValueflowError
from tests.chat_turns import KIND, PLAIN, QUESTION, SHORT
from tests.conftest import forget


def test_it_answers_and_stores_nothing(studio):
    told: list[str] = []
    once = reply_once(studio, QUESTION, KIND, SHORT, on_text=told.append)
    assert "".join(told) == once.reply.text
    assert once.sampling == SHORT
    assert once.vector == once.composition.vector
    assert list_conversations(studio.database) == []


def test_it_is_the_reply_that_the_chat_gives(studio):
    *_, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    forget(studio.engine)
    assert reply_once(studio, QUESTION, KIND, SHORT).reply.text == ended.reply.text


def test_an_extra_vector_is_added(studio):
    extra = 0.25 * studio.directions["svt/hedonism"]
    once = reply_once(studio, QUESTION, KIND, SHORT, extra=extra)
    assert once.vector == once.composition.vector + extra
    assert reply_once(studio, QUESTION, PLAIN, SHORT, extra=extra).vector == extra


def test_an_empty_text_is_refused(studio):
    with pytest.raises(ValueflowError, match="empty"):
        reply_once(studio, " ", KIND)
