"""What the Calibrate page says: a plan in words, a run's progress, a calibration's facts."""

from chat_app.chat.calibrated import Kept, doses
from chat_app.chat.calibrating import Running
from chat_app.chat.trials import Course
from chat_app.steering.dose_response import DoseResponse
from chat_app.ui.pages.calibrate_view import METHOD_NAMES
from chat_app.ui.text import escape
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed

_MINUTE, _HOUR = 60, 3600


def duration(seconds: float) -> str:
    """How long something takes, as one would say it.

    >>> duration(40), duration(125), duration(3600 * 1.6)
    ('less than a minute', 'about 2 minutes', 'about 1.6 hours')
    """
    if seconds < 0.75 * _MINUTE:
        return "less than a minute"
    if seconds < 1.5 * _MINUTE:
        return "about a minute"
    if seconds < 1.45 * _HOUR:
        return f"about {round(seconds / _MINUTE)} minutes"
    return f"about {seconds / _HOUR:.2g} hours"


def plan_html(method: str, values: tuple[str, ...], course: Course, seconds: float | None) -> str:
    """How many replies a plan comes to, and how long they take if that is known."""
    if not values:
        return _line("Tick the values that you want to measure; each theory has a box for all.")
    n = doses(method, values)
    each = "" if course.replies == 1 else f", {course.replies} replies to each"
    plan = (
        f"<b>{n * course.n:,} replies</b>: {len(values)} {_plural('value', len(values))}, "
        f"{n} doses in all, {len(course.prompts)} questions at each{each}."
    )
    if seconds is None:
        return _line(f"{plan} How fast this model answers is not known yet.")
    return _line(f"{plan} That takes <b>{duration(seconds)}</b>; you can chat meanwhile.")


def wrong_html(error: str) -> str:
    """Why a plan cannot be carried out."""
    return f'<p class="vf-hint vf-wrong" role="status">{escape(error)}</p>'


def news_html(running: Running, loading: str) -> str:
    """A run's progress; ``loading`` says what it waits for before its first reply."""
    name = METHOD_NAMES.get(running.method, running.method)
    n = len(running.values)
    what = value_label(running.values[0]) if n == 1 else f"{n} values"
    title = f"{escape(what)}, steered by {escape(name.lower())}"
    share = running.done / running.of if running.of else 0.0
    percent = 100 if running.state == "finished" else int(100 * share)
    bar = (
        '<div class="vf-bar" role="progressbar" aria-label="Calibration" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
    )
    # Read out when it ends; every reply would be too often.
    role = "" if running.active else ' role="status"'
    words = _words(running, loading)
    return f'<h2 class="vf-section">{title}</h2>{bar}<p class="vf-news"{role}>{words}</p>'


def _words(running: Running, loading: str) -> str:
    counted = f"{running.done:,} of {running.of:,} replies"
    if running.state == "running" and not running.of:
        return f"{escape(loading)} …"
    if running.state == "running":
        left = running.seconds_left
        until = "" if left is None else f", {duration(left)} left"
        return (
            f"<b>{counted}</b>{until}. It goes on when you close this tab, and shares the model "
            "with the chat."
        )
    if running.state == "stopping":
        return f"{counted}. Stopping; what is measured is kept."
    if running.state == "finished":
        return "Finished. From now on the chat goes by these curves."
    if running.state == "stopped":
        return f"Stopped after {counted}. Open it below to resume it."
    return f"It broke off: {escape(running.error)} What was measured is kept."


def list_label(kept: Kept) -> str:
    """One line of the list; plain text."""
    parts = [kept.model, METHOD_NAMES.get(kept.method, kept.method)]
    if kept.whole:
        parts.append(f"{len(kept.wanted)} {_plural('value', len(kept.wanted))}")
    else:
        parts.append(
            f"{len(kept.values)} of {len(kept.wanted)} values, {100 * kept.done // kept.of}% done"
        )
    parts.append(date_of(kept) or "comes with the program")
    return " · ".join(parts)


def date_of(kept: Kept) -> str:
    """'27 Nov 2026, 14:05', in the server's own time; "" where it has none."""
    if kept.updated is None:
        return ""
    at = kept.updated.astimezone()
    return f"{at.day} {at:%b %Y, %H:%M}"


def facts_html(kept: Kept) -> str:
    """What the open calibration is."""
    name = METHOD_NAMES.get(kept.method, kept.method)
    facts = [f"steered by {name.lower()}"]
    if kept.course:
        n = len(kept.course.prompts)
        facts.append(
            f"{n} questions, {kept.course.replies} {_plural('reply', kept.course.replies)} each"
        )
    facts.append(date_of(kept) or "comes with the program")
    if not kept.whole:
        facts.append(f"{kept.done} of {kept.of} doses measured: resume it for the rest")
    listed = " · ".join(escape(fact) for fact in facts)
    return f'<h2 class="vf-section">{escape(kept.model)}</h2><p class="vf-hint">{listed}</p>'


def reach_html(response: DoseResponse | None) -> str:
    """What a curve says, for those too who do not see it; "" where there is none yet."""
    if response is None:
        return ""
    low, high = response.reachable
    rest = response.predict(0.0).intensity
    return _line(
        f"{escape(value_label(response.value))} can be brought from <b>{signed(low)}</b> to "
        f"<b>{signed(high)}</b>; unsteered it stands at {signed(rest)}. Shaded: the doses at which "
        "the replies still read like the model's own."
    )


def _plural(word: str, n: int) -> str:
    if n == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _line(html: str) -> str:
    return f'<p class="vf-plan" role="status">{html}</p>'
