"""Intensities on the page: where they lie on the scale, and how a line about them begins."""

from chat_app.vidb.loading import HIGHEST, LOWEST


def place(intensity: float) -> float:
    """Where an intensity lies between the ends of the scale, in percent; beyond them, at one.

    >>> place(-10), place(0), place(25)
    (0.0, 50.0, 100.0)
    """
    return 100 * (min(max(intensity, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST)


def capital(words: str) -> str:
    """``words`` as they begin a line."""
    return words[:1].upper() + words[1:]
