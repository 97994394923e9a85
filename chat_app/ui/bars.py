"""Bars of intensities as safe HTML: what was asked beside what was measured, each with its words.

Every row says its numbers in text; the bar beside it is for the eye alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chat_app.ui.chips import agreement, value_words
from chat_app.ui.scale import place
from chat_app.ui.text import escape
from chat_app.values.numerals import signed


@dataclass(frozen=True)
class Bar:
    """One value: a measured ``intensity`` with the interval [low, high] (None: not measured yet),
    and the ``target`` that was asked for, if any."""

    value: str
    intensity: float | None
    low: float = 0.0
    high: float = 0.0
    target: float | None = None


def bars_html(bars: Iterable[Bar], caption: str) -> str:
    """A list of bars on one scale from -10 to +10, under a caption."""
    rows = "".join(f"<li>{_row(bar)}</li>" for bar in bars)
    scale = (
        '<div class="vf-bar-scale" aria-hidden="true"><span>−10</span><span>0</span>'
        "<span>+10</span></div>"
    )
    return (
        f'<div class="vf-bars"><p class="vf-hint">{escape(caption)}</p>'
        f'<ul role="list">{rows}</ul>{scale if rows else ""}</div>'
    )


def _row(bar: Bar) -> str:
    label = f'<span class="vf-bar-label">{escape(value_words(bar.value))}</span>'
    return f'<div class="vf-bar-head">{label}<span>{_numbers(bar)}</span></div>{_drawing(bar)}'


def _numbers(bar: Bar) -> str:
    asked = "" if bar.target is None else f"asked {signed(bar.target)}, "
    if bar.intensity is None:
        return f"{asked}not measured yet"
    measured = f"<b>{signed(bar.intensity)}</b>"
    if bar.target is None:
        return f"{measured} <small>{signed(bar.low)} to {signed(bar.high)}</small>"
    error = (bar.high - bar.low) / 2
    said = {"close": "as asked", "near": "somewhat off", "far": "far off"}
    kind = agreement(bar.target, bar.intensity, error / 2)
    return f'{asked}measured {measured} <small class="vf-bar-{kind}">{said[kind]}</small>'


def _drawing(bar: Bar) -> str:
    marks = ""
    if bar.intensity is not None:
        start, end = sorted((_x(0), _x(bar.intensity)))
        kind = "vf-bar-up" if bar.intensity >= 0 else "vf-bar-down"
        marks += _rect(start, end - start, 5, 6, kind)
        marks += _rect(_x(bar.low), _x(bar.high) - _x(bar.low), 7.4, 1.2, "vf-bar-error")
    if bar.target is not None:
        marks += _rect(_x(bar.target) - 0.6, 1.2, 0, 16, "vf-bar-target")
    return (
        '<svg class="vf-bar" viewBox="0 0 200 16" preserveAspectRatio="none" aria-hidden="true">'
        f"{_rect(0, 200, 7.5, 1, 'vf-bar-track')}{_rect(99.6, 0.8, 2, 12, 'vf-bar-zero')}{marks}"
        "</svg>"
    )


def _rect(x: float, width: float, y: float, height: float, kind: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:g}" width="{max(width, 0.8):.1f}" height="{height:g}" '
        f'class="{kind}"/>'
    )


def _x(intensity: float) -> float:
    """Where on a drawing 200 wide."""
    return 2 * place(intensity)
