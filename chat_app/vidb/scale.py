"""From utilities to intensities: a monotone map through texts of known intensity.

Utilities are in the judges' own unit (log odds), intensities on the published scale of [-10, 10].
Two maps. ``tanh`` has two parameters and suits a dozen anchors a value:

    intensity = 10 tanh(a u + b)

``isotonic`` takes the shape of the scale from the anchors themselves, and wants some fifty.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat_app.errors import ValueflowError
from chat_app.vidb.anchors import HIGHEST, LOWEST

Floats = NDArray[np.float64]

# Anchors that are further off than this, in intensity, count less (soft L1): a published text
# whose intensity the judges do not share should not stretch the scale for all others.
_SOFT = 2.0


class ScaleError(ValueflowError):
    """Anchors that fix no scale."""


@dataclass(frozen=True)
class TanhScale:
    """intensity = 10 tanh(a u + b), a > 0."""

    a: float
    b: float

    def __call__(self, u: Floats) -> Floats:
        return HIGHEST * np.tanh(self.a * u + self.b)

    def slope(self, u: Floats) -> Floats:
        """d intensity / d u, what standard errors are multiplied with."""
        return HIGHEST * self.a / np.cosh(self.a * u + self.b) ** 2


@dataclass(frozen=True, eq=False)
class IsotonicScale:
    """A strictly rising curve through the knots (u, intensity), cut off at -10 and 10.

    Between knots a monotone cubic (PCHIP), beyond them a line with the mean slope of all.
    """

    u: Floats
    intensity: Floats

    def __call__(self, u: Floats) -> Floats:
        inside = np.clip(u, self.u[0], self.u[-1])
        return np.clip(self._curve()(inside) + self._mean * (u - inside), LOWEST, HIGHEST)

    def slope(self, u: Floats) -> Floats:
        """d intensity / d u as if the curve were not cut off: at +-10 too a text has an error."""
        within = (u >= self.u[0]) & (u <= self.u[-1])
        inside = np.clip(u, self.u[0], self.u[-1])
        return np.where(within, self._curve().derivative()(inside), self._mean)

    @property
    def _mean(self) -> float:
        return float((self.intensity[-1] - self.intensity[0]) / (self.u[-1] - self.u[0]))

    def _curve(self):  # type: ignore[no-untyped-def]  # scipy has no types
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.u, self.intensity)


Scale = TanhScale | IsotonicScale


def fit_tanh(u: Floats, intensity: Floats, zero: float | None = None) -> TanhScale:
    """The tanh map nearest to anchors (u, intensity), float [n] each.

    Minimises sum of rho(10 tanh(a u + b) - intensity), rho the soft L1 loss that turns linear at
    2. ``zero``: the utility that is to be intensity 0, which makes b = -a zero; left out, b is
    fitted too. Raises ScaleError when the anchors do not rise with u.
    """
    from scipy.optimize import least_squares

    def scale(p: Floats) -> TanhScale:
        return TanhScale(p[0], -p[0] * zero if zero is not None else p[1])

    start = [1.0 / max(float(np.std(u)), 1e-6)] + ([] if zero is not None else [0.0])
    fit = least_squares(lambda p: scale(p)(u) - intensity, start, loss="soft_l1", f_scale=_SOFT)
    found = scale(fit.x)
    if not found.a > 0:
        raise ScaleError("the judges order its anchors against their known intensities")
    return TanhScale(float(found.a), float(found.b))


def shrink_slopes(scales: Mapping[str, TanhScale], power: float) -> dict[str, TanhScale]:
    """Slopes drawn towards their median: a = median (a / median)^power, the zero -b / a kept.

    power in [0, 1]: 1 leaves them, 0 gives every value the median slope. A dozen anchors settle a
    slope to about a third, so that part of the differences between values is chance.
    """
    middle = float(np.median([scale.a for scale in scales.values()]))
    shrunk = {}
    for value, scale in scales.items():
        a = middle * (scale.a / middle) ** power
        shrunk[value] = TanhScale(a, a * scale.b / scale.a)
    return shrunk


def fit_isotonic(u: Floats, intensity: Floats) -> IsotonicScale:
    """The isotonic map through anchors: pooled until they rise, one knot for each pool.

    Raises ScaleError when fewer than two pools remain.
    """
    from sklearn.isotonic import IsotonicRegression

    level = IsotonicRegression().fit_transform(u, intensity)
    levels = np.unique(level)
    centres = np.array([u[level == one].mean() for one in levels])
    if len(levels) < 2:
        raise ScaleError("the judges order its anchors against their known intensities")
    return IsotonicScale(centres, levels)
