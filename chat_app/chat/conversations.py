"""Conversations as the doors show them: the list, one branch with its scores, and changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chat_app.db.conversations import (
    all_conversations,
    branch,
    get_conversation,
    get_message,
    newest_leaf,
    scores_of,
    tree,
)
from chat_app.db.database import Database
from chat_app.db.listing import all_tags
from chat_app.db.tables import Conversation, Message, Score, now
from chat_app.errors import ValueflowError
from chat_app.llm.thinking import Said, told_apart
from chat_app.values.profile import Profile

UNSTEERED = Profile("Unsteered", {})
LONGEST_TITLE = 200
_TITLE_FROM_TEXT = 60


@dataclass(frozen=True)
class ScoreView:
    """A measured intensity beside the intensity that was asked for (None: none was)."""

    value: str
    target: float | None
    intensity: float
    stderr: float
    ranker: str
    vidb_version: str


@dataclass(frozen=True)
class MessageView:
    """A message as it is shown. ``siblings``: the ids of all versions of it, its own among them.

    ``text``: of a reply, without what the model thought before it, which is ``thought``, and took
    ``thought_s``; ``thinking``: it has not come further. ``written``: all of it, tags and all.
    ``edited``: a person's own words in a reply's place. ``imported``: where a reply comes from that
    was written elsewhere. ``n_tokens``, ``tokens_per_s``: of a reply, None where they are not
    known. ``vote``: 1 liked, -1 disliked.
    """

    id: str
    parent_id: str | None
    role: str
    text: str
    status: str
    created: datetime
    profile: Profile
    scores: tuple[ScoreView, ...]
    siblings: tuple[str, ...]
    notes: tuple[str, ...]
    dropped_turns: int
    error: str | None
    finish: str | None
    model: str | None
    seed: int | None
    vector_hash: str | None
    edited: bool = False
    imported: str | None = None
    n_tokens: int | None = None
    tokens_per_s: float | None = None
    vote: int = 0
    thought: str | None = None
    thought_s: float | None = None
    thinking: bool = False
    written: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether a reply broke off, so that it may be written on or asked for again."""
        return self.role == "assistant" and (
            self.status in ("stopped", "failed") or self.finish == "length"
        )

    @property
    def can_go_on(self) -> bool:
        """Whether there is a beginning that the rest can be written to (``send.go_on``)."""
        return self.unfinished and bool(self.written and self.model)


@dataclass(frozen=True)
class ConversationSummary:
    """A line of the list; ``messages`` counts all branches."""

    id: str
    title: str
    created: datetime
    updated: datetime
    messages: int
    pinned: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConversationView:
    """An open conversation: the messages of the branch that is shown, from the first on.

    ``later``: the newest message after these, where a turn was taken back.
    """

    id: str
    title: str
    created: datetime
    updated: datetime
    profile: Profile
    messages: tuple[MessageView, ...]
    later: str | None = None


def list_conversations(database: Database) -> list[ConversationSummary]:
    """Every conversation, archived ones too, the one that changed last first."""
    with database.read() as session:
        found = all_conversations(session)
        tags = all_tags(session)
    return [
        ConversationSummary(
            id=c.id,
            title=c.title,
            created=c.created,
            updated=c.updated,
            messages=count,
            pinned=c.pinned is not None,
            archived=c.archived is not None,
            tags=tuple(tags.get(c.id, ())),
        )
        for c, count in found
    ]


def open_conversation(database: Database, id: str) -> ConversationView:
    """Raises DatabaseError where there is none."""
    with database.read() as session:
        conversation = get_conversation(session, id)
        messages = tree(session, id)
        shown = branch(messages, conversation.leaf_id)
        scores = scores_of(session, [m.id for m in shown])
    versions: dict[str | None, list[str]] = {}
    for message in messages:
        versions.setdefault(message.parent_id, []).append(message.id)
    return ConversationView(
        id=conversation.id,
        title=conversation.title,
        created=conversation.created,
        updated=conversation.updated,
        profile=stored_profile(conversation),
        messages=tuple(_view(m, scores[m.id], versions[m.parent_id]) for m in shown),
        later=next((m.id for m in messages[::-1] if m.parent_id == conversation.leaf_id), None),
    )


def rename_conversation(database: Database, id: str, title: str) -> None:
    """Raises ValueflowError for a title without letters, or one that is too long."""
    title = " ".join(storable(title).split())
    if not title:
        raise ValueflowError("The title is empty: give the conversation a name.")
    if len(title) > LONGEST_TITLE:
        raise ValueflowError(
            f"The title has {len(title)} characters: {LONGEST_TITLE} are the most."
        )
    with database.write() as session:
        get_conversation(session, id).title = title


def set_profile(database: Database, id: str, profile: Profile) -> None:
    """Make ``profile`` the one that the conversation shows when it is opened."""
    with database.write() as session:
        get_conversation(session, id).profile = profile.to_json()


def show_branch(database: Database, message_id: str) -> str:
    """Show the branch that goes through a message, to its newest end; the conversation's id."""
    with database.write() as session:
        message = get_message(session, message_id)
        conversation = get_conversation(session, message.conversation_id)
        conversation.leaf_id = newest_leaf(tree(session, conversation.id), message.id)
        conversation.updated = now()
        return conversation.id


def title_from(text: str) -> str:
    """A conversation's first title: the beginning of what was said first, cut between words.

    >>> title_from("Should I lend my brother   money?")
    'Should I lend my brother money?'
    """
    line = " ".join(text.split())
    if len(line) <= _TITLE_FROM_TEXT:
        return line
    cut = line[:_TITLE_FROM_TEXT]
    words = cut.rpartition(" ")[0] if line[_TITLE_FROM_TEXT] != " " else cut
    return (words or cut).rstrip(" ,.;:") + "…"


def storable(text: str) -> str:
    """``text`` without what a database or a UTF-8 file cannot hold: NUL and half characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def said_in(message: Message) -> Said:
    """What a message says, and what was thought before; a person's words are as they are."""
    if message.role != "assistant":
        return Said(None, message.text)
    return told_apart(message.text, growing=message.status == "writing")


def stored_profile(row: Conversation | Message) -> Profile:
    """The profile that ``row`` was written with; unsteered where it has none."""
    return Profile.from_json(row.profile) if row.profile else UNSTEERED


def imported_from(message: Message) -> str | None:
    """'ChatGPT (gpt-4o)': where a reply comes from that was written elsewhere, None for our own."""
    origin = (message.steering or {}).get("imported")
    if not isinstance(origin, dict):
        return None
    program, model = str(origin.get("program", "another program")), origin.get("model")
    return f"{program} ({model})" if model else program


def latest_scores(rows: Sequence[Score], targets: Mapping[str, float]) -> tuple[ScoreView, ...]:
    """One score a value, the last that was measured: the targets in their order, then others.

    ``rows``: the last measured first.
    """
    latest = {row.value: row for row in reversed(rows)}
    order = [value for value in targets if value in latest]
    order += sorted(latest.keys() - targets.keys())
    return tuple(score_view(latest[value]) for value in order)


def score_view(row: Score) -> ScoreView:
    return ScoreView(row.value, row.target, row.intensity, row.stderr, row.ranker, row.vidb_version)


def _view(message: Message, scores: Sequence[Score], siblings: Sequence[str]) -> MessageView:
    profile = stored_profile(message)
    counts, steering = message.counts or {}, message.steering or {}
    said = said_in(message)
    return MessageView(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        text=said.reply,
        status=message.status,
        created=message.created,
        profile=profile,
        scores=latest_scores(scores, profile.targets),
        siblings=tuple(siblings),
        notes=tuple(steering.get("notes", ())),
        dropped_turns=counts.get("dropped_turns", 0),
        error=message.error,
        finish=message.finish,
        model=message.model_name,
        seed=message.seed,
        vector_hash=message.vector_hash,
        edited="edited" in steering,
        imported=imported_from(message),
        n_tokens=None if message.tokens is None else len(message.tokens),
        tokens_per_s=_speed(message),
        vote=counts.get("vote", 0),
        thought=said.thought,
        thought_s=(message.timings or {}).get("thought_s"),
        thinking=said.thinking,
        written=message.text,
    )


def _speed(message: Message) -> float | None:
    """Tokens a second after the first one, of those that were written here."""
    counts, timings = message.counts or {}, message.timings or {}
    if "seconds" not in timings or "reply_tokens" not in counts:
        return None
    writing = timings["seconds"] - timings.get("ttft_s", 0.0)
    return (
        (counts["reply_tokens"] - 1) / writing if counts["reply_tokens"] > 1 and writing else None
    )
