"""Grammars of JSON values that hold no others: strings and numbers, as a schema narrows them."""

from collections.abc import Mapping
from typing import Any

from chat_app.llm.grammar import GrammarError
from chat_app.llm.json_numbers import LARGEST, integer_between, number_between

_MOST_REPEATS = 2000  # of llama.cpp's repetitions
# What a schema may say of each kind of value.
KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems", "prefixItems"},
    "string": {"minLength", "maxLength", "format"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "null": set[str](),
}
_D31 = '("0" [1-9] | [12] [0-9] | "3" [01])'
_D30 = '("0" [1-9] | [12] [0-9] | "30")'
_D28 = '("0" [1-9] | "1" [0-9] | "2" [0-8])'
_FORMATS = {
    "date": '[12] [0-9]{3} "-" (("0" [13578] | "1" [02]) "-" '
    f'{_D31} | ("0" [469] | "11") "-" {_D30} | "02-" {_D28})',
    "time": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "Z"',
    "uuid": ' "-" '.join(f"[0-9a-f]{{{n}}}" for n in (8, 4, 4, 4, 12)),
}
_FORMATS["date-time"] = f'{_FORMATS["date"]} "T" {_FORMATS["time"]}'
RULES = {
    "ws": '(" " | "\\n" " "{0,20})?',
    # An escape is never half of a surrogate pair: such a text could not be stored.
    "char": r"[\x20-\x21\x23-\x5B\x5D-\x7E\u0080-\uD7FF\uE000-\uFFFF\U00010000-\U0010FFFF]"
    r' | "\\" (["\\/bfnrt] | '
    r'"u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))',
    "string": r'"\"" char* "\""',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,14})',
    "number": 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "object": '"{" ws (string ":" ws value (ws "," ws string ":" ws value)*)? ws "}"',
    "array": '"[" ws (value (ws "," ws value)*)? ws "]"',
    "value": "object | array | string | number | boolean | null",
}


def simple(kind: str, given: Mapping[str, Any], where: str) -> str:
    """A kind of value that holds no others."""
    if kind == "string":
        return _string(given, where)
    if kind in ("integer", "number") and given.keys() & KEYWORDS[kind]:
        return _number(kind, given, where)
    return kind


def _string(given: Mapping[str, Any], where: str) -> str:
    least, most = bounds(given, "minLength", "maxLength", where)
    form = given.get("format")
    if form is None:
        return f'("\\"" {repeated("char", least, most)} "\\"")'
    if str(form) not in _FORMATS or given.keys() & {"minLength", "maxLength"}:
        raise GrammarError(
            f"The JSON schema has the format {form!r} at {where}; what can be promised is one of "
            f"{', '.join(_FORMATS)}, without a length."
        )
    return f'("\\"" {_FORMATS[str(form)]} "\\"")'


def _number(kind: str, given: Mapping[str, Any], where: str) -> str:
    """A number within bounds that are whole numbers."""
    ends: dict[str, int] = {}
    for key in KEYWORDS[kind] & given.keys():
        bound = given[key]
        whole = isinstance(bound, int) or (isinstance(bound, float) and bound.is_integer())
        if isinstance(bound, bool) or not whole:
            raise GrammarError(f"The JSON schema's {key} at {where} must be a whole number.")
        ends[key] = int(bound)
    low = max(
        ends.get("minimum", -LARGEST), ends.get("exclusiveMinimum", -LARGEST - 1) + 1, -LARGEST
    )
    high = min(ends.get("maximum", LARGEST), ends.get("exclusiveMaximum", LARGEST + 1) - 1, LARGEST)
    if low > high:
        raise GrammarError(f"No number is valid under the JSON schema at {where}.")
    return (integer_between if kind == "integer" else number_between)(low, high)


def bounds(given: Mapping[str, Any], low: str, high: str, where: str) -> tuple[int, int | None]:
    """How many there must and may be, None for any number."""
    least, most = given.get(low, 0), given.get(high)
    for key, bound in ((low, least), (high, 0 if most is None else most)):
        if isinstance(bound, bool) or not isinstance(bound, int) or bound < 0:
            raise GrammarError(f"The JSON schema's {key} at {where} must be a whole number.")
        if bound > _MOST_REPEATS:
            raise GrammarError(
                f"The JSON schema's {key} at {where} is {bound:,}; {_MOST_REPEATS:,} is the most."
            )
    if most is not None and least > most:
        raise GrammarError(f"The JSON schema's {low} at {where} is above its {high}.")
    return least, most


def repeated(item: str, least: int, most: int | None) -> str:
    """``item`` so many times; ``most`` None: any number."""
    if most == 0:
        return ""
    return f"{item}{{{least},{'' if most is None else most}}}"
