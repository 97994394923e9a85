"""Why a reply got its numbers: its whole profile, and the windows that each score came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.chat.conversations import said_in, stored_profile
from chat_app.chat.scoring import check_measurable, quick_evaluator, score_message
from chat_app.db.conversations import get_message, scores_of
from chat_app.db.tables import Score
from chat_app.errors import ValueflowError
from chat_app.evaluation.recall import Ranked, interval, recall
from chat_app.values.custom import is_custom, value_label
from chat_app.values.numerals import signed
from chat_app.values.taxonomy import STEERED
from chat_app.vidb.loading import HIGHEST, LOWEST, Anchor

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


@dataclass(frozen=True)
class Measured:
    """A score as it is drawn: [low, high] holds the true intensity 95 times in 100."""

    value: str
    target: float | None
    intensity: float
    stderr: float
    low: float
    high: float


@dataclass(frozen=True)
class WholeProfile:
    """What a reply supports, value by value: those it was asked for first, then the others in the
    taxonomy's order."""

    message_id: str
    conversation_id: str
    text: str
    profile: str
    model: str | None
    rankers: tuple[str, ...]
    scores: tuple[Measured, ...]


@dataclass(frozen=True)
class Reason:
    """Where one number comes from. ``windows`` is empty, and ``sentences`` say why, where the
    texts that the reply was ranked among are not loaded."""

    score: Measured
    text: str
    sentences: tuple[str, ...]
    windows: tuple[Ranked, ...]


def whole_profile(studio: "Studio", message_id: str) -> WholeProfile:
    """The scores of a reply for all steered values; those that are missing are measured first,
    and stored.

    Raises ValueflowError for a message that is not there, is no reply, or holds nothing to
    measure.
    """
    with studio.database.read() as session:
        message = get_message(session, message_id)
    if message.role != "assistant":
        raise ValueflowError("Only replies are measured; this is what you said yourself.")
    check_measurable(message)
    targets = stored_profile(message).targets
    known = [value for value in STEERED if value in studio.vidb.values]
    rows = _latest(studio, message_id)
    missing = [value for value in dict.fromkeys([*targets, *known]) if value not in rows]
    if missing:  # by the quick ranker: a judge would take minutes for so many
        score_message(studio, message_id, missing, quick_evaluator(studio, message))
        rows = _latest(studio, message_id)
    order = [*targets, *(value for value in STEERED if value not in targets)]
    scores = [_measured(studio, rows[value]) for value in order if value in rows]
    return WholeProfile(
        message.id,
        message.conversation_id,
        said_in(message).reply,
        stored_profile(message).name,
        message.model_name,
        tuple(dict.fromkeys(row.ranker.partition(" ")[0] for row in rows.values())),
        tuple(scores),
    )


def reason(studio: "Studio", message_id: str, value: str) -> Reason:
    """Why a stored reply has its number for ``value``.

    Raises ValueflowError where the message is not there or was not measured for the value.
    """
    with studio.database.read() as session:
        text = said_in(get_message(session, message_id)).reply
    row = _latest(studio, message_id).get(value)
    if row is None:
        raise ValueflowError(f"This reply was not measured for {value_label(value)[:80]!r}.")
    score = _measured(studio, row)
    try:
        windows = recall(row.windows, value, studio.wider_vidb)
    except ValueflowError as error:
        return Reason(score, text, (str(error),), ())
    return Reason(score, text, _sentences(score, windows), windows)


def _latest(studio: "Studio", message_id: str) -> dict[str, Score]:
    with studio.database.read() as session:
        rows = scores_of(session, [message_id])[message_id]
    return {row.value: row for row in reversed(rows)}


def _measured(studio: "Studio", row: Score) -> Measured:
    low, high = _interval(studio, row)
    return Measured(row.value, row.target, row.intensity, row.stderr, low, high)


def _interval(studio: "Studio", row: Score) -> tuple[float, float]:
    """As it was measured; from the standard error alone where that cannot be done again."""
    if row.beta and not is_custom(row.value):
        try:
            windows = recall(row.windows, row.value, studio.vidb)
            return interval(windows, row.intensity, beta=row.beta, dispersion=row.dispersion or 1.0)
        except ValueflowError:
            pass
    reach = 1.96 * row.stderr
    return max(row.intensity - reach, LOWEST), min(row.intensity + reach, HIGHEST)


def _sentences(score: Measured, windows: Sequence[Ranked]) -> tuple[str, ...]:
    label = value_label(score.value)
    beaten = [anchor for window in windows for anchor in window.beaten]
    beaters = [anchor for window in windows for anchor in window.beaters]
    total = len(beaten) + len(beaters)
    times = "One window" if len(windows) == 1 else f"{len(windows)} windows"
    first = (
        f"{times} of texts whose intensity for {label} is known, the reply among them: it was "
        f"ranked above {len(beaten)} of {total}."
    )
    held = (
        f"The intensity that explains these places best is {signed(score.intensity)}; 19 times in "
        f"20 the true one lies between {signed(score.low)} and {signed(score.high)}."
    )
    return first, _between(beaten, beaters), held


def _between(beaten: Sequence[Anchor], beaters: Sequence[Anchor]) -> str:
    """Which intensities the reply was placed between."""
    if not beaters:
        return (
            f"No text among them supports it more, not even one of "
            f"{signed(max(a.intensity for a in beaten))}; the scale ends at {signed(HIGHEST)}."
        )
    if not beaten:
        return (
            f"No text among them opposes it more, not even one of "
            f"{signed(min(a.intensity for a in beaters))}; the scale ends at {signed(LOWEST)}."
        )
    floor = max(anchor.intensity for anchor in beaten)
    ceiling = min(anchor.intensity for anchor in beaters)
    if floor <= ceiling:
        return f"It stood above every text up to {signed(floor)}, below all from {signed(ceiling)}."
    return (
        f"It stood above one of {signed(floor)} yet below one of {signed(ceiling)}: the windows "
        "do not quite agree, which widens the interval."
    )
