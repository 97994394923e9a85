"""Draw a calibration: ``python -m training.plot_dose_response --out FILE.png``.

A panel a value: every reply's intensity as a dot, the isotonic curve with its 95% band, and where
the coherence limits lie. Drawn by Plotly and photographed by Chromium, which the tests of the page
need too. docs/images/dose-response.png was made so.
"""

import argparse
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

from chat_app.hives.map import page
from chat_app.settings import data_path
from chat_app.steering.aim import DEFAULT_SCALE
from chat_app.steering.calibration import Calibration
from chat_app.steering.dose_response import MOST_PERPLEXITY, DoseResponse
from chat_app.values.custom import value_label
from tests.browser.conftest import FLAGS, chromium

COLUMNS = 8
PANEL = 150  # pixels
INK, BAND, DOTS, LIMIT = "#1b4f8a", "rgba(27,79,138,0.22)", "rgba(60,60,60,0.12)", "#c2410c"


def figure(calibration: Calibration, values: list[str]) -> go.Figure:
    """Small multiples of ``values``; x in intensities asked for without a calibration."""
    rows = -(-len(values) // COLUMNS)
    titles = [value_label(value) for value in values]
    drawn = make_subplots(rows, min(COLUMNS, len(values)), subplot_titles=titles,
                          shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.012,
                          vertical_spacing=0.3 / max(rows, 2) / 1.6)  # fmt: skip
    for i, value in enumerate(values):
        row, column = i // COLUMNS + 1, i % COLUMNS + 1
        for trace in _traces(calibration.responses[value]):
            drawn.add_trace(trace, row=row, col=column)
        for limit in calibration.responses[value].limits:
            drawn.add_vline(limit / DEFAULT_SCALE * 10, line={"color": LIMIT, "width": 1},
                            row=row, col=column)  # fmt: skip
    drawn.update_yaxes(range=[-10.5, 10.5], tickvals=[-10, 0, 10], gridcolor="#ddd")
    drawn.update_xaxes(tickvals=[-10, -5, 0, 5, 10], tickangle=0, gridcolor="#eee")
    drawn.update_annotations(font_size=10)
    drawn.update_layout(
        width=PANEL * COLUMNS + 90,
        height=PANEL * rows + 60,
        margin={"l": 45, "r": 15, "t": 70, "b": 35},
        title={"text": _title(calibration), "font": {"size": 14}, "x": 0.01},
        showlegend=False,
        plot_bgcolor="white",
        font={"size": 10},
    )
    return drawn


def _title(calibration: Calibration) -> str:
    basis = calibration.basis
    return (
        f"{basis.model_name}, method {basis.method}: measured intensity against dose (10 is a "
        f"coefficient of {DEFAULT_SCALE:g}); dots: replies, line: isotonic fit, 95% band, "
        f"red: the end of what is used (perplexity ratio {MOST_PERPLEXITY:g}, or the last dose)"
    )


def _traces(response: DoseResponse) -> list[go.Scatter]:
    doses = np.array(response.coefficients) / DEFAULT_SCALE * 10
    n = len(response.scores[0])
    spread = np.linspace(-0.9, 0.9, n)
    return [
        go.Scatter(x=(doses[:, None] + spread).ravel(), y=np.ravel(response.scores),
                   mode="markers", marker={"size": 3, "color": DOTS}),
        go.Scatter(x=[*doses, *doses[::-1]], y=[*response.high, *response.low[::-1]],
                   fill="toself", fillcolor=BAND, line={"width": 0}, mode="lines"),
        go.Scatter(x=doses, y=response.fitted, mode="lines+markers",
                   line={"color": INK, "width": 2}, marker={"size": 4}),
    ]  # fmt: skip


def photograph(drawn: go.Figure, out: Path) -> None:
    """Write the figure as a PNG."""
    out.parent.mkdir(parents=True, exist_ok=True)
    html = out.with_suffix(".html")
    html.write_text(page(drawn, "dose-response"), encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            tab = browser.new_page(
                viewport={"width": int(drawn.layout.width), "height": int(drawn.layout.height)}
            )
            tab.goto(html.resolve().as_uri())
            tab.locator(".js-plotly-plot .main-svg").first.wait_for()
            tab.locator(".js-plotly-plot").first.screenshot(path=out)
            browser.close()
    finally:
        html.unlink()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--out", type=Path, required=True)
    shipped = data_path("models", "calibration-vector.json")
    ap.add_argument("--calibration", type=Path, default=shipped)
    ap.add_argument("--values", nargs="+", help="[all]")
    args = ap.parse_args()
    calibration = Calibration.load(args.calibration)
    photograph(figure(calibration, args.values or list(calibration.responses)), args.out)
    print(f"Wrote {args.out}, {args.out.stat().st_size / 1024:.0f} KB.")


if __name__ == "__main__":
    main()
