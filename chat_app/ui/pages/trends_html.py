"""How the Trends page looks: a small chart for each value of a conversation, or a strip for each
value over many; with the numbers in a table for those who read better than they see."""

from collections.abc import Sequence
from statistics import fmean, pstdev

from chat_app.chat.trends import CELLS, Line, Summary
from chat_app.ui.chips import value_words
from chat_app.ui.scale import capital, place
from chat_app.ui.text import escape
from chat_app.values.custom import value_label
from chat_app.values.numerals import fixed, signed
from chat_app.vidb.loading import HIGHEST, LOWEST

_WIDTH, _HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 8, 20
_SPAN = HIGHEST - LOWEST


def lines_html(lines: Sequence[Line]) -> str:
    """A small chart a value: points with error bars, what was asked for as a dashed line."""
    charts = "".join(_chart(line) for line in lines)
    rows = []
    for line in lines:
        measured = [p.intensity for p in line.points]
        targets = [p.target for p in line.points if p.target is not None]
        rows.append(
            _tr(
                line.value,
                len(measured),
                fmean(measured),
                pstdev(measured),
                (min(targets), max(targets)) if targets else None,
                fmean(abs(p.intensity - p.target) for p in line.points if p.target is not None)
                if targets
                else None,
            )
        )
    legend = (
        '<p class="vf-d-legend"><span><i class="vf-t-key-dot"></i>measured, ± one standard error'
        '</span><span><i class="vf-t-key-dash"></i>asked for</span></p>'
    )
    return f'{legend}<div class="vf-t-charts">{charts}</div>{_table(rows)}'


def summaries_html(found: Sequence[Summary]) -> str:
    """A strip a value: how often each intensity came, their mean and spread, the targets."""
    total = max(each.n for each in found)
    legend = (
        '<p class="vf-d-legend"><span><i class="vf-t-key-cell"></i>replies, the darker the more'
        '</span><span><i class="vf-t-key-mean"></i>mean ± spread</span>'
        '<span><i class="vf-d-key-mark"></i>asked for</span>'
        f"<span>up to {total:,} {'reply' if total == 1 else 'replies'} a value</span></p>"
    )
    axis = (
        '<div class="vf-t-row vf-t-axis" aria-hidden="true"><span></span>'
        '<span class="vf-d-scale">'
        + "".join(f'<i style="left:{place(at):g}%">{signed(at)}</i>' for at in (-10, -5, 0, 5, 10))
        + "</span><span></span></div>"
    )
    strips = "".join(_strip(each) for each in found)
    rows = [
        _tr(each.value, each.n, each.mean, each.spread, each.targets, each.missed) for each in found
    ]
    return f'{legend}<div class="vf-t-strips">{axis}{strips}</div>{_table(rows)}'


def _chart(line: Line) -> str:
    def x(turn: float) -> float:
        return _LEFT + (turn - 0.5) / line.replies * (_WIDTH - _LEFT - _RIGHT)

    def y(intensity: float) -> float:
        share = (min(max(intensity, LOWEST), HIGHEST) - LOWEST) / _SPAN
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    grid = "".join(
        f'<line class="{"vf-c-zero" if v == 0 else "vf-c-grid"}" x1="{_LEFT}" '
        f'x2="{_WIDTH - _RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text x="{_LEFT - 7}" y="{y(v) + 4:.1f}" text-anchor="end">{signed(v)}</text>'
        for v in (-10, 0, 10)
    )
    half = 0.5
    targets = "".join(
        f'<line class="vf-t-target" x1="{x(p.turn - half):.1f}" x2="{x(p.turn + half):.1f}" '
        f'y1="{y(p.target):.1f}" y2="{y(p.target):.1f}"/>'
        for p in line.points
        if p.target is not None
    )
    errors = "".join(
        f'<line class="vf-t-error" x1="{x(p.turn):.1f}" x2="{x(p.turn):.1f}" '
        f'y1="{y(p.intensity - p.stderr):.1f}" y2="{y(p.intensity + p.stderr):.1f}"/>'
        for p in line.points
    )
    path = " ".join(f"{x(p.turn):.1f},{y(p.intensity):.1f}" for p in line.points)
    dots = "".join(
        f'<circle cx="{x(p.turn):.1f}" cy="{y(p.intensity):.1f}" r="3.2"><title>'
        f"Reply {p.turn}: {signed(p.intensity)} ± {p.stderr:.1f}{_asked(p.target)}</title></circle>"
        for p in line.points
    )
    step = max(1, -(-line.replies // 8))
    turns = "".join(
        f'<text x="{x(turn):.1f}" y="{_HEIGHT - 4}" text-anchor="middle">{turn}</text>'
        for turn in range(1, line.replies + 1, step)
    )
    mean = fmean(p.intensity for p in line.points)
    label = escape(capital(value_words(line.value)))
    said = f"{label}: mean {signed(mean)} over {len(line.points)} replies"
    return (
        f'<figure class="vf-t-chart"><figcaption><b>{label}</b>'
        f"<span>mean {fixed(mean)}</span></figcaption>"
        f'<svg class="vf-chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f'{grid}{turns}{targets}{errors}<polyline class="vf-c-line" points="{path}"/>'
        f'<g class="vf-c-dots">{dots}</g></svg></figure>'
    )


def _strip(each: Summary) -> str:
    most = max(each.cells)
    cells = "".join(_cell(i, n, most) for i, n in enumerate(each.cells) if n)
    low, high = place(each.mean - each.spread), place(each.mean + each.spread)
    target = ""
    if each.target is not None:
        target = f'<i class="vf-d-mark" style="left:{place(each.target):.2f}%"></i>'
    said = f"{value_label(each.value)}: mean {signed(each.mean)}, {each.n:,} replies"
    return (
        f'<div class="vf-t-row" role="img" aria-label="{escape(said)}">'
        f'<span class="vf-d-label">{escape(value_label(each.value))}</span>'
        f'<span class="vf-d-track vf-t-track">{cells}<i class="vf-d-zero"></i>'
        f'<i class="vf-d-whisker" style="left:{low:.2f}%;width:{max(high - low, 0):.2f}%"></i>'
        f'<i class="vf-t-mean" style="left:{place(each.mean):.2f}%"></i>{target}</span>'
        f'<span class="vf-d-value">{fixed(each.mean)}</span></div>'
    )


def _cell(place: int, n: int, most: int) -> str:
    where = f"left:{100 * place / CELLS:g}%;opacity:{0.1 + 0.8 * n / most:.2f}"
    title = f"{n:,} between {signed(LOWEST + place)} and {signed(LOWEST + place + 1)}"
    return f'<i class="vf-t-cell" style="{where}" title="{title}"></i>'


def _table(rows: Sequence[str]) -> str:
    heads = (
        ("Value", ""),
        ("Replies", ""),
        ("Asked for", ""),
        ("Mean", ""),
        ("Spread", "The standard deviation of the replies"),
        ("Off by", "How far the replies lie from what was asked, on average"),
    )
    head = "".join(f'<th scope="col" title="{title}">{name}</th>' for name, title in heads)
    return (
        f'<table class="vf-t-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _tr(
    value: str,
    n: int,
    mean: float,
    spread: float,
    targets: tuple[float, float] | None,
    missed: float | None,
) -> str:
    asked = "–"
    if targets:
        low, high = targets
        asked = signed(low) if low == high else f"{signed(low)} to {signed(high)}"
    off = "–" if missed is None else f"{missed:.1f}"
    apart = "–" if n == 1 else f"{spread:.1f}"
    return (
        f'<tr><th scope="row">{escape(capital(value_words(value)))}</th><td>{n:,}</td>'
        f"<td>{asked}</td><td>{fixed(mean)}</td><td>{apart}</td><td>{off}</td></tr>"
    )


def _asked(target: float | None) -> str:
    return "" if target is None else f", asked {signed(target)}"
