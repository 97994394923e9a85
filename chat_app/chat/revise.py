"""Going back in a conversation: a reply in one's own words, a turn taken back, a thumb up or down.

Nothing is written over: what changes is a branch, or which branch is shown. What is streamed,
another reply or the rest of one, is in ``chat.send``.
"""

from typing import Literal

from sqlalchemy.orm.attributes import flag_modified

from chat_app.chat.conversations import storable
from chat_app.chat.rows import add_words, being_written
from chat_app.db.conversations import branch, get_conversation, get_message, tree
from chat_app.db.database import Database
from chat_app.errors import ValueflowError

Vote = Literal[1, 0, -1]


def edit_reply(database: Database, message_id: str, text: str) -> str:
    """Put a person's own words beside the reply ``message_id``, and show them; their id.

    They are marked as edited and carry no profile, so nothing scores them as the model's. They
    have no tokens and no vector: the model reads them as text, unsteered.
    """
    words = storable(text).strip()
    if not words:
        raise ValueflowError("The reply is empty: write something, or cancel.")
    with database.write() as session:
        old = get_message(session, message_id)
        if old.role != "assistant" or old.status == "writing":
            raise ValueflowError("Only a reply that has come to an end can be edited.")
        conversation = get_conversation(session, old.conversation_id)
        return add_words(session, conversation, old, words).id


def take_back(database: Database, conversation_id: str) -> str:
    """Show the branch as it was before its last question; that question's words.

    The turn is not deleted: ``show_branch`` of one of its messages brings it back.
    """
    if being_written(conversation_id):
        raise ValueflowError("A reply is still being written: stop it or let it finish.")
    with database.write() as session:
        conversation = get_conversation(session, conversation_id)
        shown = branch(tree(session, conversation_id), conversation.leaf_id)
        asked = [message for message in shown if message.role == "user"]
        if not asked:
            raise ValueflowError("There is nothing to take back.")
        conversation.leaf_id = asked[-1].parent_id
        return asked[-1].text


def rate(database: Database, message_id: str, vote: Vote) -> None:
    """Keep what a person thinks of a reply: 1 liked, -1 disliked, 0 neither (again).

    It stands among the reply's counts, and the reply's hash leaves it out.
    """
    with database.write() as session:
        message = get_message(session, message_id)
        if message.role != "assistant" or message.status == "writing":
            raise ValueflowError("Only a reply that has come to an end can be rated.")
        counts = dict(message.counts or {})
        counts.pop("vote", None)
        message.counts = {**counts, "vote": vote} if vote else (counts or None)
        flag_modified(message, "counts")
