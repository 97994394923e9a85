"""Building VIDB: judged windows and a few known intensities give every text its intensity.

VALUEFLOW (arXiv 2602.03160), section on VIDB. Joint Plackett-Luce utilities of all texts of a
value (``joint_fit``), a monotone map through the texts of known intensity (``scale``), standard
errors from the observed information through the map's slope. They say how well the windows settle
a text's place; that judges may share a mistake, or that the scale itself is a fit, is not in them.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.files import written_whole
from chat_app.vidb.joint_fit import contrast_errors, fit_joint, information, islands
from chat_app.vidb.scale import (
    Scale,
    ScaleError,
    TanhScale,
    fit_isotonic,
    fit_tanh,
    shrink_slopes,
)
from chat_app.vidb.worksheets import Judged, Known, Text

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

COLUMNS = ("id", "value", "intensity", "stderr", "text", "source")
_NAMED = 4  # ids that an error lists before it says "..."


class BuildError(ValueflowError):
    """Texts, windows and anchors from which no VIDB can be built."""


@dataclass(frozen=True)
class Recipe:
    """How to build.

    prior: precision of the utilities' Gaussian prior, per squared log odds. map: see ``scale``.
    centre: what intensity 0 is, by the "anchors" or by the texts written as "neutral" (level 0),
    for the tanh map. shrink: see ``shrink_slopes``; 1 leaves each value its own slope.
    """

    prior: float = 0.05
    map: Literal["tanh", "isotonic"] = "tanh"
    centre: Literal["anchors", "neutral"] = "anchors"
    shrink: float = 1.0


@dataclass(frozen=True)
class Placed:
    """A text with its utility (log odds), and its intensity and stderr on [-10, 10]."""

    text: Text
    utility: float
    intensity: float
    stderr: float


@dataclass(frozen=True)
class Fit:
    """How one value was built. spearman, rmse: of its anchors, between known and fitted."""

    value: str
    texts: int
    windows: int
    anchors: int
    scale: Scale
    spearman: float
    rmse: float


@dataclass(frozen=True, eq=False)
class _Problem:
    """One array for all values. ids[i] = (value, id) of row i; anchors and neutral: rows."""

    ids: tuple[tuple[str, str], ...]
    orders: Rows
    rows: Mapping[str, Rows]
    anchors: Mapping[str, Rows]
    known: Floats
    neutral: Mapping[str, Rows]


def build(
    texts: Sequence[Text], judged: Sequence[Judged], known: Sequence[Known], recipe: Recipe
) -> tuple[list[Placed], list[Fit]]:
    """Every text with its intensity, in the order of ``texts``, and how each value was built.

    Raises BuildError when a window names an unknown id, the windows of a value fall into islands
    that no window connects, or a value lacks what its scale is fitted to; FitError for a prior
    that is not above 0.
    """
    _check_recipe(recipe)
    problem = _number(texts, judged, known)
    _check_connected(problem)
    n = len(problem.ids)
    u = fit_joint(problem.orders, n, recipe.prior)
    scales = _scales(problem, u, recipe)
    matrix = information(problem.orders, u, recipe.prior)
    intensity, stderr = np.zeros(n), np.zeros(n)
    for value, rows in problem.rows.items():
        # Rows of a value are consecutive, so that its block is a slice.
        block = slice(int(rows[0]), int(rows[-1]) + 1)
        fixed = problem.neutral if recipe.centre == "neutral" else problem.anchors
        reference = np.isin(rows, fixed[value]) / len(fixed[value])
        errors = contrast_errors(matrix[block, block], reference)
        intensity[block] = scales[value](u[block])
        stderr[block] = scales[value].slope(u[block]) * errors
    row_of = {key: row for row, key in enumerate(problem.ids)}
    placed = []
    for text in texts:
        row = row_of[text.value, text.id]
        placed.append(Placed(text, float(u[row]), float(intensity[row]), float(stderr[row])))
    return placed, _fits(problem, placed, judged, scales, u)


def _check_recipe(recipe: Recipe) -> None:
    if not 0 <= recipe.shrink <= 1:
        raise BuildError(f"shrink is {recipe.shrink:g}: it must be from 0 to 1.")
    if recipe.map == "isotonic" and (recipe.centre != "anchors" or recipe.shrink != 1):
        raise BuildError("The isotonic map follows its anchors alone: no centre, no shrink.")


def _number(texts: Sequence[Text], judged: Sequence[Judged], known: Sequence[Known]) -> _Problem:
    """Rows for the texts and for those anchors that stand in a window, value by value."""
    if not texts or not judged:
        raise BuildError(f"There are no {'windows' if texts else 'texts'} to build from.")
    values = dict.fromkeys(text.value for text in texts)
    seen = {(window.value, id) for window in judged for id in window.order}
    intensity = {(a.value, a.id): a.intensity for a in known if (a.value, a.id) in seen}
    by_value: dict[str, dict[tuple[str, str], None]] = {value: {} for value in values}
    for key in [*((t.value, t.id) for t in texts), *intensity]:
        if key[0] in by_value:
            by_value[key[0]][key] = None
    ids = tuple(key for keys in by_value.values() for key in keys)
    row_of = {key: row for row, key in enumerate(ids)}
    orders = np.full((len(judged), max(len(w.order) for w in judged)), -1, dtype=np.int64)
    for line, window in zip(orders, judged, strict=True):
        for place, id in enumerate(window.order):
            row = row_of.get((window.value, id))
            if row is None:
                raise BuildError(
                    f"A window of {window.value} holds {id!r}, which is neither among the texts "
                    "nor among the anchors."
                )
            line[place] = row
    neutral: dict[str, list[int]] = {value: [] for value in values}
    for text in texts:
        if text.level == 0:
            neutral[text.value].append(row_of[text.value, text.id])
    return _Problem(
        ids,
        orders,
        {v: np.array([row_of[key] for key in keys]) for v, keys in by_value.items()},
        {v: np.array([row_of[k] for k in keys if k in intensity]) for v, keys in by_value.items()},
        np.array([intensity.get(key, np.nan) for key in ids]),
        {value: np.array(rows, dtype=np.int64) for value, rows in neutral.items()},
    )


def _check_connected(problem: _Problem) -> None:
    island = islands(problem.orders, len(problem.ids))
    for value, rows in problem.rows.items():
        found, counts = np.unique(island[rows], return_counts=True)
        if len(found) == 1:
            continue
        described = []
        for number in found[np.argsort(-counts, kind="stable")][:_NAMED]:
            ids = [problem.ids[row][1] for row in rows[island[rows] == number]]
            named = ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
            described.append(f"{len(ids)} texts ({named})" if len(ids) > 1 else f"{ids[0]} alone")
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise BuildError(
            f"The windows of {value} leave its texts on {len(found)} islands that nothing "
            f"compares: {'; '.join(described)}{more}. Judge windows that connect them."
        )


def _scales(problem: _Problem, u: Floats, recipe: Recipe) -> dict[str, Scale]:
    tanh: dict[str, TanhScale] = {}
    isotonic: dict[str, Scale] = {}
    for value, rows in problem.anchors.items():
        if len(rows) < 2:
            raise BuildError(
                f"{len(rows)} texts of known intensity stand in the windows of {value}: its "
                "scale needs two or more, better a dozen."
            )
        try:
            if recipe.map == "isotonic":
                isotonic[value] = fit_isotonic(u[rows], problem.known[rows])
            else:
                zero = _zero(problem, value, u) if recipe.centre == "neutral" else None
                tanh[value] = fit_tanh(u[rows], problem.known[rows], zero)
        except ScaleError as error:
            raise BuildError(
                f"{value} gets no scale: {error}. Let another judge order them."
            ) from None
    return isotonic or {**shrink_slopes(tanh, recipe.shrink)}


def _zero(problem: _Problem, value: str, u: Floats) -> float:
    rows = problem.neutral[value]
    if not len(rows):
        raise BuildError(
            f"{value} has no text of level 0: centre its scale by the anchors instead."
        )
    return float(u[rows].mean())


def _fits(
    problem: _Problem,
    placed: Sequence[Placed],
    judged: Sequence[Judged],
    scales: Mapping[str, Scale],
    u: Floats,
) -> list[Fit]:
    from scipy.stats import rankdata

    texts = Counter(one.text.value for one in placed)
    windows = Counter(window.value for window in judged)
    fits = []
    for value, anchors in problem.anchors.items():
        known, fitted = problem.known[anchors], scales[value](u[anchors])
        ranks = np.corrcoef(rankdata(known), rankdata(u[anchors]))[0, 1]
        fits.append(
            Fit(
                value,
                texts[value],
                windows[value],
                len(anchors),
                scales[value],
                float(ranks),
                float(np.sqrt(np.mean((fitted - known) ** 2))),
            )
        )
    return fits


def write_vidb(placed: Sequence[Placed], path: Path, source: str) -> None:
    """A CSV that ``load_vidb`` reads: COLUMNS, one row a text; ``source`` where a text has none.

    Ids that two values share are led by their value's name, since VIDB's ids are unique. Raises
    BuildError when the file cannot be written; a file that was there then stays as it was.
    """
    owners: dict[str, set[str]] = {}
    for one in placed:
        owners.setdefault(one.text.id, set()).add(one.text.value)
    try:
        with written_whole(path) as fresh, open(fresh, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one in placed:
                text = one.text
                unique = len(owners[text.id]) == 1
                id = text.id if unique else f"{text.value.partition('/')[2]}-{text.id}"
                numbers = (f"{one.intensity:.3f}", f"{one.stderr:.3f}")
                writer.writerow((id, text.value, *numbers, text.text, text.source or source))
    except OSError as error:
        raise BuildError(f"{path} cannot be written: {error.strerror or error}.") from None
