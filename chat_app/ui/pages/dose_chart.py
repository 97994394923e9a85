"""The dose-response of a value as a picture: inline SVG in the page's own colours."""

from collections.abc import Callable, Sequence

from chat_app.steering.dose_response import DoseResponse
from chat_app.ui.text import escape
from chat_app.values.numerals import signed
from chat_app.vidb.loading import HIGHEST, LOWEST

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 44


def dose_html(title: str, response: DoseResponse | None, model: str) -> str:
    """The curve with its band, and in a sentence what is in reach."""
    if response is None:
        words = (
            f"How {escape(model)} answers to this value was not measured: "
            '<a href="/calibrate">calibrate it</a>, and its curve shows here.'
        )
        return _section(title, f'<p class="vf-v-hint">{words}</p>')
    low, high = response.reachable
    natural = response.predict(0.0)
    reach = (
        f"{escape(model)} can be brought from {signed(low)} to {signed(high)}; left alone it "
        f"stands at {signed(natural.intensity)}."
    )
    return _section(title, f'<p class="vf-v-reach">{reach}</p>{_svg(response)}')


def _section(title: str, inside: str) -> str:
    return f'<section class="vf-v-section"><h3>{escape(title)}</h3>{inside}</section>'


def _svg(response: DoseResponse) -> str:
    xs = response.coefficients
    x = _scale(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT)
    y = _scale(LOWEST, HIGHEST, _HEIGHT - _BOTTOM, _TOP)
    start, end = (x(limit) for limit in response.limits)
    there = [(x(c), y(v)) for c, v in zip(xs, response.high, strict=True)]
    back = [(x(c), y(v)) for c, v in zip(xs, response.low, strict=True)][::-1]
    curve = [(x(c), y(v)) for c, v in zip(xs, response.fitted, strict=True)]
    dots = "".join(
        f'<circle cx="{x(c):.1f}" cy="{y(m):.1f}" r="3"/>'
        for c, m in zip(xs, response.means, strict=True)
    )
    rows = "".join(
        f'<line class="vf-c-grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(v):.1f}" '
        f'y2="{y(v):.1f}"/><text x="{_LEFT - 8}" y="{y(v) + 4:.1f}" text-anchor="end">'
        f"{signed(v)}</text>"
        for v in (-10, -5, 0, 5, 10)
    )
    columns = "".join(
        f'<text x="{x(c):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{signed(c, 2)}'
        "</text>"
        for c in _ticks(xs)
    )
    low, high = response.reachable
    said = f"Measured intensity against the dose: from {signed(low)} to {signed(high)} in reach."
    return (
        f'<svg class="vf-chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f'<rect class="vf-c-reach" x="{start:.1f}" y="{_TOP}" width="{max(end - start, 0):.1f}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM}"/>{rows}{columns}'
        f'<line class="vf-c-zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{_TOP}" '
        f'y2="{_HEIGHT - _BOTTOM}"/>'
        f'<polygon class="vf-c-band" points="{_points([*there, *back])}"/>'
        f'<polyline class="vf-c-line" points="{_points(curve)}"/><g class="vf-c-dots">{dots}</g>'
        f'<text class="vf-c-name" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" '
        'text-anchor="middle">how hard it is steered</text></svg>'
        '<p class="vf-v-hint">Dots: the mean of what was measured. Band: 95 of 100 repetitions '
        "would lie in it. Shaded: as far as the model still speaks plainly.</p>"
    )


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda at: start + (at - low) / span * (end - start)


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def _ticks(xs: Sequence[float]) -> list[float]:
    """At most seven of the doses, 0 and the ends among them."""
    if len(xs) <= 7:
        return list(xs)
    zero = xs.index(0.0)
    step = -(-len(xs) // 6)
    return [c for i, c in enumerate(xs) if (i - zero) % step == 0]
