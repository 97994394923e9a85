"""A stored conversation is all that it takes: to go on as if it had never closed, to be written
again from its seeds, to say what it could not read."""

import numpy as np
import pytest

from chat_app.chat.conversations import open_conversation
from chat_app.chat.sampling import restored_sampling
from chat_app.chat.send import Finished, send
from chat_app.chat.studio import Studio
from chat_app.chat.turns import past_vector, turns_of
from chat_app.db.conversations import branch, get_conversation, tree
from chat_app.db.tables import Message
from chat_app.llm.engine import Engine, Sampling, VectorBuffer
from chat_app.settings import settings
from chat_app.ui.chat_panel import rows
from chat_app.values.profile import Profile

PROFILES = (
    Profile("kind", {"svt/benevolence": 8, "svt/power": -4}),
    Profile("plain", {}, method="none"),
    Profile("proud", {"svt/power": 7, "svt/achievement": 5}),
)
QUESTIONS = ("Should I lend my brother money?", "And if he is late again?", "What else, then?")


def talk(studio: Studio) -> str:
    """A live conversation with three profiles."""
    conversation_id = None
    for seed, (profile, question) in enumerate(zip(PROFILES, QUESTIONS, strict=True)):
        sampling = Sampling(seed=seed, max_tokens=40)
        *_, ended = send(
            studio, question, profile, conversation_id=conversation_id, sampling=sampling
        )
        assert isinstance(ended, Finished)
        with studio.database.read() as session:
            message = session.get(Message, ended.message_id)
            assert message
            conversation_id = message.conversation_id
    assert conversation_id
    return conversation_id


def messages_of(studio: Studio, conversation_id: str) -> list[Message]:
    with studio.database.read() as session:
        conversation = get_conversation(session, conversation_id)
        return list(branch(tree(session, conversation_id), conversation.leaf_id))


@pytest.fixture
def afresh(studio: Studio) -> Studio:
    """Another run of the program on the same database: another engine, no vectors remembered."""
    other = Studio(settings(home=studio.settings.home))
    other._parts |= {k: v for k, v in studio._parts.items() if k not in ("engine", "database")}
    assert not other.past_vectors
    return other


def test_the_state_after_a_live_talk_is_that_of_the_stored_one(
    studio: Studio, afresh: Studio
) -> None:
    messages = messages_of(studio, talk(studio))
    vector = past_vector(studio, messages[1])
    asked = Message(role="user", text="Why?")

    def logits(engine: Engine, by: Studio, under: VectorBuffer | None) -> np.ndarray:
        return engine.next_logits(turns_of(by, [*messages, asked], None), vector=under)

    live = logits(studio.engine, studio, vector)
    again = logits(afresh.engine, afresh, past_vector(afresh, messages[1]))
    np.testing.assert_allclose(again, live, atol=0.2)
    # and the comparison could fail: replies that are read without their vectors, another state
    for message in messages:
        message.vector_hash = None
    plain = logits(Engine(studio.model, n_ctx=1024), studio, vector)
    assert np.abs(plain - live).max() > 0.4
    afresh.engine.close()


def test_a_stored_conversation_is_written_again_token_for_token(
    studio: Studio, afresh: Studio
) -> None:
    # In an engine of its own: beside other conversations the same numbers are added in another
    # order, which can turn a draw that was as good as undecided.
    studio._parts["engine"] = first = Engine(studio.model, n_ctx=1024)
    messages = messages_of(studio, talk(studio))
    first.close()
    afresh._parts["engine"] = Engine(studio.model, n_ctx=1024)
    for i in (1, 3, 5):
        reply = messages[i]
        assert reply.sampling is not None
        assert reply.seed is not None
        again = afresh.engine.reply(
            turns_of(afresh, messages[:i], None),
            restored_sampling(reply.sampling, reply.seed),
            vector=past_vector(afresh, reply),
        )
        assert list(again.tokens) == reply.tokens
        assert again.text == reply.text
    afresh.engine.close()


def test_a_reply_says_what_the_model_could_not_read(studio: Studio) -> None:
    studio._parts["engine"] = small = Engine(studio.model, n_ctx=128)
    conversation_id = None
    for i in range(4):
        *_, ended = send(
            studio,
            f"Question {i}: " + "should I go on with it? " * 3,
            PROFILES[1],
            conversation_id=conversation_id,
            sampling=Sampling(seed=i, max_tokens=20),
        )
        assert isinstance(ended, Finished)
        assert ended.status == "finished"
        with studio.database.read() as session:
            message = session.get(Message, ended.message_id)
            assert message
            conversation_id = message.conversation_id
    assert conversation_id
    view = open_conversation(studio.database, conversation_id)
    assert view.messages[1].dropped_turns == 0
    assert view.messages[-1].dropped_turns >= 2
    assert view.messages[-1].dropped_turns % 2 == 0
    shown = str(rows(view)[-1])
    assert f"its first {view.messages[-1].dropped_turns} messages were not read" in shown
    assert "were not read" not in str(rows(view)[1])
    small.close()
