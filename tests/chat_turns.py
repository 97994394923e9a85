"""What tests of a chat's turns begin with."""

from chat_app.chat.conversations import (
    open_conversation,
)
from chat_app.db.conversations import get_message
from chat_app.llm.engine import Sampling
from chat_app.values.profile import Profile

KIND = Profile("kind", {"svt/benevolence": 8, "svt/power": -4})
PLAIN = Profile("plain", {}, method="none")
QUESTION = "Should I lend my brother money?"
SHORT = Sampling(seed=3, max_tokens=24)


def shown(studio, id):
    return open_conversation(studio.database, id)


def stored(studio, message_id):
    with studio.database.read() as session:
        return get_message(session, message_id)
