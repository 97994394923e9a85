"""Small pieces of safe HTML: intensities in words, and the chips under a reply.

A chip says what was asked of a value and what was measured, "benevolence +6 → +5.1 ± 0.8", and
says by colour, by sign and in words for a screen reader how well the two agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from chat_app.ui.text import escape
from chat_app.values.custom import is_custom, value_label
from chat_app.values.numerals import fixed, signed

Agreement = Literal["close", "near", "far"]

# In intensity units. A step of the sliders is 1 and a band of the intensity prompts is 4 wide:
# within half a band is as asked; beyond a whole one the reply says something else.
_CLOSE, _NEAR = 2.0, 4.0
_WAITING = "Not measured yet; “all values” measures it where that is not under way"
_SIGNS: dict[Agreement, tuple[str, str]] = {
    "close": ("✓", "as asked"),
    "near": ("≈", "somewhat off"),
    "far": ("✕", "far from what was asked"),
}


@dataclass(frozen=True)
class Chip:
    """One targeted value under a reply; ``intensity`` is None until it is measured. ``why_not``:
    why it will not be by itself."""

    label: str
    target: float
    intensity: float | None = None
    stderr: float | None = None
    why_not: str | None = None


def value_words(value: str) -> str:
    """What the page calls a value: its label in lower case, a person's own words in quotes."""
    label = value_label(value)
    return f"“{label}”" if is_custom(value) else label.lower()


def agreement(target: float, intensity: float, stderr: float | None = None) -> Agreement:
    """How well a measured intensity meets its target; a difference within two standard errors
    is never called far."""
    gap = abs(target - intensity)
    if gap <= _CLOSE:
        return "close"
    return "near" if gap <= max(_NEAR, 2 * (stderr or 0.0)) else "far"


def chip_html(chip: Chip) -> str:
    """One chip; a score that is not there yet shows as three dots."""
    label = escape(chip.label)
    asked = f'<b>{label}</b> <span class="vf-asked">{signed(chip.target)}</span>'
    if chip.intensity is None and chip.why_not:
        return (
            f'<span class="vf-chip vf-unmeasured" role="listitem" title="{escape(chip.why_not)}">'
            f'{asked} <span class="vf-arrow">→</span> not measured</span>'
        )
    if chip.intensity is None:
        return (
            f'<span class="vf-chip vf-waiting" role="listitem" title="{_WAITING}">{asked} '
            '<span class="vf-arrow">→</span> <span class="vf-dots">…</span></span>'
        )
    measured = fixed(chip.intensity)
    error = "" if chip.stderr is None else f' <span class="vf-error">± {chip.stderr:.1f}</span>'
    kind = agreement(chip.target, chip.intensity, chip.stderr)
    sign, words = _SIGNS[kind]
    title = f"{label}: asked for {signed(chip.target)}, measured {measured}, {words}"
    return (
        f'<span class="vf-chip vf-{kind}" role="listitem" title="{title}">{asked} '
        f'<span class="vf-arrow">→</span> <span class="vf-measured">{measured}</span>{error} '
        f'<span class="vf-sign" aria-label="{words}">{sign}</span></span>'
    )


def chips_html(chips: Iterable[Chip], notes: Iterable[str] = (), more: str = "") -> str:
    """What stands under a reply: its chips, ``more`` behind them (safe HTML), then notes such as
    "Stopped." as quiet text."""
    shown = "".join(chip_html(chip) for chip in chips)
    listed = f'<div class="vf-chips" role="list">{shown}</div>' if shown else ""
    row = f'<div class="vf-measures">{listed}{more}</div>' if listed or more else ""
    return row + "".join(f'<div class="vf-note">{escape(note)}</div>' for note in notes)


def summary_html(targets: Mapping[str, float]) -> str:
    """One line of what a profile asks for. ``targets``: {label: intensity}."""
    wishes = sorted(targets.items(), key=lambda item: -abs(item[1]))
    if not wishes:
        return '<p class="vf-summary vf-none">No value is targeted: replies are unsteered.</p>'
    parts = (
        f'<span class="vf-wish {"vf-towards" if t > 0 else "vf-away"}">{escape(label)} '
        f"{signed(t)}</span>"
        for label, t in wishes
    )
    return f'<p class="vf-summary">{" ".join(parts)}</p>'
