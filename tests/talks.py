"""Conversations written straight into a database, for tests that need no model."""

from chat_app.chat.rows import add_question, open_reply
from chat_app.db.conversations import get_conversation, get_message
from chat_app.db.database import Database
from chat_app.db.tables import Conversation, Score, new_id
from chat_app.llm.engine import Reply
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8, "svt/power": -4})


def new_talk(database: Database, title: str = "A talk") -> str:
    with database.write() as session:
        conversation = Conversation(id=new_id(), title=title)
        session.add(conversation)
        return conversation.id


def say(
    database: Database,
    conversation_id: str,
    text: str,
    answer: str,
    *,
    profile: Profile = KIND,
    parent: str | None = None,
    finished: bool = True,
) -> tuple[str, str]:
    """A question and its reply at the end of the conversation; their ids."""
    with database.write() as session:
        conversation = get_conversation(session, conversation_id)
        question = add_question(
            session, conversation, parent or conversation.leaf_id, text, profile
        )
        row = open_reply(database, session, conversation, question, profile)
    if not finished:
        row.grow(answer)
        return question.id, row.message_id
    with row:
        row.describe(
            model_name="builtin-chat",
            model_sha256="ab" * 32,
            vector_hash="0123456789abcdef",
            steering={"coefficients": {"svt/benevolence": 0.8}, "norm": 1.5, "layers": [1, 2]},
            sampling={"temperature": 0.7, "stop": []},
            seed=7,
        )
        row.end("finished", reply=Reply(answer, (1, 2, 3), "stop", 20, 5, 3, 0.25, 1.0))
    return question.id, row.message_id


def measure(
    database: Database, message_id: str, value: str, intensity: float, ranker: str = "hives 0123"
) -> None:
    with database.write() as session:
        targets = (get_message(session, message_id).profile or {}).get("targets", {})
        session.add(
            Score(
                message_id=message_id,
                value=value,
                target=targets.get(value),
                intensity=intensity,
                stderr=0.75,
                beta=0.5,
                dispersion=1.25,
                ranker=ranker,
                vidb_version="0123456789ab",
                windows=[{"anchors": ["a", "b"], "place": 1, "order": [0, 2, 1]}],
            )
        )
