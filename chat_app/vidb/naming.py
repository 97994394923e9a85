"""Which value a row or a file means: names as the published files spell them."""

import re
from functools import lru_cache
from pathlib import PurePosixPath

from chat_app.values.taxonomy import STEERED, THEORIES, UnknownValue, get_value

# The published files call Schwartz's theory after its questionnaire.
_THEORIES = {theory: theory for theory in THEORIES} | {
    "pvq": "svt",
    "schwartz": "svt",
    "ross": "duty",
    "duties": "duty",
    "vasak": "right",
    "rights": "right",
}
_SHARD = re.compile(r"-\d+-of-\d+$")
_PUBLISHED = re.compile(r"_flag_aggregated$")


@lru_cache(maxsize=4096)  # a file names the same few values thousands of times
def named_value(name: str, theory: str = "") -> str | None:
    """The id of the value called ``name`` in ``theory`` (any theory when empty), or None.

    Moral foundations may go by their first half.

    >>> named_value("Care", "MFT"), named_value("self direction", "pvq"), named_value("luck")
    ('mft/care-harm', 'svt/self-direction', None)
    """
    if not name.strip():
        return None
    if not theory.strip():
        return _value(name)
    known = _THEORIES.get(theory.strip().lower())
    if known is None:
        return None
    found = _value(f"{known}/{name}") or _half(known, name) or _value(name)
    return found if found and found.startswith(f"{known}/") else None


def _value(name: str) -> str | None:
    try:
        return get_value(name).id
    except UnknownValue:
        return None


def _half(theory: str, name: str) -> str | None:
    start = f"{theory}/{name.strip().lower()}-"
    found = [value for value in STEERED if value.startswith(start)]
    return found[0] if len(found) == 1 else None


def value_of_file(path: PurePosixPath) -> str | None:
    """The value that a file is about by its path inside its folder, or None.

    The nearest part that names one counts: the file's name, then the folders above it. A theory
    may stand before or after the value, or be the folder above.

    >>> value_of_file(PurePosixPath("benevolence_pvq_flag_aggregated.csv"))
    'svt/benevolence'
    >>> value_of_file(PurePosixPath("data/mft_care/train-00000-of-00001.parquet"))
    'mft/care-harm'
    """
    parts = [*path.parts[:-1], path.stem]
    for depth in range(len(parts) - 1, -1, -1):
        name = _PUBLISHED.sub("", _SHARD.sub("", parts[depth]))
        above = parts[depth - 1] if depth else ""
        found = _named_with_theory(name, above)
        if found:
            return found
    return None


def _named_with_theory(name: str, above: str) -> str | None:
    for pattern in (r"(?P<v>.+)[_\-.](?P<t>[a-z]+)", r"(?P<t>[a-z]+)[_\-.](?P<v>.+)"):
        match = re.fullmatch(pattern, name.lower())
        found = named_value(match["v"], match["t"]) if match else None
        if found:
            return found
    return (named_value(name, above) if above else None) or named_value(name)
