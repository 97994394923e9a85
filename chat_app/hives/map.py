"""A picture of the value space: VIDB's texts in two dimensions, one page that opens anywhere.

The page holds its data and its scripts; it asks the network for nothing.
"""

import html
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.hives.map_figure import Pole, draw

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from chat_app.hives.space import Space

METHODS = ("tsne", "umap")
# How many texts lie around the pole of an axis.
NEAREST = 12
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
html, body {{ height: 100%; margin: 0; font-family: system-ui, sans-serif; color: #222; }}
body {{ display: flex; flex-direction: column; min-height: 860px; }}
header {{ padding: 16px 24px 0; }}
h1 {{ font-size: 20px; font-weight: 600; margin: 0 0 4px; }}
p {{ font-size: 14px; line-height: 1.45; margin: 0; max-width: 72em; color: #555; }}
body > div {{ flex: 1; min-height: 0; }}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>Texts that an encoder finds alike lie together; distances across the map mean little. &#9650;
supports the value, &#9660; opposes it, &#9679; is neutral; the larger, the stronger. An arrow runs
from the texts nearest to an axis's opposing end to those nearest to its supporting end. Point at
a text to read it, scroll to zoom, click a name to hide it, twice to see it alone.</p>
</header>
{body}
</body>
</html>
"""


def project(z: NDArray[np.float32], method: str = "tsne", seed: int = 0) -> NDArray[np.float64]:
    """Unit rows [n, d] as places on the map, float64 [n, 2], by cosine distance.

    "tsne" (scikit-learn; van der Maaten and Hinton 2008) or "umap", where umap-learn is installed.
    Raises ValueflowError for another method, a missing package, or fewer than four texts.
    """
    if len(z) < 4:
        raise ValueflowError(f"A map needs four texts or more, not {len(z)}.")
    if method == "tsne":
        from sklearn.manifold import TSNE

        near = min(30.0, (len(z) - 1) / 3)
        places = TSNE(metric="cosine", perplexity=near, random_state=seed).fit_transform(z)
    elif method == "umap":
        try:
            umap = importlib.import_module("umap")
        except ImportError as error:
            raise ValueflowError(
                "UMAP is not installed: `pip install umap-learn`, or leave --method at tsne."
            ) from error
        near = min(15, len(z) - 1)
        places = umap.UMAP(metric="cosine", n_neighbors=near, random_state=seed).fit_transform(z)
    else:
        raise ValueflowError(f"There is no method {method!r}: it is {' or '.join(METHODS)}.")
    return np.asarray(places, dtype=np.float64)


def poles(
    places: NDArray[np.float64],
    z: NDArray[np.float32],
    axes: Mapping[str, NDArray[np.float32]],
    nearest: int = NEAREST,
) -> dict[str, Pole]:
    """The poles of each axis among the texts at ``places`` [n, 2] with unit rows z [n, d]."""
    found = {}
    for value, axis in axes.items():
        order = np.argsort(z @ axis, kind="stable")
        count = min(nearest, len(order) // 2)
        low, high = (np.median(places[rows], axis=0) for rows in (order[:count], order[-count:]))
        found[value] = Pole((float(high[0]), float(high[1])), (float(low[0]), float(low[1])))
    return found


def page(figure: "Figure", title: str) -> str:
    """A whole HTML page with the figure, its data and Plotly's script in it.

    Its content policy lets a browser load nothing, so it shows the same without a network.
    """
    body = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="map",
        default_height="100%",
        # Plotly's own pages have a button that uploads the data to its makers' servers.
        config={
            "displaylogo": False,
            "responsive": True,
            "scrollZoom": True,
            "showSendToCloud": False,
            "plotlyServerURL": "",
        },
    )
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:"
    )
    return _PAGE.format(policy=policy, title=html.escape(title), body=body)


def map_page(space: "Space", method: str = "tsne", seed: int = 0, most: int = 5000) -> str:
    """The map of a value space as a page; of more than ``most`` texts, every so-manieth is shown.

    Raises ValueflowError as ``project`` does.
    """
    n = len(space.vidb.anchors)
    rows = np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))
    z = space.embeddings[rows]
    anchors = [space.vidb.anchors[row] for row in rows]
    held = {anchor.value for anchor in anchors}
    axes = {value: axis for value, axis in space.axes.items() if value in held}
    places = project(z, method, seed)
    encoder = space.encoder.name
    name = "the built-in encoder" if encoder == "builtin" else encoder
    shown = f"{len(rows):,} texts" if len(rows) == n else f"{len(rows):,} of {n:,} texts"
    title = f"{shown} of {space.vidb.name} as {name} sees them"
    return page(draw(places, anchors, poles(places, z, axes)), title)
