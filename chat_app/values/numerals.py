"""Intensities as people read them: with a sign, and a true minus."""


def signed(number: float, digits: int = 1) -> str:
    """Without needless decimals.

    >>> signed(6), signed(-3.14159), signed(-0.01)
    ('+6', '−3.1', '0')
    """
    rounded = round(number, digits) + 0.0
    return f"{rounded:+g}".replace("-", "−") if rounded else "0"


def fixed(number: float) -> str:
    """With one decimal, so that a column of them lines up.

    >>> fixed(6), fixed(-3.14), fixed(-0.01)
    ('+6.0', '−3.1', '0.0')
    """
    rounded = round(number, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"
