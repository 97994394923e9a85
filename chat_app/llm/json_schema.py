"""JSON schemas as grammars (GBNF): a reply that follows one is JSON and valid under the schema.

What a grammar cannot promise, such as ``pattern`` or ``uniqueItems``, is refused by name: a schema
that is followed in part would be worse than none. Objects come with their properties in the
schema's order and with no others; blanks stand between the parts as a person would put them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chat_app.llm.grammar import GrammarError
from chat_app.llm.json_values import KEYWORDS, RULES, bounds, repeated, simple

_DEEPEST = 40  # schemas in schemas
_MOST_RULES = 1000  # more of them are longer than a grammar may be
_SAID = {  # says nothing about what is valid
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("$schema", "$id", "$comment", "$defs", "definitions"),
}


def json_grammar(schema: Any) -> str:
    """GBNF of JSON texts that are valid under ``schema``, from its rule "root".

    Raises GrammarError that names the keyword, and where it stands, for a schema that is none or
    asks for what a grammar cannot promise.
    """
    return _Writer(schema).grammar()


class _Writer:
    """The rules so far. ``_named`` keeps each ``$ref``, which may lead back to itself."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._rules: dict[str, str] = {}
        self._named: dict[str, str] = {}

    def grammar(self) -> str:
        self._rules["root"] = self._of(self._schema, "#", 0)
        return "\n".join(f"{n} ::= {rule}" for n, rule in {**self._rules, **RULES}.items())

    def _of(self, schema: Any, where: str, depth: int) -> str:
        """What stands for ``schema`` inside a rule."""
        if depth > _DEEPEST:
            raise GrammarError(f"The JSON schema is nested more than {_DEEPEST} deep.")
        if schema is True:
            return "value"
        if not isinstance(schema, Mapping):
            raise GrammarError(f"The JSON schema at {where} is no object, so it cannot be used.")
        given = {key: item for key, item in schema.items() if key not in _SAID}
        if not given:
            return "value"
        if "$ref" in given:
            self._only(given, {"$ref"}, where)
            return self._ref(str(given["$ref"]), where, depth)
        if "const" in given or "enum" in given:
            self._only(given, {"const", "enum", "type"}, where)
            return self._literals(given, where)
        if "anyOf" in given or "allOf" in given:
            return self._combined(given, where, depth)
        return self._typed(given, where, depth)

    def _only(self, given: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in given:
            if key not in known:
                beside = sorted(known & set(given))
                after = f" beside {beside[0]}" if beside and beside[0] != "type" else ""
                raise GrammarError(
                    f"The JSON schema has {key!r}{after} at {where}, which cannot be promised: "
                    "leave it out."
                )

    def _ref(self, ref: str, where: str, depth: int) -> str:
        if ref not in self._named:
            target = self._pointed(ref, where)
            self._named[ref] = name = f"ref-{len(self._named)}"
            self._rules[name] = self._of(target, ref, depth + 1)
        return self._named[ref]

    def _pointed(self, ref: str, where: str) -> Any:
        target = self._schema
        try:
            first, *steps = ref.split("/")
            if first != "#":
                raise ValueError
            for step in steps:
                target = target[step.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError, ValueError):
            raise GrammarError(
                f"The JSON schema refers to {ref!r} at {where}; there is no such part of it."
            ) from None
        return target

    def _literals(self, given: Mapping[str, Any], where: str) -> str:
        chosen = [given["const"]] if "const" in given else given["enum"]
        if ("const" in given and "enum" in given) or not isinstance(chosen, list) or not chosen:
            raise GrammarError(f"The JSON schema's enum at {where} is no list of values.")
        kinds = _types(given, where) if "type" in given else None
        found = [value for value in chosen if kinds is None or _is_one_of(value, kinds)]
        if not found:
            raise GrammarError(f"Nothing is valid under the JSON schema at {where}.")
        return _either(_quoted(json.dumps(value, ensure_ascii=False)) for value in found)

    def _combined(self, given: Mapping[str, Any], where: str, depth: int) -> str:
        key = "anyOf" if "anyOf" in given else "allOf"
        self._only(given, {key}, where)
        parts = given[key]
        if not isinstance(parts, list) or not parts or (key == "allOf" and len(parts) > 1):
            raise GrammarError(
                f"The JSON schema's {key} at {where} must be a list"
                + (" of one schema." if key == "allOf" else " of schemas.")
            )
        return _either(
            self._of(part, f"{where}/{key}/{i}", depth + 1) for i, part in enumerate(parts)
        )

    def _typed(self, given: Mapping[str, Any], where: str, depth: int) -> str:
        kinds = _types(given, where)
        known = {"type"}.union(*(KEYWORDS[kind] for kind in kinds))
        if "number" in kinds:  # a bound that integers alone could keep
            known -= KEYWORDS["integer"] - KEYWORDS["number"]
        self._only(given, known, where)
        make = {"object": self._object, "array": self._array}
        return _either(
            make[kind](given, where, depth) if kind in make else simple(kind, given, where)
            for kind in kinds
        )

    def _object(self, given: Mapping[str, Any], where: str, depth: int) -> str:
        properties, required = given.get("properties", {}), given.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise GrammarError(f"The JSON schema's properties at {where} are none.")
        if missing := [name for name in required if str(name) not in properties]:
            raise GrammarError(
                f"The JSON schema requires {missing[0]!r} at {where} without saying what it is: "
                "put it into properties."
            )
        others = given.get("additionalProperties", True)
        if not properties and others is not False:
            value = self._of(others, f"{where}/additionalProperties", depth + 1)
            pair = self._rule(f'string ":" ws {value}')
            return f'("{{" ws ({pair} (ws "," ws {pair})*)? ws "}}")'
        pairs = [
            (
                self._rule(
                    f'{_quoted(json.dumps(name, ensure_ascii=False))} ":" ws '
                    + self._of(schema, f"{where}/properties/{name}", depth + 1)
                ),
                name in required,
            )
            for name, schema in properties.items()
        ]
        return f'("{{" ws {self._members(pairs)} ws "}}")'

    def _members(self, pairs: Sequence[tuple[str, bool]]) -> str:
        """``pairs`` of (rule, whether it must be there) in their order, with commas between."""
        rests = [""]  # what may follow each pair, the last one's first
        for pair, needed in reversed(pairs[1:]):
            member = f'ws "," ws {pair}'
            rests.append(self._rule(f"{member if needed else f'({member})?'} {rests[-1]}".strip()))
        ways = []  # one for each pair that may be the first
        for (pair, needed), rest in zip(pairs, reversed(rests), strict=False):
            ways.append(f"{pair} {rest}".strip())
            if needed:
                return _either(ways)
        return f"{_either(ways)}?" if ways else ""

    def _array(self, given: Mapping[str, Any], where: str, depth: int) -> str:
        least, most = bounds(given, "minItems", "maxItems", where)
        if "prefixItems" in given:
            return self._tuple(given, where, depth)
        item = self._of(given.get("items", True), f"{where}/items", depth + 1)
        if most == 0:
            return '("[" ws "]")'
        item = self._rule(item)
        more = repeated(
            f'(ws "," ws {item})', max(least - 1, 0), None if most is None else most - 1
        )
        items = f"{item} {more}".strip()
        return f'("[" ws {items if least else f"({items})?"} ws "]")'

    def _tuple(self, given: Mapping[str, Any], where: str, depth: int) -> str:
        parts = given["prefixItems"]
        if not isinstance(parts, list) or not all(
            given.get(count, len(parts)) == len(parts) for count in ("minItems", "maxItems")
        ):
            raise GrammarError(f"The JSON schema's prefixItems at {where} must be all items.")
        items = [
            self._of(part, f"{where}/prefixItems/{i}", depth + 1) for i, part in enumerate(parts)
        ]
        return '("[" ws ' + ' ws "," ws '.join(items) + ' ws "]")'

    def _rule(self, text: str) -> str:
        """The name of a rule for ``text``, made once."""
        for name, known in self._rules.items():
            if known == text:
                return name
        if len(self._rules) >= _MOST_RULES:
            raise GrammarError("The JSON schema is too large: ask for fewer parts.")
        name = f"r-{len(self._rules)}"
        self._rules[name] = text
        return name


def _types(given: Mapping[str, Any], where: str) -> list[str]:
    """The kinds of value that are wanted, those that the keywords speak of where none is named."""
    named = given.get("type")
    if named is None:
        spoken = [kind for kind, keys in KEYWORDS.items() if keys & given.keys()]
        return spoken or list(KEYWORDS)
    kinds = named if isinstance(named, list) else [named]
    for kind in kinds:
        if not isinstance(kind, str) or kind not in KEYWORDS:
            raise GrammarError(f"The JSON schema has the type {kind!r} at {where}; there is none.")
    return list(dict.fromkeys(kinds))


def _is_one_of(value: Any, kinds: Sequence[str]) -> bool:
    of: dict[str, tuple[type, ...]] = {
        "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,),
        "null": (type(None),), "integer": (int,), "number": (int, float),
    }  # fmt: skip
    return any(
        isinstance(value, of[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    )


def _either(ways: Iterable[str]) -> str:
    found = list(dict.fromkeys(ways))
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _quoted(text: str) -> str:
    """``text`` as a grammar's literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
