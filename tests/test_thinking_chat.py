"""A model that thinks aloud: shown apart, not measured, not read again, and continued where cut."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chat_app.chat.conversations import MessageView, open_conversation
from chat_app.chat.export import export_conversation
from chat_app.chat.replay import replay
from chat_app.chat.sampling import default_sampling
from chat_app.chat.scoring import pending_scores, score_message
from chat_app.chat.send import Delta, go_on, send
from chat_app.chat.studio import Studio
from chat_app.chat.transcript import transcript
from chat_app.chat.turns import turns_of, written_tokens
from chat_app.db.conversations import branch, tree
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from chat_app.values.profile import Profile
from tests.chat_templates import QWEN3, R1
from tests.scripted_model import write_script

THOUGHT = ["<think>", " He", " asks", " for", " money.", "</think>"]
REPLY = [" Lend", " it", " gladly!"]
KIND = Profile("kind", {"svt/benevolence": 8}, method="prompt")

Thinker = Callable[..., Studio]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scripts")
    return {
        "asked": write_script(folder / "qwen.gguf", THOUGHT, REPLY, QWEN3),
        "always": write_script(folder / "r1.gguf", THOUGHT[1:], REPLY, R1),
    }


@pytest.fixture
def thinker(scripts: dict[str, Path], shared_studio: Studio, home: Path) -> Iterator[Thinker]:
    """Makes a studio whose model thinks when it is asked to, or whenever its template lets it."""
    made: list[Studio] = []

    def make(kind: str, **given: object) -> Studio:
        studio = Studio(settings(home=home, model=str(scripts[kind]), **given))
        for part in ("vidb", "encoder", "space", "evaluator"):
            studio._parts[part] = getattr(shared_studio, part)
        made.append(studio)
        return studio

    yield make
    for studio in made:
        for part in ("vidb", "encoder", "space", "evaluator"):
            del studio._parts[part]
        studio.close()


def said(studio: Studio, talk: str | None = None, **sampling: object) -> tuple[str, MessageView]:
    """Ask, and the conversation and its new reply; the events come to what is stored."""
    drawn = default_sampling(studio.settings, seed=1, **sampling)
    events = list(send(studio, "Lend money?", KIND, conversation_id=talk, sampling=drawn))
    view = open_conversation(studio.database, talk or events[0].conversation_id)
    reply = view.messages[-1]
    assert "".join(e.text for e in events if isinstance(e, Delta)) == reply.written
    return view.id, reply


@pytest.mark.parametrize("kind", ["asked", "always"])
def test_a_thought_is_told_apart_timed_and_not_measured(thinker: Thinker, kind: str) -> None:
    studio = thinker(kind, think=True)
    talk, reply = said(studio)
    assert (reply.thought, reply.text) == ("He asks for money.", "Lend it gladly!")
    assert not reply.thinking
    assert reply.thought_s is not None
    assert reply.thought_s > 0
    (score,) = score_message(studio, reply.id)
    alone = studio.evaluator.measure("Lend it gladly!", ["svt/benevolence"])["svt/benevolence"]
    assert score.intensity == alone.intensity
    assert pending_scores(studio, talk) == []


@pytest.mark.parametrize("kind", ["asked", "always"])
def test_who_is_not_let_think_does_not(thinker: Thinker, kind: str) -> None:
    _, reply = said(thinker(kind))
    assert (reply.thought, reply.text) == (None, " Lend it gladly!")


@pytest.mark.parametrize("kind", ["asked", "always"])
def test_the_next_turn_reads_the_reply_without_the_thought(thinker: Thinker, kind: str) -> None:
    studio = thinker(kind, think=True)
    talk, first = said(studio)
    with studio.database.read() as session:
        messages = tree(session, talk)
    (asked, answered) = turns_of(studio, branch(messages, first.id), None)
    words = [studio.model.piece(token).decode() for token in answered.tokens or ()]
    # As it was drawn, but for the blank with which its first token began.
    assert words == [*"Lend", *REPLY[1:]]
    assert (asked.text, answered.text) == ("Lend money?", "Lend it gladly!")
    whole = written_tokens(studio.model, messages[-1])
    assert b"".join(map(studio.model.piece, whole)).decode() in first.written
    # The second turn is read as a new engine reads it, which knows nothing of the first.
    _, second = said(studio, talk)
    again = thinker(kind, think=True)
    _, same = said(again, talk)
    assert second.written == same.written


@pytest.mark.parametrize("kind", ["asked", "always"])
def test_a_reply_that_is_cut_while_it_thinks_goes_on(thinker: Thinker, kind: str) -> None:
    studio = thinker(kind, think=True)
    talk, cut = said(studio, max_tokens=3)
    assert cut.thinking
    assert cut.thought == "He asks" + (" for" if kind == "always" else "")
    assert cut.text == ""
    assert pending_scores(studio, talk) == []
    with pytest.raises(ValueflowError, match="still thinking"):
        score_message(studio, cut.id)
    with studio.database.read() as session:
        assert [t.role for t in turns_of(studio, branch(tree(session, talk), cut.id), None)] == [
            "user"
        ]
    assert cut.can_go_on
    list(go_on(studio, cut.id, sampling=default_sampling(studio.settings, seed=2)))
    whole = open_conversation(studio.database, talk).messages[-1]
    assert (whole.thought, whole.text) == ("He asks for money.", "Lend it gladly!")
    assert whole.written.startswith(cut.written)
    assert whole.thought_s is not None
    assert cut.thought_s is not None
    assert whole.thought_s >= cut.thought_s


def test_exports_mark_the_thought(thinker: Thinker) -> None:
    studio = thinker("asked", think=True)
    talk, _ = said(studio)
    markdown = export_conversation(studio.database, talk, "md")
    assert "*Thought before the reply, not measured:*\n\n> He asks for money." in markdown
    page = export_conversation(studio.database, talk, "html")
    assert "<summary>Thought before the reply, not measured</summary>" in page
    row = export_conversation(studio.database, talk, "csv").splitlines()[2]
    assert '"Lend it gladly!"' in row
    assert row.endswith('"He asks for money."')
    assert "<think>" not in markdown + page + row
    assert "<think>" in export_conversation(studio.database, talk, "json")


@pytest.mark.parametrize("kind", ["asked", "always"])
def test_a_talk_with_thoughts_is_made_again_from_its_transcript(
    thinker: Thinker, kind: str
) -> None:
    studio = thinker(kind, think=True)
    talk, _ = said(studio)
    said(studio, talk)
    data = transcript(studio.database, talk)
    # Whoever makes it again need not let models think: the transcript says how it was asked for.
    again = replay(thinker(kind, think=False), data)
    assert [reply.state for reply in again.replies] == ["same", "same"]
