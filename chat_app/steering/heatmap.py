"""The cosines between values' directions as a picture: one page that opens anywhere."""

from chat_app.hives.map import page
from chat_app.steering.direction_report import DirectionReport
from chat_app.values.custom import value_label

_CELL = 22  # pixels
_LABELS = 260  # pixels for the values' names, left and below
_TITLE = 90


def heatmap_page(report: DirectionReport) -> str:
    """An HTML page that asks the network for nothing."""
    import plotly.graph_objects as go

    names = [value_label(value) for value in report.values]
    # Ticks by number: two theories may give a value the same name.
    ticks = list(range(len(names)))
    hover = [
        [f"{a} and {b}: {cosine:+.2f}" for b, cosine in zip(report.values, row, strict=True)]
        for a, row in zip(report.values, report.cosines, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=report.cosines.round(3),
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            text=hover,
            hoverinfo="text",
            colorbar={"title": "cosine"},
        )
    )
    axis = {
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": names,
        "ticks": "",
        "showgrid": False,
    }
    size = _CELL * len(names)
    title = f"Directions of {report.model} ({report.method}): how alike two values are"
    figure.update_layout(
        title={"text": title, "x": 0.02},
        width=size + _LABELS + 120,
        height=size + _LABELS + _TITLE,
        margin={"l": _LABELS, "b": _LABELS, "t": _TITLE, "r": 100},
        xaxis={**axis, "tickangle": -60},
        yaxis={**axis, "autorange": "reversed"},
    )
    return page(figure, title)
