"""The map of the value space as a Plotly figure: its texts, its arrows, its buttons."""

import colorsys
import html
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chat_app.hives.labels import direction
from chat_app.values.taxonomy import STEERED, THEORIES, UnknownValue, get_value

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from chat_app.vidb.anchors import Anchor

_SYMBOLS = {1: "triangle-up", 0: "circle", -1: "triangle-down"}
_SIGN_COLOURS = {1: "#2a7f62", 0: "#b9b9b4", -1: "#b5482f"}
# The map's share of the page's width; the legends have the rest.
_WIDTH = 0.8
# Hue (first, last) of each theory's values, and one colour for the theory as a whole.
_HUES = {"svt": (0.47, 0.69), "mft": (0.96, 1.08), "duty": (0.74, 0.90), "right": (0.12, 0.38)}
_THEORY_COLOURS = {"svt": "#2d6fb3", "mft": "#cf4a3c", "duty": "#8a4fb0", "right": "#6f8f1f"}
_OWN_COLOUR = "#555555"
_HALO = ", ".join(f"{x}px {y}px 2px white" for x in (-1, 0, 1) for y in (-1, 0, 1))


@dataclass(frozen=True)
class Pole:
    """Where an axis points to on the map: the median place, (x, y), of the texts nearest to +axis
    and of those nearest to -axis."""

    support: tuple[float, float]
    oppose: tuple[float, float]


def draw(
    places: NDArray[np.float64],
    anchors: "Sequence[Anchor]",
    arrows: Mapping[str, Pole],
) -> "Figure":
    """The map as a Plotly figure: a trace of texts and one arrow for each value.

    Triangles point up for support and down for opposition, circles are neutral; the size grows
    with the intensity's strength. The legends, one a theory, hide and show values; the buttons
    choose a theory, the colours, and whether arrows are drawn.
    """
    import plotly.graph_objects as go

    rows: dict[str, list[int]] = {}
    for row, anchor in enumerate(anchors):
        rows.setdefault(anchor.value, []).append(row)
    values = sorted(rows, key=_order)
    colours = _colours(values)
    theories = list(dict.fromkeys(_theory(value) for value in values))
    figure = go.Figure()
    for value in values:
        legend = _legend_name(theories.index(_theory(value)))
        theirs = [anchors[row] for row in rows[value]]
        figure.add_trace(_texts(value, theirs, places[rows[value]], colours[value], legend))
    drawn = [value for value in values if value in arrows]
    labels = _label_places({value: arrows[value] for value in drawn}, places)
    for value in drawn:
        figure.add_trace(_arrow(value, arrows[value], labels[value], colours[value]))
    figure.update_layout(
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#222"},
        margin={"l": 20, "r": 20, "t": 90, "b": 20},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"size": 13}},
        dragmode="pan",
        updatemenus=_menus(values, drawn, theories, [rows[v] for v in values], anchors, colours),
        **_legends(theories, [_theory(v) for v in values]),
    )
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(**hidden, domain=[0, _WIDTH])
    figure.update_yaxes(**hidden, scaleanchor="x", scaleratio=1)
    return figure


def _theory(value: str) -> str:
    return value.partition("/")[0]


def _order(value: str) -> tuple[int, int, str]:
    """Theories as the taxonomy lists them, and the values within; others last."""
    theory = list(THEORIES).index(_theory(value)) if _theory(value) in THEORIES else len(THEORIES)
    place = STEERED.index(value) if value in STEERED else len(STEERED)
    return theory, place, value


def _label(value: str) -> str:
    try:
        return get_value(value).label
    except UnknownValue:
        return value.partition("/")[2]


def _theory_label(theory: str) -> str:
    return THEORIES[theory].label if theory in THEORIES else "Your own"


def _colours(values: Sequence[str]) -> dict[str, str]:
    """Neighbouring hues within a theory, light and dark in turn."""
    colours = {}
    for theory in dict.fromkeys(_theory(value) for value in values):
        theirs = [value for value in values if _theory(value) == theory]
        first, last = _HUES.get(theory, (0.0, 0.0))
        for place, value in enumerate(theirs):
            hue = first + (last - first) * place / max(1, len(theirs) - 1)
            light = (0.38, 0.52, 0.62)[place % 3]
            red, green, blue = colorsys.hls_to_rgb(hue % 1, light, 0.62 if theory in _HUES else 0)
            colours[value] = (
                f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
            )
    return colours


def _legend_name(place: int) -> str:
    return "legend" if place == 0 else f"legend{place + 1}"


def _texts(
    value: str,
    anchors: "Sequence[Anchor]",
    places: NDArray[np.float64],
    colour: str,
    legend: str,
) -> dict[str, Any]:
    signs = [direction(a.intensity) for a in anchors]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": html.escape(_label(value)),
        "legend": legend,
        "legendgroup": value,
        "x": np.round(places[:, 0], 3).tolist(),
        "y": np.round(places[:, 1], 3).tolist(),
        "text": [_hover(a) for a in anchors],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [colour] * len(anchors),
            "symbol": [_SYMBOLS[s] for s in signs],
            "size": [round(5 + 0.55 * abs(a.intensity), 1) for a in anchors],
            "opacity": [0.85 if s else 0.5 for s in signs],
            "line": {"width": 0.5, "color": "white"},
        },
    }


def _hover(anchor: "Anchor") -> str:
    text = anchor.text if len(anchor.text) <= 400 else anchor.text[:397] + "..."
    lines = "<br>".join(html.escape(line) for line in textwrap.wrap(text, 60))
    return f"<b>{html.escape(_label(anchor.value))} {anchor.intensity:+.1f}</b><br>{lines}"


def _label_places(
    arrows: Mapping[str, Pole], places: NDArray[np.float64]
) -> dict[str, tuple[float, float]]:
    """Where the arrows' names stand: at their tips, moved up or down until none hides another.

    A letter is taken as 1/110 of the map's width, a line as 1/42, as on a screen of usual size.
    """
    size = float(np.ptp(places, axis=0).max()) or 1.0
    letter, line = size / 110, size / 42
    names = sorted(arrows, key=lambda value: arrows[value].support[1])
    at = {v: [arrows[v].support[0], arrows[v].support[1] + line] for v in names}
    for _ in range(200):
        moved = False
        for low, high in itertools.combinations(names, 2):
            wide = letter * (len(_label(low)) + len(_label(high))) / 2
            gap = at[high][1] - at[low][1]
            if abs(at[high][0] - at[low][0]) < wide and abs(gap) < line:
                push = (line - abs(gap)) / 2 + line / 100
                at[low][1] -= push if gap >= 0 else -push
                at[high][1] += push if gap >= 0 else -push
                moved = True
        if not moved:
            break
    return {value: (x, y) for value, (x, y) in at.items()}


def _arrow(value: str, pole: Pole, label: tuple[float, float], colour: str) -> dict[str, Any]:
    (x0, y0), (x1, y1) = pole.oppose, pole.support
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        # The blank parts the name, which is text alone, from the arrow.
        "x": [x0, x1, None, label[0]],
        "y": [y0, y1, None, label[1]],
        "legendgroup": value,
        "showlegend": False,
        "hoverinfo": "skip",
        "text": ["", "", "", f"<b>{html.escape(_label(value))}</b>"],
        "textposition": "middle center",
        "textfont": {"color": colour, "size": 12, "shadow": _HALO},
        "line": {"color": colour, "width": 1.2},
        "marker": {
            "symbol": ["circle", "arrow", "circle", "circle"],
            "size": [5, 12, 0, 0],
            "angleref": "previous",
            "color": colour,
            "opacity": 1,
        },
    }


def _legends(theories: Sequence[str], theory_of: Sequence[str]) -> dict[str, Any]:
    """One legend a theory, below each other: a heading takes the room of two lines."""
    lines = [theory_of.count(theory) + 2 for theory in theories]
    whole = max(sum(lines), 1)
    legends = {}
    above = 0
    for place, theory in enumerate(theories):
        legends[_legend_name(place)] = {
            "title": {"text": f"<b>{html.escape(_theory_label(theory))}</b>"},
            "x": _WIDTH + 0.01,
            "y": 1 - above / whole,
            "yanchor": "top",
            "font": {"size": 12},
            "tracegroupgap": 0,
            "itemsizing": "constant",
        }
        above += lines[place]
    return legends


def _menus(
    values: Sequence[str],
    drawn: Sequence[str],
    theories: Sequence[str],
    rows: Sequence[Sequence[int]],
    anchors: "Sequence[Anchor]",
    colours: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Three rows of buttons: theory, colours, arrows. Traces: texts of each value, then arrows."""
    traces = [*values, *drawn]
    texts, arrows = list(range(len(values))), list(range(len(values), len(traces)))

    def colour_by(of: Any) -> dict[str, Any]:
        return {"marker.color": [[of(anchors[r]) for r in theirs] for theirs in rows]}

    theory_buttons = [("All", [True] * len(traces))] + [
        (_theory_label(theory), [_theory(value) == theory for value in traces])
        for theory in theories
    ]
    colour_buttons = [
        ("By value", colour_by(lambda a: colours[a.value])),
        ("By theory", colour_by(lambda a: _THEORY_COLOURS.get(_theory(a.value), _OWN_COLOUR))),
        ("By direction", colour_by(lambda a: _SIGN_COLOURS[direction(a.intensity)])),
    ]
    menus = [
        _buttons(1, [(name, [{"visible": seen}]) for name, seen in theory_buttons]),
        _buttons(0, [(name, [colour, texts]) for name, colour in colour_buttons]),
    ]
    if arrows:
        shown = [("Axes shown", [{"opacity": 1}, arrows]), ("Hidden", [{"opacity": 0}, arrows])]
        menus.append(_buttons(0, shown) | {"x": _WIDTH, "xanchor": "right"})
    return menus


def _buttons(row: int, buttons: Sequence[tuple[str, list[Any]]]) -> dict[str, Any]:
    """Buttons above the map, ``row`` rows up from its edge."""
    return {
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "pad": {"b": 8 + 38 * row},
        "showactive": True,
        "bgcolor": "white",
        "bordercolor": "#ccc",
        "font": {"size": 12},
        "buttons": [
            {"label": label, "method": "restyle", "args": arguments} for label, arguments in buttons
        ],
    }
