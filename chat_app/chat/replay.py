"""A transcript made again: every reply drawn anew from its model, vector and seed, and compared.

    replay -> a copy of the conversation in memory -> turns -> engine.stream -> the same tokens?

A hash shows that a file was not altered since it was written; a replay shows that these replies
are what this model says. What no model wrote (imported and edited replies) is passed over and
counted, and of a reply that was cut it is the beginning that is made again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chat_app.chat.models import find_model
from chat_app.chat.sampling import restored_sampling
from chat_app.chat.transcript import import_transcript
from chat_app.chat.turns import past_vector, turns_of, written_tokens
from chat_app.db.conversations import branch, tree
from chat_app.db.database import memory_database
from chat_app.db.tables import Message
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Engine, Reply

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.llm.model import ChatModel

State = Literal["same", "differs", "passed over", "not possible"]
Progress = Callable[[str, int, int], None]

_SHOWN = 16  # tokens after the first difference that are shown
_BEFORE = 60  # characters before it
_HELD = 8  # tokens that a reply may hold back while they could begin a stop text


@dataclass(frozen=True)
class Difference:
    """The first token that came out otherwise: its place in the reply, from 0, the text before it,
    and how the two go on."""

    position: int
    before: str
    expected: str
    got: str


@dataclass(frozen=True)
class Replayed:
    """One reply: its ``number`` among the messages of the file, from 1. ``tokens``: how many of
    it were drawn again; ``why``: a sentence where it was passed over, not possible, or made
    under a vector that is not quite its own, and where a reason for the difference is known."""

    number: int
    id: str
    state: State
    why: str = ""
    tokens: int = 0
    difference: Difference | None = None


@dataclass(frozen=True)
class Replay:
    """All replies of a transcript, in the order of the file."""

    replies: tuple[Replayed, ...]

    def of(self, state: State) -> list[Replayed]:
        return [reply for reply in self.replies if reply.state == state]

    @property
    def first_difference(self) -> Replayed | None:
        return next(iter(self.of("differs")), None)

    @property
    def complete(self) -> bool:
        """Whether every reply that a model wrote came out the same."""
        return not self.of("differs") and not self.of("not possible")


def replay(
    studio: "Studio", data: Mapping[str, Any], *, progress: Progress | None = None
) -> Replay:
    """Make the replies of the transcript ``data`` again, by the studio's model or another one on
    this computer with the checksum that is wanted; ``progress`` counts replies.

    Raises TranscriptError for a transcript that was altered.
    """
    numbers = {message["id"]: n for n, message in enumerate(data["messages"], start=1)}
    with closing(memory_database()) as database:
        id = import_transcript(database, data)
        with database.read() as session:
            messages = tree(session, id)
    replies = [message for message in messages if message.role == "assistant"]
    found = {m.id: Replayed(numbers[m.id], m.id, "passed over", _why_not(m)) for m in replies}
    wanted = [message for message in replies if not found[message.id].why]
    done = 0
    for some in _by_engine(wanted):
        for reply in _replayed(studio, messages, some, numbers):
            found[reply.id], done = reply, done + 1
            if progress:
                progress("Making the replies again", done, len(wanted))
    return Replay(tuple(sorted(found.values(), key=lambda reply: reply.number)))


def _why_not(message: Message) -> str:
    """Why there is nothing to make again, "" where there is."""
    steering = message.steering or {}
    if "edited" in steering:
        return "A person wrote it in the place of a reply."
    if "imported" in steering:
        return "It was imported: nothing is known of how it was written."
    if not message.text:
        return "Nothing of it was written."
    if message.model_sha256 is None or message.sampling is None or message.seed is None:
        return "The file does not say what it was written with."
    return ""


def _by_engine(messages: Sequence[Message]) -> list[list[Message]]:
    """Replies of one model and context size together, in the order in which they were written."""
    groups: dict[tuple[str | None, int | None], list[Message]] = {}
    for message in sorted(messages, key=lambda m: (m.created, m.id)):
        groups.setdefault((message.model_sha256, _n_ctx(message)), []).append(message)
    return list(groups.values())


def _n_ctx(message: Message) -> int | None:
    """The size of the context that it was written in; replies of earlier versions do not say."""
    return (message.counts or {}).get("n_ctx")


def _replayed(
    studio: "Studio", messages: Sequence[Message], some: Sequence[Message], numbers: dict[str, int]
) -> Iterator[Replayed]:
    """``some`` of ``messages``, all of one model and context size.

    The numbers that a reply is drawn from depend in their last digits on what the cache held when
    it was written. So it is first drawn after the replies before it, as in the chat; where it
    comes out otherwise, once more by an engine that has read nothing, as in an opened chat.
    """
    sha256, name = some[0].model_sha256 or "", some[0].model_name
    source = find_model(studio.settings, sha256, name or "")
    if source is None:
        why = (
            f"Its model {name} (checksum {sha256[:12]}) is not among the models of this computer: "
            "name its file with --model."
        )
        yield from (Replayed(numbers[m.id], m.id, "not possible", why) for m in some)
        return
    own = source == studio.settings.model
    host = studio if own else studio.with_model(source)
    try:
        differing = []
        with closing(host.new_engine(_n_ctx(some[0]))) as engine:
            for message in some:
                reply = _once(host, engine, messages, message, numbers[message.id])
                if reply.state == "differs":
                    differing.append(message)
                else:
                    yield reply
        for message in differing:
            with closing(host.new_engine(_n_ctx(message))) as engine:
                yield _once(host, engine, messages, message, numbers[message.id])
    finally:
        if not own:
            host.close()


def _once(
    studio: "Studio",
    engine: Engine,
    messages: Sequence[Message],
    message: Message,
    number: int,
) -> Replayed:
    line = branch(messages, message.parent_id)
    steered = (message, *line)
    if why := next(filter(None, (_not_the_vector(studio, m) for m in steered)), ""):
        return Replayed(number, message.id, "not possible", why)
    continued = (message.steering or {}).get("continued", {}).get("tokens", 0)
    cut = message.status != "finished"
    try:
        expected = written_tokens(studio.model, message)
        got = _drawn(studio, engine, line, message, expected, continued, cut)
    except (ValueflowError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ValueflowError) else "Its settings cannot be read."
        return Replayed(number, message.id, "not possible", why)
    difference = _difference(studio.model, message, expected, got, cut)
    why = _nearly(studio, steered)
    if difference is None:
        return Replayed(number, message.id, "same", why, len(expected) - continued)
    why = _known_reason(message, got) or why
    return Replayed(number, message.id, "differs", why, len(got.tokens), difference)


def _not_the_vector(studio: "Studio", message: Message) -> str:
    """Why the vector of ``message`` is not to be had, "" where it is, or is but for its last
    digits (``_nearly``)."""
    if _has_its_vector(studio, message):
        return ""
    made, now = message.steering or {}, (studio.vidb.version, studio.encoder.version)
    then = (made.get("vidb"), made.get("encoder"))
    why = f"The control vector {message.vector_hash} cannot be made again"
    if then == now or None in then:
        return "" if past_vector(studio, message) else f"{why}."
    return (
        f"{why}: it came from the anchors {then[0]} and the encoder {then[1]}, and here are "
        f"{now[0]} and {now[1]} (--vidb and --hives choose others)."
    )


def _has_its_vector(studio: "Studio", message: Message) -> bool:
    sha256 = studio.model.info.sha256
    if not message.vector_hash or message.model_sha256 != sha256:  # else it is read as words
        return True
    vector = past_vector(studio, message)
    return vector is not None and vector.hash == message.vector_hash


def _nearly(studio: "Studio", steered: Sequence[Message]) -> str:
    """A sentence where a vector is not what it was to the last digit.

    Another processor reads the anchors a little otherwise, and so did earlier versions. Whether
    that matters is what the drawn tokens show.
    """
    lost = [m.vector_hash for m in steered if not _has_its_vector(studio, m)]
    if not lost:
        return ""
    return f"The control vector {lost[0]} comes out otherwise here, if only in its last digits."


def _drawn(
    studio: "Studio",
    engine: Engine,
    line: Sequence[Message],
    message: Message,
    expected: Sequence[int],
    continued: int,
    cut: bool,
) -> Reply:
    """The reply drawn again; of a cut one little more than there is of it."""
    turns = turns_of(studio, line, (message.steering or {}).get("system_prompt"))
    cancel = threading.Event()
    pieces = engine.stream(
        turns,
        restored_sampling(message.sampling or {}, message.seed or 0),
        vector=past_vector(studio, message),
        written=tuple(expected[:continued]),
        cancel=cancel,
    )
    seen = 0
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
        seen += 1
        if cut and seen >= len(expected) - continued + _HELD:
            cancel.set()


def _difference(
    model: "ChatModel", message: Message, expected: Sequence[int], got: Reply, cut: bool
) -> Difference | None:
    tokens = got.tokens[: len(expected)] if cut else got.tokens
    if tuple(tokens) == tuple(expected):
        text = got.text[: len(message.text)] if cut else got.text
        if text == message.text:
            return None
        return _in_text(model, message.text, text, expected)  # its tokens were left as they were
    place = _common(expected, tokens)
    return Difference(
        place,
        _text(model, expected[:place])[-_BEFORE:],
        _text(model, expected[place : place + _SHOWN]),
        _text(model, tokens[place : place + _SHOWN]),
    )


def _in_text(model: "ChatModel", expected: str, got: str, tokens: Sequence[int]) -> Difference:
    place = _common(expected, got)
    before = 0
    while before < len(tokens) and len(_text(model, tokens[: before + 1])) <= place:
        before += 1
    return Difference(
        before,
        expected[max(0, place - _BEFORE) : place],
        expected[place : place + _BEFORE],
        got[place : place + _BEFORE],
    )


def _known_reason(message: Message, got: Reply) -> str:
    then = (message.counts or {}).get("prompt_tokens")
    if then is None or then == got.prompt_tokens:
        return ""
    return (
        f"What stands before it comes to {got.prompt_tokens} tokens here, and came to {then} then: "
        "the chat template or the size of the context is another."
    )


def _common(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many items both begin with."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _text(model: "ChatModel", tokens: Sequence[int]) -> str:
    return b"".join(map(model.piece, tokens)).decode("utf-8", "replace")
