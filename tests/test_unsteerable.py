"""A model that llama.cpp puts no control vector into: what a person hears of it, and where."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chat_app.chat.conversations import open_conversation
from chat_app.chat.once import reply_once
from chat_app.chat.send import Finished, Started, send
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling
from chat_app.settings import settings
from chat_app.steering.control_vector import ControlVector
from chat_app.values.profile import Profile
from tests.random_models import write_plamo2

KIND = Profile("kind", {"svt/benevolence": 8})
QUESTION = "Should I lend my brother money?"
SHORT = Sampling(seed=3, max_tokens=4)


@pytest.fixture
def studio(home: Path, tmp_path: Path) -> Iterator[Studio]:
    opened = Studio(settings(home=home, model=str(write_plamo2(tmp_path / "plamo2.gguf"))))
    yield opened
    opened.close()


def test_the_page_says_it_under_the_reply(studio: Studio) -> None:
    started, *_, ended = send(studio, QUESTION, KIND, sampling=SHORT)
    assert isinstance(started, Started)
    assert isinstance(ended, Finished)
    (note,) = started.notes
    assert "plamo2 (plamo2) takes no control vectors" in note
    *_, reply = open_conversation(studio.database, started.conversation_id).messages
    assert reply.notes == (note,)
    assert ended.status == "finished"


def test_a_single_reply_says_it(studio: Studio) -> None:
    once = reply_once(studio, QUESTION, KIND, SHORT)
    assert once.vector is None
    assert any("takes no control vectors" in note for note in once.composition.notes)


def test_an_imported_vector_is_refused(studio: Studio) -> None:
    info = studio.model.info
    vector = ControlVector(
        info.architecture, info.n_layer, info.n_embd, {1: np.ones(info.n_embd, np.float32)}
    )
    with pytest.raises(ValueflowError, match="so the vector would change nothing"):
        reply_once(studio, QUESTION, Profile("plain", {}, method="none"), SHORT, extra=vector)


def test_it_still_chats_by_prompt(studio: Studio) -> None:
    prompted = Profile("kind", {"svt/benevolence": 8}, method="prompt")
    once = reply_once(studio, QUESTION, prompted, SHORT)
    assert once.composition.system_prompt
    assert once.composition.notes == ()
