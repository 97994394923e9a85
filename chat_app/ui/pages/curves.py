"""Dose-response curves as Plotly figures, drawn by the copy of Plotly that Gradio serves itself.

The figures are plain data: nothing but the browser needs Plotly. Colours that must follow light
and dark (text, grid) are set by pages-calibrate.css.
"""

import json
from collections.abc import Mapping
from typing import Any

from gradio.components.plot import PlotData

from chat_app.steering.aim import DEFAULT_SCALE
from chat_app.steering.dose_response import DoseResponse
from chat_app.values.custom import value_label
from chat_app.values.numerals import signed

_LINE, _BAND, _IN_REACH = "#5570e6", "rgba(85,112,230,0.18)", "rgba(128,128,124,0.10)"
_AXIS = {"zeroline": False, "showgrid": True, "ticks": "", "fixedrange": True}


def curve_figure(response: DoseResponse) -> PlotData:
    """Measured intensity over dose: the curve, its band, the means, and how far one may go."""
    doses = [_dose(c) for c in response.coefficients]
    low, high = (_dose(c) for c in response.limits)
    label = value_label(response.value)
    band = {
        "x": [*doses, *reversed(doses)],
        "y": [*response.high, *reversed(response.low)],
        "fill": "toself",
        "fillcolor": _BAND,
        "line": {"width": 0},
        "name": "95% band",
        "hoverinfo": "skip",
        "type": "scatter",
        "mode": "lines",
    }
    line = {
        "x": doses,
        "y": list(response.fitted),
        "name": "curve",
        "line": {"color": _LINE, "width": 2.5},
        "type": "scatter",
        "mode": "lines",
        "hoverinfo": "skip",
    }
    dots = {
        "x": doses,
        "y": list(response.means),
        "customdata": list(response.perplexity),
        "name": "mean of the replies",
        "marker": {"color": _LINE, "size": 8, "line": {"color": "#fff", "width": 1.5}},
        "type": "scatter",
        "mode": "markers",
        "hovertemplate": (
            "dose %{x:+g}: measured %{y:+.1f}<br>"
            "%{customdata:.2f} times as surprising as unsteered<extra></extra>"
        ),
    }
    layout = {
        **_layout(f"{label}: measured intensity by dose"),
        "xaxis": {**_AXIS, "title": {"text": "dose (the intensity it stands for)"},
                  "tickvals": doses, "ticktext": [signed(d) for d in doses]},
        "yaxis": {**_AXIS, "title": {"text": "measured"}, "range": [-10.5, 10.5], "dtick": 5},
        "shapes": [
            {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1,
             "fillcolor": _IN_REACH, "line": {"width": 0}, "layer": "below"},
        ],
    }  # fmt: skip
    return _figure([band, line, dots], layout)


def ranges_figure(ranges: Mapping[str, tuple[float, float, float]]) -> PlotData:
    """What is in reach of each value, and where it stands unsteered; the widest range on top."""
    order = sorted(ranges, key=lambda value: ranges[value][2] - ranges[value][0])
    labels = [value_label(value) for value in order]
    low, rest, high = (list(column) for column in zip(*(ranges[v] for v in order), strict=True))
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": labels,
        "x": [h - lo for lo, h in zip(low, high, strict=True)],
        "base": low,
        "customdata": [list(pair) for pair in zip(low, high, strict=True)],
        "marker": {"color": _LINE, "opacity": 0.55, "cornerradius": 4},
        "name": "in reach",
        "hovertemplate": "%{y}: %{customdata[0]:+.1f} to %{customdata[1]:+.1f}<extra></extra>",
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": rest,
        "y": labels,
        "marker": {"color": "#fff", "size": 8, "line": {"color": "#283889", "width": 2}},
        "name": "unsteered",
        "hovertemplate": "%{y}: unsteered %{x:+.1f}<extra></extra>",
    }
    layout = {
        **_layout("In reach of each value"),
        "height": 90 + 24 * len(order),
        "bargap": 0.35,
        "xaxis": {**_AXIS, "range": [-10.5, 10.5], "dtick": 5, "title": {"text": "intensity"}},
        "yaxis": {**_AXIS, "showgrid": False, "automargin": True},
    }
    return _figure([bars, dots], layout)


def _dose(coefficient: float) -> float:
    return round(coefficient / DEFAULT_SCALE * 10, 2)


def _layout(title: str) -> dict[str, Any]:
    return {
        "meta": title,
        "height": 340,
        "margin": {"l": 52, "r": 12, "t": 34, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12.5},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom",
                   "bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "closest",
    }  # fmt: skip


def _figure(data: list[dict[str, Any]], layout: dict[str, Any]) -> PlotData:
    config = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}
    return PlotData(
        type="plotly", plot=json.dumps({"data": data, "layout": layout, "config": config})
    )
