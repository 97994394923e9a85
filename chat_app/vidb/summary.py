"""What a VIDB holds, value by value: how many texts, and where on the scale they lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat_app.vidb.anchors import HIGHEST, LOWEST, Vidb

BINS = 20
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Summary:
    """The texts of one value. ``bins``: how many lie in each of 20 unit steps from -10 to 10."""

    value: str
    texts: int
    lowest: float
    mean: float
    highest: float
    bins: tuple[int, ...]


def summarise(vidb: Vidb) -> list[Summary]:
    """A summary for each value, in the order of ``vidb.values``."""
    summaries = []
    for value in vidb.values:
        intensities = [anchor.intensity for anchor in vidb.of(value)]
        mean = sum(intensities) / len(intensities)
        bins = _histogram(intensities)
        summaries.append(
            Summary(value, len(intensities), min(intensities), mean, max(intensities), bins)
        )
    return summaries


def _histogram(intensities: Sequence[float]) -> tuple[int, ...]:
    counts = [0] * BINS
    width = (HIGHEST - LOWEST) / BINS
    for intensity in intensities:
        counts[min(int((intensity - LOWEST) / width), BINS - 1)] += 1
    return tuple(counts)


def bars(counts: Sequence[int]) -> str:
    """Counts as a row of bars, the tallest for the largest; a blank where there is none.

    >>> bars([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(_BARS[-(-count * len(_BARS) // most) - 1] if count else " " for count in counts)
