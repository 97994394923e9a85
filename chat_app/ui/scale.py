"""Intensities on the page: where they lie on the scale, and how they are written in columns."""

from chat_app.vidb.loading import HIGHEST, LOWEST


def place(intensity: float) -> float:
    """Where an intensity lies between the ends of the scale, in percent; beyond them, at one.

    >>> place(-10), place(0), place(25)
    (0.0, 50.0, 100.0)
    """
    return 100 * (min(max(intensity, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST)


def fixed(number: float) -> str:
    """With a sign and one decimal, so that a column of them lines up.

    >>> fixed(6), fixed(-3.14), fixed(-0.01)
    ('+6.0', '−3.1', '0.0')
    """
    rounded = round(number, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def capital(words: str) -> str:
    """``words`` as they begin a line."""
    return words[:1].upper() + words[1:]
