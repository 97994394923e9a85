"""How exports for people put turns, profiles and scores into words."""

from chat_app.chat.conversations import MessageView, ScoreView
from chat_app.values.custom import value_label
from chat_app.values.numerals import fixed, signed
from chat_app.values.profile import Profile

SPEAKERS = {"user": "You", "assistant": "Reply", "system": "System"}
THOUGHT = "Thought before the reply, not measured"


def profile_line(profile: Profile) -> str:
    """'Caring friend (vector): Benevolence +8, Power −4'."""
    wishes = ", ".join(f"{value_label(v)} {signed(t)}" for v, t in profile.targets.items())
    return f"{profile.name} ({profile.method}): {wishes}" if wishes else profile.name


def targeted(message: MessageView) -> list[tuple[str, float | None, ScoreView | None]]:
    """(value, target, score) of a reply: its targets, then what else was measured."""
    scores = {score.value: score for score in message.scores}
    targets = message.profile.targets if message.role == "assistant" else {}
    values = [*targets, *(value for value in scores if value not in targets)]
    return [(value, targets.get(value), scores.get(value)) for value in values]


def score_line(value: str, target: float | None, score: ScoreView | None) -> str:
    """'Benevolence +6 → +5.1 ± 0.8': asked for, measured, standard error."""
    asked = "" if target is None else f" {signed(target)}"
    if score is None:
        return f"{value_label(value)}{asked} → not measured"
    return f"{value_label(value)}{asked} → {fixed(score.intensity)} ± {score.stderr:.1f}"


def status_line(message: MessageView) -> str:
    """What a reader must know of a reply that did not come to its end."""
    if message.edited:
        return "Written by the person, in the place of a reply."
    if message.imported:
        return f"Imported from {message.imported}."
    if message.status == "failed":
        return f"The reply failed. {message.error or ''}".strip()
    words = {"stopped": "Stopped before the end.", "writing": "Still being written."}
    if message.status == "finished" and message.finish == "length":
        return "Cut off at the longest length."
    return words.get(message.status, "")
