"""What is drawn on the sliders: the reachable range, the unsteered point, targets out of reach.

A slider's place is told by rules of style for its element, which change as one piece where 32
components would each be sent and drawn anew.
"""

from collections.abc import Mapping

from chat_app.chat.forecast import Forecast, Reach
from chat_app.ui.text import escape
from chat_app.ui.value_sliders import slider_id
from chat_app.values.custom import is_custom, value_label
from chat_app.values.numerals import signed
from chat_app.values.profile import HIGHEST, LOWEST


def marks_html(reach: Reach, forecast: Forecast, own: Mapping[str, str]) -> str:
    """The rules. ``own``: {value in one's own words: the element of its slider}."""
    rules = []
    for value, (low, high) in reach.ranges.items():
        if (id := _element(value, own)) is None:
            continue
        rest = reach.rest[value]
        places = ";".join(
            f"--vf-{name}:{_place(x)}"
            for name, x in (("low", low), ("high", high), ("rest-place", rest))
        )
        words = f" Reaches {signed(low)} to {signed(high)}; unsteered {signed(rest)}."
        rules += [f"#{id}{{{places}}}", f'#{id} .info-text::after{{content:"{words}"}}']
    for value, reached in forecast.beyond.items():
        if id := _element(value, own):
            words = f"Out of this model’s reach: {signed(reached)} is aimed at"
            rules.append(f'#{id}::after{{content:"{words}"}}')
    return f"<style>{''.join(rules)}</style>"


def legend_html(reach: Reach, method: str) -> str:
    """What the marks mean, or how to get some."""
    if method == "none":
        return ""
    if not reach.ranges:
        return (
            '<p class="vf-legend">How far each value can go this way was not measured for this '
            "model yet: calibrate it, and the reach shows here.</p>"
        )
    return (
        '<p class="vf-legend"><span><i class="vf-key-band"></i>within this model’s reach</span>'
        '<span><i class="vf-key-rest"></i>where it stands unsteered</span></p>'
    )


def outlook_html(forecast: Forecast) -> str:
    """What the targets do to each other; targets out of reach again, for those who hear the page
    and cannot see it said at the slider."""
    said = "".join(
        f'<span class="vf-unseen">{escape(value_label(value))} is out of this model’s reach: '
        f"{signed(reached)} is aimed at. </span>"
        for value, reached in forecast.beyond.items()
    )
    words = said + escape(forecast.sentence)
    kind = "vf-outlook" if forecast.sentence else "vf-unseen"
    return f'<p class="{kind}">{words}</p>' if words else ""


def _element(value: str, own: Mapping[str, str]) -> str | None:
    return own.get(value) if is_custom(value) else slider_id(value)


def _place(intensity: float) -> str:
    """Where on the slider, from 0 to 1."""
    return f"{(intensity - LOWEST) / (HIGHEST - LOWEST):.3f}"
