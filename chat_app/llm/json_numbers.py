"""Grammars of the decimal numbers between two whole ones."""

LARGEST = 10**15  # a JSON reader that takes numbers for floats still has each of these


def integer_between(low: int, high: int) -> str:
    """GBNF of the whole numbers from ``low`` to ``high``, which lie within +-LARGEST.

    >>> integer_between(-3, 12)
    '("-" [1-3] | [0-9] | "1" [0-2])'
    """
    ways = []
    if low < 0:
        ways += [f'"-" {way}' for way in _ways(max(1, -high), -low)]
    if high >= 0:
        ways += _ways(max(0, low), high)
    return f"({' | '.join(ways)})"


def number_between(low: int, high: int) -> str:
    """GBNF of the numbers from ``low`` to ``high``, with up to 15 digits after the point."""
    ways = []
    if low < 0:
        ways += [f'"-" {way}' for way in _with_fractions(max(0, -high), -low)]
    if high >= 0:
        ways += _with_fractions(max(0, low), high)
    return f"({' | '.join(ways)})"


def _with_fractions(low: int, high: int) -> list[str]:
    ways = [f'"{high}" ("." "0"{{1,15}})?']
    if low < high:
        ways += [f'{way} ("." [0-9]{{1,15}})?' for way in _ways(low, high - 1)]
    return ways


def _ways(low: int, high: int) -> list[str]:
    """Those from ``low`` >= 0 to ``high``, as alternatives."""
    ways, start = [], low
    while start <= high:
        digits, full = len(str(start)), len(str(high + 1)) - 1
        if start == 10 ** (digits - 1) and digits < full:  # all numbers of several lengths
            ways.append(f"[1-9] [0-9]{{{digits - 1},{full - 1}}}")
            start = 10**full
            continue
        end = min(high, 10**digits - 1)
        ways += _same_length(str(start), str(end))
        start = end + 1
    return ways


def _same_length(low: str, high: str) -> list[str]:
    """Those from ``low`` to ``high``, which have as many digits."""
    if low == high:
        return [f'"{low}"']
    if len(low) == 1:
        return [_digit(low, high)]
    if low[0] == high[0]:
        return [f'"{low[0]}" {rest}' for rest in _same_length(low[1:], high[1:])]
    others, ways = len(low) - 1, []
    first, last = low[0], high[0]
    if low[1:].strip("0"):
        ways += [f'"{first}" {rest}' for rest in _same_length(low[1:], "9" * others)]
        first = str(int(first) + 1)
    upper = []
    if high[1:].strip("9"):
        upper = [f'"{last}" {rest}' for rest in _same_length("0" * others, high[1:])]
        last = str(int(last) - 1)
    if first <= last:
        ways.append(f"{_digit(first, last)} [0-9]{{{others}}}")
    return ways + upper


def _digit(low: str, high: str) -> str:
    return f'"{low}"' if low == high else f"[{low}-{high}]"
