"""How the score details look: a row for each value, and the windows that a number came from."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from chat_app.chat.insight import Measured, Reason, WholeProfile
from chat_app.evaluation.recall import Ranked
from chat_app.ui.chips import agreement, value_words
from chat_app.ui.scale import capital, place
from chat_app.ui.text import escape
from chat_app.values.custom import is_custom, value_label
from chat_app.values.numerals import fixed, signed
from chat_app.values.taxonomy import THEORIES
from chat_app.vidb.loading import HIGHEST, LOWEST

_SPAN = HIGHEST - LOWEST
# Characters of the reply that are quoted: above the chart, and in each window.
_QUOTED, _QUOTED_AGAIN = 220, 80
_RANKERS = {"hives": "the HIVES ranker", "llm": "a local judge", "remote": "a remote judge"}
_WORDS = {"close": "as asked", "near": "somewhat off", "far": "far from what was asked"}


def details_link(message_id: str) -> str:
    """What stands behind a reply's chips: it opens the details."""
    return (
        f'<button type="button" class="vf-all" data-message="{escape(message_id)}" '
        'title="What this reply supports, for all values, and why">all values</button>'
    )


def waiting_html(what: str) -> str:
    dots = '<span class="vf-pulse"><i></i><i></i><i></i></span>'
    return f'<div class="vf-loading" role="status">{dots} {escape(what)}</div>'


def failed_html(sentence: str) -> str:
    return f'<p class="vf-d-problem" role="status">{escape(sentence)}</p>'


def profile_html(whole: WholeProfile, chosen: str, *, stored: bool = True) -> str:
    """The chart: bars from 0 to what was measured, whiskers, and marks at the targets. A
    conversation that is ``stored`` can be followed on the Trends page."""
    by = escape(" and ".join(_RANKERS.get(name, name) for name in whole.rankers))
    model = f" · {escape(whole.model)}" if whole.model else ""
    follow = f"/trends?c={quote(whole.conversation_id)}"
    trend = f' · <a href="{follow}">through the conversation</a>' if stored else ""
    groups = "".join(_group(*group, chosen) for group in _groups(whole.scores))
    return (
        f'<blockquote class="vf-d-quote">{escape(_shortened(whole.text, _QUOTED))}</blockquote>'
        f'<p class="vf-d-meta">{escape(whole.profile)}{model} · measured by {by}{trend}</p>'
        f"{_LEGEND}{_AXIS}{groups}"
    )


def reason_html(found: Reason) -> str:
    """The number of one value, where it comes from, and the windows."""
    score = found.score
    asked = ""
    if score.target is not None:
        kind = agreement(score.target, score.intensity, score.stderr)
        asked = (
            f'<p class="vf-d-asked">asked {signed(score.target)} '
            f'<span class="vf-chip vf-{kind}">{_WORDS[kind]}</span></p>'
        )
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in found.sentences)
    windows = "".join(
        _window(number, window, found.text) for number, window in enumerate(found.windows, 1)
    )
    return (
        f'<section class="vf-d-reason" data-value="{escape(score.value)}">'
        f"<h3>{escape(capital(value_words(score.value)))}{_meaning(score.value)}</h3>"
        f'<p class="vf-d-number">{fixed(score.intensity)} <span>± {score.stderr:.1f}</span></p>'
        f"{asked}{sentences}{windows}</section>"
    )


_LEGEND = (
    '<p class="vf-d-legend"><span><i class="vf-d-key-bar"></i>measured</span>'
    '<span><i class="vf-d-key-line"></i>95% interval</span>'
    '<span><i class="vf-d-key-mark"></i>asked for</span></p>'
)
_AXIS = (
    '<div class="vf-d-axis" aria-hidden="true"><span></span><span class="vf-d-scale">'
    + "".join(
        f'<i style="left:{100 * (at - LOWEST) / _SPAN:g}%">{signed(at)}</i>'
        for at in (-10, -5, 0, 5, 10)
    )
    + "</span><span></span></div>"
)


def _groups(scores: Iterable[Measured]) -> Iterator[tuple[str, list[Measured]]]:
    """(title, scores): a person's own values, then theory by theory."""
    scores = list(scores)
    own = [score for score in scores if is_custom(score.value)]
    if own:
        yield "In your own words", own
    for theory in THEORIES.values():
        inside = [score for score in scores if score.value.startswith(f"{theory.id}/")]
        if inside:
            yield theory.label, inside


def _group(title: str, scores: Iterable[Measured], chosen: str) -> str:
    rows = "".join(f"<li>{_row(score, score.value == chosen)}</li>" for score in scores)
    return f'<h3 class="vf-d-theory">{escape(title)}</h3><ul class="vf-d-rows">{rows}</ul>'


def _row(score: Measured, pressed: bool) -> str:
    label = value_label(score.value)
    zero = place(0.0)
    at = place(score.intensity)
    left, width = min(zero, at), abs(at - zero)
    side = "vf-d-for" if score.intensity >= 0 else "vf-d-against"
    low, high = place(score.low), place(score.high)
    said = f"{label}: measured {fixed(score.intensity)} ± {score.stderr:.1f}"
    mark = ""
    if score.target is not None:
        kind = agreement(score.target, score.intensity, score.stderr)
        said += f", asked for {signed(score.target)}, {_WORDS[kind]}"
        mark = f'<i class="vf-d-mark vf-d-mark-{kind}" style="left:{place(score.target):.2f}%"></i>'
    return (
        f'<button type="button" class="vf-d-row{" vf-d-target" if mark else ""}" '
        f'data-value="{escape(score.value)}" aria-pressed="{str(pressed).lower()}" '
        f'aria-label="{escape(said)}" title="{escape(said)}">'
        f'<span class="vf-d-label">{escape(label)}</span>'
        f'<span class="vf-d-track"><i class="vf-d-zero"></i>'
        f'<i class="vf-d-bar {side}" style="left:{left:.2f}%;width:{width:.2f}%"></i>'
        f'<i class="vf-d-whisker" style="left:{low:.2f}%;width:{max(high - low, 0):.2f}%"></i>'
        f"{mark}</span>"
        f'<span class="vf-d-value">{fixed(score.intensity)}</span></button>'
    )


def _meaning(value: str) -> str:
    if is_custom(value):
        return ""
    return f'<a class="vf-d-meaning" href="/values?v={quote(value)}">what it means</a>'


def _window(number: int, window: Ranked, text: str) -> str:
    own = escape(_shortened(text, _QUOTED_AGAIN))
    items = [
        f'<li class="vf-d-own"><b>reply</b><span>{own}</span></li>'
        if anchor is None
        else f"<li><b>{fixed(anchor.intensity)}</b><span>{escape(anchor.text)}</span></li>"
        for anchor in window.order
    ]
    return (
        f'<h4>Window {number}<span class="vf-d-most">most supportive first</span></h4>'
        f'<ol class="vf-d-window">{"".join(items)}</ol>'
    )


def _shortened(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[:longest].rstrip() + "…"
