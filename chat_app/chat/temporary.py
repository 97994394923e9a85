"""A temporary chat: a conversation in a database that is in memory only, until it is kept.

Model, encoder and evaluator are the studio's own; what is said touches no file. When the database
is closed, or the program ends, it is gone.
"""

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from chat_app.chat.rows import being_written, stop_reply
from chat_app.db.conversations import tree
from chat_app.db.database import Database, memory_database
from chat_app.db.tables import Base, Conversation, Score
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


_LOOK_S, _PATIENCE = 0.02, 100  # a reply ends within a token, or a part of a long prompt


class Temporary:
    """One temporary chat; ``studio`` is what its turns and scores are made with."""

    def __init__(self, studio: "Studio") -> None:
        self.database = memory_database()
        self.studio = studio.at(self.database)

    @property
    def conversation_id(self) -> str:
        """Its one conversation, "" before the first turn."""
        with self.database.read() as session:
            return session.scalar(sa.select(Conversation.id)) or ""

    def keep(self, database: Database) -> str:
        """Copy it into ``database``, with all branches and scores; the conversation's id.

        Raises ValueflowError where nothing has been said, or a reply is still being written.
        """
        id = self.conversation_id
        if not id:
            raise ValueflowError("There is nothing to keep yet: say something first.")
        if being_written(id):
            raise ValueflowError("A reply is still being written: stop it or let it finish.")
        with self.database.read() as session:
            conversation = session.get_one(Conversation, id)
            messages = tree(session, id)
            scores = list(session.scalars(sa.select(Score)))
        with database.write() as session:
            rows: list[Base] = [conversation, *messages, *scores]
            for row in rows:
                session.add(_copy(row))
                session.flush()  # each after what it points at
        return id

    def forget(self) -> None:
        """Stop what is being written, and let all of it go."""
        if not self.database.closed and (id := self.conversation_id):
            stop_reply(id)
            for _ in range(_PATIENCE):
                if not being_written(id):
                    break
                time.sleep(_LOOK_S)
        self.database.close()


def _copy(row: Base) -> Base:
    columns = (column.key for column in row.__table__.columns)
    return type(row)(**{key: getattr(row, key) for key in columns})
