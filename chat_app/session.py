"""The chat from Python: load a model, set a profile, talk, and see what it came to.

    from chat_app import Session

    with Session(model="builtin") as chat:
        chat.profile = {"svt/benevolence": 6}
        reply = chat.say("Should I lend my brother money?")
        print(reply.text, reply.scores["svt/benevolence"].intensity)

It is a door like the page and the command line, over the same use-cases in ``chat_app.chat``.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chat_app.chat.compare import compare
from chat_app.chat.conversations import (
    UNSTEERED,
    MessageView,
    ScoreView,
    open_conversation,
    show_branch,
)
from chat_app.chat.export import FORMATS, write_export
from chat_app.chat.importing import import_conversations
from chat_app.chat.profile_texts import shared_profile
from chat_app.chat.sampling import default_sampling
from chat_app.chat.scoring import score_message
from chat_app.chat.send import Delta, Event, Finished, Started, regenerate, send
from chat_app.chat.studio import Studio
from chat_app.db.database import Database, memory_database
from chat_app.errors import ValueflowError
from chat_app.settings import settings
from chat_app.values.custom import find_value
from chat_app.values.profile import Method, Profile

if TYPE_CHECKING:
    from chat_app.steering.control_vector import ControlVector

# A profile in any of the ways in which one may be given.
AnyProfile = Profile | Mapping[str, float] | str | None


class Reply:
    """What the model said. ``scores`` are measured when they are first asked for."""

    def __init__(self, session: "Session", view: MessageView) -> None:
        self._session, self.view = session, view

    @property
    def text(self) -> str:
        return self.view.text

    @property
    def thought(self) -> str | None:
        """What the model thought before it, where it was let to (``think=True``)."""
        return self.view.thought

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def seed(self) -> int | None:
        """What it was drawn from: with the same seed, model and profile it comes again."""
        return self.view.seed

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks of the steering, such as a target that is out of reach."""
        return self.view.notes

    @cached_property
    def scores(self) -> dict[str, ScoreView]:
        """{value: target, intensity, stderr} for every value that the profile asks for."""
        return self.score()

    def score(self, *values: str) -> dict[str, ScoreView]:
        """{value: score} for ``values``, by id or name; default: those of the profile."""
        wanted = [find_value(value) for value in values] or None
        found = score_message(self._session.studio, self.id, wanted)
        return {score.value: score for score in found}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Reply({self.text!r}, seed={self.seed})"


class Session:
    """One conversation with a model. It is kept in memory, unless ``home`` names a data folder.

    ``model``: "builtin", a .gguf file, or a name on Hugging Face. ``profile``: {value: intensity},
    a Profile, a code (vf1-...) or a profile's JSON. ``seed``: of the first reply, then one more for
    each; None: random ones. ``given``: any other setting by its name (``n_ctx``, ``hives``,
    ``temperature`` ...; see docs/python.md). ``studio``: parts that are loaded already.

    What is loaded stays until ``close``. Raises ValueflowError, one sentence, wherever something
    cannot be done.
    """

    def __init__(
        self,
        model: str | Path = "builtin",
        *,
        profile: AnyProfile = None,
        method: Method | None = None,
        seed: int | None = None,
        home: str | Path | None = None,
        studio: Studio | None = None,
        **given: Any,
    ) -> None:
        if home is not None:
            given["home"] = Path(home)
        self._own = Studio(settings(model=str(model), **given)) if studio is None else None
        whole = self._own or studio
        assert whole is not None
        self._memory: Database | None = memory_database() if home is None else None
        self.studio = whole.at(self._memory) if self._memory else whole
        self._profile = UNSTEERED
        self.profile = profile
        if method:
            self.method = method
        self._seed = seed
        self._conversation: str | None = None
        self.last: Reply | None = None

    @property
    def profile(self) -> Profile:
        """What the next replies are steered by."""
        return self._profile

    @profile.setter
    def profile(self, wanted: AnyProfile) -> None:
        self._profile = _profile(wanted, self._profile.method)

    @property
    def method(self) -> Method:
        """How it is steered: vector, prompt, exemplar, vector+prompt, none."""
        return self._profile.method

    @method.setter
    def method(self, method: Method) -> None:
        kept = self._profile
        self._profile = Profile(kept.name, kept.targets, kept.description, method, kept.tuned)

    def say(self, text: str, *, seed: int | None = None, **sampling: Any) -> Reply:
        """The whole reply to ``text``. ``sampling``: temperature, top_k, top_p, min_p,
        repeat_penalty, max_tokens, stop, grammar, think ... (``llm.sampling.Sampling``)."""
        for _ in self.stream(text, seed=seed, **sampling):
            pass
        assert self.last is not None
        return self.last

    def stream(self, text: str, *, seed: int | None = None, **sampling: Any) -> Iterator[str]:
        """The reply to ``text`` in pieces, as they are written; then it is ``last``. Leaving the
        loop stops it, and keeps what was written."""
        how = default_sampling(self.studio.settings, seed=self._next_seed(seed), **sampling)
        yield from self._pieces(
            send(self.studio, text, self.profile, conversation_id=self._conversation, sampling=how)
        )

    def again(self, *, seed: int | None = None, **sampling: Any) -> Reply:
        """Another reply to the last question, under the profile of now, in place of the last."""
        if self.last is None:
            raise ValueflowError("There is no reply yet that another could take the place of.")
        how = default_sampling(self.studio.settings, seed=self._next_seed(seed), **sampling)
        for _ in self._pieces(regenerate(self.studio, self.last.id, self.profile, sampling=how)):
            pass
        return self.last

    def compare(
        self, text: str, profiles: Sequence[AnyProfile], *, seed: int | None = None
    ) -> list[Reply]:
        """One question under two to four profiles, all from one seed, in a conversation of its
        own; this one does not change."""
        asked = [_profile(each, self.method) for each in profiles]
        ended: dict[int, str] = {}
        for heard in compare(self.studio, text, asked, seed=self._next_seed(seed)):
            if isinstance(heard.event, Finished):
                if heard.event.error:
                    raise ValueflowError(heard.event.error)
                ended[heard.column] = heard.event.message_id
        return [self._reply(ended[column]) for column in range(len(asked))]

    @property
    def history(self) -> tuple[MessageView, ...]:
        """What was said, first to last, each with role, text, profile, seed and scores."""
        if self._conversation is None:
            return ()
        return open_conversation(self.studio.database, self._conversation).messages

    def score(self, text: str, *values: str) -> dict[str, float]:
        """{value: intensity} of any text, from anywhere; default: all values that have anchors."""
        evaluator = self.studio.texts_evaluator
        wanted = [find_value(value) for value in values] or self.studio.steered
        return {v: s.intensity for v, s in evaluator.measure(text, wanted).items()}

    @property
    def vector(self) -> "ControlVector | None":
        """What the profile comes to for the model: ``chat.vector.to_gguf(Path("kind.gguf"))``. None
        where nothing is steered by a vector."""
        return self.studio.compose(self.profile).vector

    def direction(self, value: str) -> "ControlVector":
        """The model's direction of one value, at coefficient 1."""
        id = find_value(value)
        found = self.studio.directions_of([id])
        if id not in found:
            raise ValueflowError(f"The anchors have no texts for and against {id}.")
        return found[id]

    def save(self, path: str | Path) -> Path:
        """Write the conversation: .json and .jsonl are transcripts (``valueflow.transcript/1``),
        .md, .csv and .html are to be read."""
        path = Path(path)
        form = path.suffix.lower().removeprefix(".")
        if form not in FORMATS:
            raise ValueflowError(f"{path} ends in none of .{', .'.join(FORMATS)}.")
        if self._conversation is None:
            raise ValueflowError("Nothing was said yet, so there is nothing to save.")
        write_export(self.studio.database, self._conversation, form, path)
        return path

    def load(self, path: str | Path) -> None:
        """Go on with the first conversation of a file: a transcript, or another program's."""
        try:
            done = import_conversations(self.studio.database, Path(path).read_bytes())
        except OSError as error:
            raise ValueflowError(f"{path} cannot be read: {error.strerror}.") from None
        self._conversation = done.ids[0]
        replies = [m for m in self.history if m.role == "assistant"]
        self.last = Reply(self, replies[-1]) if replies else None

    def new(self) -> None:
        """Begin another conversation, with the same model and profile."""
        self._conversation, self.last = None, None

    def close(self) -> None:
        """Give the memory back. A conversation that is kept in memory only is gone."""
        if self._memory:
            self._memory.close()
        if self._own:
            self._own.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pieces(self, events: Generator[Event, None, None]) -> Iterator[str]:
        message = ""
        try:
            for event in events:
                if isinstance(event, Started):
                    self._conversation, message = event.conversation_id, event.message_id
                elif isinstance(event, Delta):
                    yield event.text
                elif event.error:
                    raise ValueflowError(event.error)
        finally:
            events.close()  # so that a reply that is not read to its end is stored as stopped
            if message:
                self.last = self._reply(message)

    def _reply(self, message_id: str) -> Reply:
        conversation = show_branch(self.studio.database, message_id)
        shown = open_conversation(self.studio.database, conversation).messages
        return Reply(self, next(m for m in shown if m.id == message_id))

    def _next_seed(self, given: int | None) -> int | None:
        if given is not None or self._seed is None:
            return given
        self._seed += 1
        return self._seed - 1


def _profile(wanted: AnyProfile, method: Method) -> Profile:
    """The profile that ``wanted`` means, {value: intensity} by ``method``."""
    if isinstance(wanted, Profile):
        return wanted
    if isinstance(wanted, str):
        return shared_profile(wanted)
    targets = {find_value(value): target for value, target in (wanted or {}).items()}
    return Profile("Session" if targets else UNSTEERED.name, targets, method=method)
