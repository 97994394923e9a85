"""Another model while the program runs: the page stays, what is being written is kept."""

from pathlib import Path

import pytest

from chat_app.chat.conversations import open_conversation
from chat_app.chat.send import Finished, Started, send
from chat_app.chat.studio import Studio
from chat_app.db.conversations import tree
from chat_app.llm.engine import Sampling
from chat_app.llm.model import ModelError
from chat_app.values.profile import Profile

PLAIN = Profile("plain", {}, method="none")
KIND = Profile("kind", {"svt/benevolence": 8})
LONG = Sampling(seed=1, max_tokens=200, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0)


@pytest.fixture
def own(studio: Studio) -> Studio:
    """A studio whose engine is its own, since it will be closed."""
    del studio._parts["engine"]
    return studio


def ask(studio: Studio, profile: Profile, conversation_id: str | None = None) -> Finished:
    *_, ended = send(
        studio,
        "Should I go?",
        profile,
        conversation_id=conversation_id,
        sampling=Sampling(seed=2, max_tokens=20),
    )
    assert isinstance(ended, Finished)
    return ended


def test_the_conversation_goes_on_with_the_other_model(
    own: Studio, random_model_path: Path
) -> None:
    started, *_ = send(own, "Should I go?", KIND, sampling=Sampling(seed=1, max_tokens=20))
    assert isinstance(started, Started)
    own.use_model(str(random_model_path))
    assert own.model.info.path == random_model_path
    assert own.settings.encoder() == "general"  # the other encoder was for the built-in model
    ended = ask(own, KIND, started.conversation_id)
    assert ended.status == "finished", ended.error
    with own.database.read() as session:
        stored = tree(session, started.conversation_id)
        names = {m.model_name for m in stored if m.role == "assistant"}
    assert names == {"builtin-chat", random_model_path.stem}
    own.use_model("builtin")
    assert ask(own, KIND, started.conversation_id).status == "finished"
    own.engine.close()


def test_a_reply_that_is_being_written_is_kept_as_stopped(
    own: Studio, random_model_path: Path
) -> None:
    turn = send(own, "Should I go?", PLAIN, sampling=LONG)
    events = [next(turn) for _ in range(4)]
    own.use_model(str(random_model_path))
    ended = list(turn)[-1]
    assert isinstance(ended, Finished)
    assert ended.status == "stopped"
    assert isinstance(events[0], Started)
    (_, reply) = open_conversation(own.database, events[0].conversation_id).messages
    assert reply.text
    assert reply.status == "stopped"
    own.engine.close()


def test_a_model_that_cannot_be_loaded_changes_nothing(own: Studio, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF or not")
    model = own.model
    with pytest.raises(ModelError):
        own.use_model(str(wrong))
    assert own.model is model
    assert ask(own, PLAIN).status == "finished"
    own.engine.close()
