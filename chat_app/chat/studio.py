"""The studio: the parts that every door works with, each loaded when it is first needed.

torch and llama.cpp are imported only by the parts that need them, so that a list of
conversations costs neither.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from chat_app.settings import SHIPPED, Settings

if TYPE_CHECKING:
    from chat_app.db.database import Database
    from chat_app.evaluation.evaluator import Evaluator
    from chat_app.evaluation.ranking import Ranker
    from chat_app.hives.custom import CustomValue
    from chat_app.hives.encoder import Encoder
    from chat_app.hives.space import Space
    from chat_app.hives.yardstick import Yardstick
    from chat_app.llm.engine import Engine, VectorBuffer
    from chat_app.llm.model import ChatModel, ModelInfo
    from chat_app.steering.bank import Bank
    from chat_app.steering.calibration import Calibration
    from chat_app.steering.compose import Composition
    from chat_app.steering.composition import Coupling
    from chat_app.steering.control_vector import ControlVector
    from chat_app.values.profile import Profile
    from chat_app.vidb.loading import Vidb

T = TypeVar("T")
Progress = Callable[[str, int, int], None]

_COMPOSITIONS = 64  # that are kept


class _Part(Generic[T]):
    """A cached property that is made once, however many threads ask for it at the same time.

    Each part has its own lock, so that one may be had while another is being made. A part takes
    only the locks of parts below it in the class, hence no two threads wait for each other.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        update_wrapper(self, make)  # type: ignore[arg-type]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, studio: None, owner: type) -> "_Part[T]": ...
    @overload
    def __get__(self, studio: object, owner: type) -> T: ...
    def __get__(self, studio: object | None, owner: type) -> "_Part[T] | T":
        if studio is None:
            return self
        parts, locks = studio.__dict__["_parts"], studio.__dict__["_locks"]
        if self._name not in parts:
            with locks.setdefault(self._name, threading.Lock()):
                if self._name not in parts:
                    parts[self._name] = self._make(studio)
        made: T = parts[self._name]
        return made


class Studio:
    """Everything one chat needs, for the settings it was made with. Threads may share it.

    ``progress(what, done, of)`` is told of long work: reading the anchors for a new model, and
    embedding them with a new encoder.
    """

    def __init__(self, settings: Settings, *, progress: Progress | None = None) -> None:
        self.settings = settings
        self.progress = progress
        self.measuring = threading.Lock()  # one score at a time: the processor is shared
        # Control vectors of earlier replies by the hash they are stored under (see chat.turns).
        self.past_vectors: dict[str, VectorBuffer] = {}
        self._parts: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._swapping = threading.Lock()

    def at(self, database: "Database") -> "Studio":
        """This studio, its parts shared, for the conversations of another database."""
        return cast("Studio", _At(self, database))

    @_Part
    def directions(self) -> "dict[str, ControlVector]":
        """A direction for each steered value that the VIDB has texts for (custom ones: see
        ``directions_of``)."""
        from chat_app.steering.directions import directions

        return directions(self.bank, self.space, self.steered)

    @property
    def steered(self) -> list[str]:
        """The steered values that the VIDB has texts for."""
        from chat_app.values.taxonomy import STEERED

        return [value for value in STEERED if value in self.space.axes]

    def directions_of(self, values: Iterable[str]) -> "dict[str, ControlVector]":
        """Directions of ``values``, custom ones among them; a value without one is left out.

        Raises CustomValueError for words that lie near no value.
        """
        from chat_app.values.custom import is_custom

        found = {}
        for value in values:
            if is_custom(value):
                found[value] = self._custom_direction(value)
            elif value in self.directions:
                found[value] = self.directions[value]
        return found

    def _custom_direction(self, value: str) -> "ControlVector":
        from chat_app.hives.custom import with_custom
        from chat_app.steering.directions import directions

        custom, key = self.custom(value), f"direction {value}"
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._parts:
                layers = next(iter(self.directions.values())).layers
                wider = with_custom(self.word_space, custom)
                self._parts[key] = directions(self.bank, wider, [custom.id], layers=layers)
        found: dict[str, ControlVector] = self._parts[key]
        return found[custom.id]

    @_Part
    def bank(self) -> "Bank":
        """The model's hidden states on the anchors: made once for a model, then kept on disk."""
        from chat_app.steering.bank import build_bank

        cache = self.settings.cache_dir
        return build_bank(self.model, self.vidb, cache, self._reading, shipped=SHIPPED)

    def _reading(self, done: int, of: int) -> None:
        if self.progress:
            self.progress("Reading the anchor texts with the chat model", done, of)

    @_Part
    def texts_evaluator(self) -> "Evaluator":
        """The evaluator of texts from anywhere, such as replies that were imported."""
        encoder = self.settings.encoder(of_replies=False)
        if encoder == self.settings.encoder():
            return self.evaluator
        given = self.settings.model_copy(update={"hives": encoder})
        return Studio(given, progress=self.progress).evaluator_by("hives")

    @_Part
    def evaluator(self) -> "Evaluator":
        """The evaluator of replies."""
        # The built-in model speaks in sentences that the built-in encoder was taught, so that
        # texts which it knows stand for these replies; other models' words are new to it.
        familiar = self.settings.model == self.settings.encoder() == "builtin"
        return self.evaluator_by("hives", **({"held_out": 0.0} if familiar else {}))

    @property
    def reply_evaluator(self) -> "Evaluator":
        """The evaluator with the ranker that the settings choose for replies."""
        ranker = self.settings.ranker
        if ranker == "hives":
            return self.evaluator
        key = f"evaluator {ranker}"
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._parts:
                self._parts[key] = self.evaluator_by(ranker)
        kept: Evaluator = self._parts[key]
        return kept

    def evaluator_by(self, ranker: str, **options: Any) -> "Evaluator":
        """An evaluator with the ranker of that name; ``options``: k, m, sampling, beta, seed,
        compat (``Evaluator``). What it measures of the ranker is kept in the cache folder."""
        from chat_app.evaluation.evaluator import Evaluator

        if ranker == "hives":
            options = {"held_out": self.encoder.held_out, **options}
        return Evaluator(
            self.wider_vidb,
            self.ranker(ranker),
            anchor_error=self.anchor_error,
            cache_dir=self.settings.cache_dir,
            **options,
        )

    @_Part
    def wider_vidb(self) -> "Vidb":
        """The VIDB with anchors for custom values, for every evaluator."""
        from chat_app.evaluation.custom import WiderVidb
        from chat_app.hives.custom import custom_anchors

        return WiderVidb(
            self.vidb.name,
            self.vidb.anchors,
            lambda value: custom_anchors(self.word_space, self.custom(value)),
        )

    def anchor_error(self, value: str) -> float:
        """How wrong the anchors of ``value`` may be: 0 for a known value, they were rated."""
        from chat_app.values.custom import is_custom

        return self.custom(value).error if is_custom(value) else 0.0

    def custom(self, value: str) -> "CustomValue":
        """What a custom value means in the space, found once.

        Raises CustomValueError for words that lie near no value.
        """
        from chat_app.hives.custom import custom_value
        from chat_app.values.custom import custom_id

        id = custom_id(value)
        key = f"custom {id}"
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._parts:
                self._parts[key] = custom_value(self.word_space, id, self.yardstick)
        found: CustomValue = self._parts[key]
        return found

    @_Part
    def yardstick(self) -> "Yardstick":
        """What the space makes of phrases whose meaning is known."""
        from chat_app.hives.yardstick import measure

        return measure(self.word_space, self.settings.cache_dir)

    @_Part
    def word_space(self) -> "Space":
        """The space in which a person's own words are looked for: that of the chosen encoder, or
        of "general" in the place of the built-in one, which knows few words but the replies'."""
        from chat_app.hives.encoder import load_encoder
        from chat_app.hives.space import build_space

        if self.settings.encoder() != "builtin":
            return self.space
        cache = self.settings.cache_dir
        encoder = load_encoder("general", device=self.settings.hives_device, cache_dir=cache)
        return build_space(encoder, self.vidb, cache, self._embedding, shipped=SHIPPED)

    def ranker(self, name: str) -> "Ranker":
        """The ranker of that name, "hives", "llm" or "remote", made once.

        Raises RankerError for another name, or for settings that it lacks.
        """
        from chat_app.evaluation.custom import WiderHivesRanker
        from chat_app.evaluation.rankers import make_ranker

        key = f"ranker {name}"
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._parts:
                made = make_ranker(
                    name,
                    settings=self.settings,
                    space=lambda: self.space,
                    judge=lambda: self.judge,
                )
                if name == "hives":
                    made = WiderHivesRanker(made, lambda: self.word_space.encoder, self.custom)
                self._parts[key] = made
        kept: Ranker = self._parts[key]
        return kept

    @_Part
    def space(self) -> "Space":
        from chat_app.hives.space import build_space

        cache = self.settings.cache_dir
        return build_space(self.encoder, self.vidb, cache, self._embedding, shipped=SHIPPED)

    def _embedding(self, done: int, of: int) -> None:
        if self.progress:
            self.progress("Embedding the anchor texts", done, of)

    @_Part
    def encoder(self) -> "Encoder":
        from chat_app.hives.encoder import load_encoder

        return load_encoder(
            self.settings.encoder(),
            device=self.settings.hives_device,
            cache_dir=self.settings.cache_dir,
            progress=self.progress,
        )

    @_Part
    def engine(self) -> "Engine":
        return self.new_engine()

    def new_engine(self, n_ctx: int | None = None) -> "Engine":
        """An engine of its own with an empty cache, to be closed by who asked; ``n_ctx``: in
        place of the settings' size of context."""
        from chat_app.llm.context_options import ContextOptions
        from chat_app.llm.engine import Engine

        given = self.settings
        return Engine(
            self.model,
            n_ctx=n_ctx or given.n_ctx,
            n_threads=given.n_threads,
            n_slots=given.n_slots,
            queue=given.queue,
            options=ContextOptions(given.flash_attention, given.kv_type),
        )

    @_Part
    def judge(self) -> "ChatModel":
        """The model that the "llm" ranker asks: ``judge_model``, or else the chat model itself."""
        source = self.settings.judge_model
        return self._load(source) if source and source != self.settings.model else self.model

    @_Part
    def model(self) -> "ChatModel":
        return self._load(self.settings.model)

    def _load(self, source: str) -> "ChatModel":
        from chat_app.chat.models import models_dir
        from chat_app.llm.model import ChatModel
        from chat_app.llm.sources import resolve_model

        return ChatModel.load(
            resolve_model(source, models_dir=models_dir(self.settings), progress=self.progress),
            n_gpu_layers=self.settings.n_gpu_layers,
            n_ctx=self.settings.n_ctx,
            kv_type=self.settings.kv_type,
            cache_dir=self.settings.cache_dir,
        )

    @_Part
    def vidb(self) -> "Vidb":
        from chat_app.vidb.loading import load_vidb

        return load_vidb(self.settings.vidb, progress=self.progress)

    @_Part
    def database(self) -> "Database":
        """The database, up to date; replies that a crash left unfinished are marked
        stopped, and what was deleted long ago is forgotten."""
        from chat_app.chat.rows import recover
        from chat_app.chat.shelf import purge
        from chat_app.db.database import open_database

        database = open_database(self.settings.database())
        recover(database)
        purge(database)
        return database

    @property
    def loaded_model(self) -> "ModelInfo | None":
        """The chat model, if it is loaded already."""
        model = self._parts.get("model")
        return model.info if model else None

    def made(self, *parts: str) -> bool:
        """Whether these parts are there already, so that using them loads nothing."""
        return all(part in self._parts for part in parts)

    @property
    def ready(self) -> bool:
        """Whether the next reply can begin at once: nothing is left to load."""
        return "engine" in self._parts

    def compose(self, profile: "Profile") -> "Composition":
        """What ``profile`` comes to for the model; directions are made only where needed. It is
        kept for as long as the model, the directions and the calibration are those of now."""
        from chat_app.steering.compose import compose
        from chat_app.steering.composition import UNCOUPLED

        # Had first: should the parts be changed meanwhile, this is kept among the old ones.
        kept: dict[str, tuple[Calibration | None, Composition]]
        kept = self._parts.setdefault("compositions", {})
        info = self.model.info
        steered = profile.by_vector and info.steerable
        known = self.calibration(profile.method) if any(profile.targets.values()) else None
        asked = repr(profile)  # the order of its targets too, on which the vector's bits depend
        if (found := kept.get(asked)) and found[0] is known:
            return found[1]
        directions = self.directions_of(profile.targets) if steered else {}
        coupling = self.coupling(profile.method) if steered else UNCOUPLED
        shown = self._shown_by(profile.method)
        composition = compose(profile, directions, info, shown, known, coupling)
        if len(kept) >= _COMPOSITIONS:
            kept.clear()
        kept[asked] = known, composition
        return composition

    def at_doses(self, method: str, doses: "Mapping[str, float]") -> "Composition":
        """``doses`` {value: coefficient} as ``method`` renders them (``steering.compose``)."""
        from chat_app.steering.compose import at_doses

        directions = self.directions_of(doses) if "vector" in method else {}
        return at_doses(method, doses, directions, self.model.info, self._shown_by(method))

    def _shown_by(self, method: str) -> "Vidb | None":
        return self.wider_vidb if method == "exemplar" else None

    def calibration(self, method: str) -> "Calibration | None":
        """How the model answers to ``method``'s doses, as far as that was measured for the very
        directions, anchors and encoder of now. One that another process makes is seen too."""
        from chat_app.chat.calibrations import find_calibration, latest

        if method == "none":
            return None
        key, stamp = f"calibration {method}", latest(self, method)
        with self._locks.setdefault(key, threading.Lock()):
            if self._parts.get(key, (None,))[0] != (stamp,):
                self._parts[key] = (stamp,), find_calibration(self, method)
        found: Calibration | None = self._parts[key][1]
        return found

    def coupling(self, method: str) -> "Coupling":
        """How steering by one value moves the others: as measured, else as directions lie."""
        from chat_app.steering.composition import UNCOUPLED, direction_coupling

        if "vector" not in method:
            return UNCOUPLED
        calibration = self.calibration(method)
        if calibration and calibration.coupling.values:
            return calibration.coupling
        return direction_coupling(self.directions)

    def use_model(self, source: str) -> None:
        """Chat with the model ``source`` from now on; other threads may be using this studio.

        Replies that the old model is writing end as stopped ones. Raises ModelError, and changes
        nothing, where the new one cannot be loaded.
        """
        model = self._load(source)
        with self._swapping:
            old = self._parts
            # New dictionaries: what a thread is still making for the old model stays among the
            # old parts. The old model's memory is given back when the last of these is gone.
            self.settings = self.settings.model_copy(update={"model": source})
            self._locks = {}
            self._parts = {n: old[n] for n in ("database", "vidb") if n in old} | {"model": model}
        if engine := old.get("engine"):
            engine.close()

    def with_model(self, source: str) -> "Studio":
        """Another studio, to be closed by itself, that differs from this one in its chat model."""
        settings = self.settings.model_copy(update={"model": source})
        return Studio(settings, progress=self.progress)

    def use_artefacts(self, hives: str, vidb: str) -> None:
        """Measure and steer with this encoder and these anchors from now on; the model stays, and
        everything that is made of the old ones is made again when it is needed.

        Raises ValueflowError, and changes nothing, where one of them cannot be loaded.
        """
        chosen = {"hives": hives, "vidb": vidb}
        new = Studio(self.settings.model_copy(update=chosen), progress=self.progress)
        loaded = {"encoder": new.encoder, "vidb": new.vidb}
        with self.measuring, self._swapping:  # no score is half of the old and half of the new
            old = self._parts
            self.settings = self.settings.model_copy(update=chosen)
            self._locks = {}
            stay = ("database", "model", "engine", "judge")
            self._parts = {name: old[name] for name in stay if name in old} | loaded

    def use_settings(self, settings: Settings) -> None:
        """Go by ``settings`` from the next reply on; what is loaded stays as it was loaded."""
        self.settings = settings

    def close(self) -> None:
        """Give the memory back; the parts that were loaded cannot be used any more."""
        self._parts.pop("ranker llm", None)  # it asks a model that is closed here
        for name in ("engine", "judge", "model", "database"):
            part = self._parts.pop(name, None)
            if part is not None:
                part.close()


class _At:
    """A studio's own parts and methods, but for its database."""

    def __init__(self, studio: Studio, database: "Database") -> None:
        self._studio = studio
        self.database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._studio, name)
