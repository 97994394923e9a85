"""A database that has been talked into for a year: ``python -m tests.seed_database FILE.db``.

1,000 conversations with 50,000 messages and 50,000 scores, the same for the same seed, with
hashes that hold. Rows go in in bulk, yet through the triggers, as the app's own do.
"""

import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chat_app.chat import chain
from chat_app.db.database import Database, open_database
from chat_app.db.tables import Conversation, ConversationTag, Message, Score, now
from chat_app.values.profile import Profile

_WORDS = (
    "the a my our your we you it is was and or but if because should would could lend give keep "
    "share money boat brother sister mother friend work house garden winter holiday doctor school "
    "promise secret honest kind brave careful late early old new small great never always often "
    "together alone quiet angry happy trust family neighbour letter market river mountain café"
)
# One conversation in a hundred has it, so that a search for it finds ten in a thousand.
RARE = "lighthouse"
TAGS = ("family", "work", "ideas", "money", "to read again")
_PROFILES = (
    Profile("Caring friend", {"svt/benevolence": 8, "svt/power": -4}),
    Profile("Adventurer", {"svt/stimulation": 8, "svt/security": -6}),
)
_WINDOWS = [
    {"anchors": [f"{n:02}" * 16 for n in range(5)], "place": 2, "order": [3, 1, 0, 2, 4, 5]}
]


def seed_database(
    database: Database, conversations: int = 1000, messages: int = 50_000, seed: int = 1
) -> list[str]:
    """Fill an empty database; the conversations' ids, the last changed first.

    Each has the same even number of messages, the first ten pinned, tagged or archived.
    """
    rng = random.Random(seed)
    made = [
        _conversation(rng, number, messages // conversations // 2)
        for number in range(conversations)
    ]
    with database.write() as session:
        for table in (Conversation, Message, Score, ConversationTag):
            rows = [row for each in made for row in each[table]]
            if rows:  # by the connection, which makes one statement of them all
                session.connection().execute(sa.insert(table), rows)
    return [each[Conversation][0]["id"] for each in made]


def _conversation(rng: random.Random, number: int, turns: int) -> dict[Any, list[dict[str, Any]]]:
    """The rows of one conversation, by table; it changed ``number`` thirds of a day ago."""
    profile = _PROFILES[number % len(_PROFILES)]
    ended = now() - timedelta(hours=8 * number)
    id = _id(rng)
    messages = list(_messages(rng, id, turns, profile, ended, rare=number % 100 == 50))
    conversation = {
        "id": id,
        "title": f"{_sentence(rng, 6)} {number}",
        "created": messages[0]["created"] if messages else ended,
        "updated": ended,
        "leaf_id": messages[-1]["id"] if messages else None,
        "profile": profile.to_json(),
        "pinned": now() if number in (40, 400) else None,
        "archived": now() if number % 10 == 9 else None,
    }
    scores = [
        {
            "id": _id(rng),
            "message_id": message["id"],
            "value": value,
            "target": target,
            "intensity": target + rng.uniform(-3, 3),
            "stderr": 0.75,
            "ranker": "hives 0123",
            "vidb_version": "0123456789ab",
            "windows": _WINDOWS * 3,
            "created": message["created"],
        }
        for message in messages
        if message["role"] == "assistant"
        for value, target in profile.targets.items()
    ]
    tags = [{"conversation_id": id, "tag": TAGS[number % 7]}] if number % 7 < len(TAGS) else []
    return {
        Conversation: [conversation],
        Message: messages,
        Score: scores,
        ConversationTag: tags,
    }


def _messages(
    rng: random.Random,
    conversation_id: str,
    turns: int,
    profile: Profile,
    ended: datetime,
    *,
    rare: bool,
) -> Iterator[dict[str, Any]]:
    parent: dict[str, Any] = {"id": None, "hash": None}
    for number in range(2 * turns):
        reply = number % 2 == 1
        row = Message(
            id=_id(rng),
            conversation_id=conversation_id,
            parent_id=parent["id"],
            role="assistant" if reply else "user",
            text=_text(rng, sentences=6 if reply else 1) + (f" The {RARE}." if rare else ""),
            status="finished",
            created=ended - timedelta(minutes=2 * turns - number),
            profile=profile.to_json(),
            model_name="builtin-chat" if reply else None,
            model_sha256="ab" * 32 if reply else None,
            vector_hash="0123456789abcdef" if reply else None,
            steering={"coefficients": {"svt/benevolence": 0.8}, "norm": 1.5} if reply else None,
            sampling={"temperature": 0.7, "stop": []} if reply else None,
            seed=7 if reply else None,
            finish="stop" if reply else None,
            tokens=list(range(40)) if reply else None,
            counts={"prompt_tokens": 80, "reply_tokens": 80} if reply else None,
            timings={"ttft_s": 0.25, "seconds": 1.5} if reply else None,
        )
        row.hash = chain.digest(chain.content(row), parent["hash"])
        columns = [column.key for column in Message.__table__.columns]
        parent = {key: getattr(row, key) for key in columns}
        yield parent


def _text(rng: random.Random, sentences: int) -> str:
    return " ".join(_sentence(rng, rng.randint(6, 20)) + "." for _ in range(sentences))


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS.split(), k=words)).capitalize()


def _id(rng: random.Random) -> str:
    return "01" + "".join(rng.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=24))


if __name__ == "__main__":
    opened = open_database(f"sqlite:///{Path(sys.argv[1]).absolute()}")
    seed_database(opened)
    print(opened.describe())
    opened.close()
