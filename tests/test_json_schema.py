"""JSON schemas as grammars: what a model writes under one is valid, and what cannot be promised
is refused."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.grammar import GrammarError
from chat_app.llm.json_numbers import LARGEST
from chat_app.llm.json_schema import json_grammar
from chat_app.llm.json_values import KEYWORDS
from chat_app.llm.model import ChatModel

NAMES = st.sampled_from(["a", "b", 'say "x"', "back\\slash", "né", "ref"])
WHOLE = st.integers(-(10**6), 10**6)


def _between(kind: str, low: int, width: int) -> dict:
    return {"type": kind, "minimum": low, "maximum": low + width}


LEAVES = st.one_of(
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"type": "integer"}, {"type": "number"},
         {"type": ["null", "integer"]}, {"type": "string", "format": "date-time"},
         {"type": "string", "format": "uuid"}, {"type": "integer", "exclusiveMinimum": -3,
         "exclusiveMaximum": 3}]
    ),
    st.builds(_between, st.sampled_from(["integer", "number"]), WHOLE, st.integers(0, 5000)),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 3), st.integers(0, 5),
    ),
    st.lists(NAMES | st.none() | WHOLE | st.lists(NAMES), min_size=1).map(lambda v: {"enum": v}),
    NAMES.map(lambda name: {"const": {name: name}}),
)  # fmt: skip


@st.composite
def objects(draw, inner):
    properties = draw(st.dictionaries(NAMES, inner, max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    return {"type": "object", "properties": properties, "required": required,
            "additionalProperties": False}  # fmt: skip


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(
            lambda items, least, more: {
                "type": "array", "items": items, "minItems": least, "maxItems": least + more
            },
            inner, st.integers(0, 2), st.integers(0, 2),
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: {"type": "array", "prefixItems": parts, "items": False,
                           "minItems": len(parts)}
        ),
    ),
    max_leaves=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def writer(random_model_path):
    """A model that has no idea of JSON: whatever its grammar lets through, it writes."""
    model = ChatModel.load(random_model_path)
    engine = Engine(model, n_ctx=1024, n_threads=1)
    yield engine
    engine.close()


def written(engine: Engine, schema, seed: int = 0) -> str | None:
    """What the model writes under ``schema``; None where it did not come to an end, or spelt a
    character in bytes that are none, as only a model without any training does."""
    sampling = Sampling(
        grammar=json_grammar(schema), temperature=3.0, top_k=0, top_p=1, min_p=0, seed=seed,
        max_tokens=600,
    )  # fmt: skip
    reply = engine.reply([Turn("user", "JSON, please.")], sampling)
    whole = reply.finish == "stop" and "\ufffd" not in reply.text
    return reply.text if whole else None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=SCHEMAS, seed=st.integers(0, 1000))
def test_what_is_written_is_valid(writer, schema, seed):
    text = written(writer, schema, seed)
    if text is not None:
        Draft202012Validator(schema).validate(json.loads(text))


def test_most_replies_come_to_an_end(writer):
    """So that the test above has something to look at."""
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    assert written(writer, schema)


TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"enum": ["x", "y"]},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "next"],
        }
    },
}


def test_a_schema_that_refers_to_itself(writer):
    found = [text for seed in range(6) if (text := written(writer, TREE, seed))]
    assert found
    for text in found:
        Draft202012Validator(TREE).validate(json.loads(text))


def test_any_object_is_one(writer):
    found = [t for seed in range(12) if (t := written(writer, {"type": "object"}, seed))]
    assert found
    assert all(isinstance(json.loads(text), dict) for text in found)


def test_a_map_of_one_kind(writer):
    schema = {"type": "object", "additionalProperties": {"type": "boolean"}}
    found = [t for seed in range(12) if (t := written(writer, schema, seed))]
    assert found
    for text in found:
        Draft202012Validator(schema).validate(json.loads(text))


@given(low=st.integers(-LARGEST, LARGEST), width=st.integers(0, LARGEST), data=st.data())
def test_bounds_let_just_those_numbers_through(low, width, data):
    """The grammar of whole numbers, read as the regular expression that it is but for blanks."""
    import re

    from chat_app.llm.json_numbers import integer_between

    high = min(low + width, LARGEST)
    pattern = re.sub(r'"([^"]*)"|\s+', lambda m: m[1] or "", integer_between(low, high))
    for number in (low, high, data.draw(st.integers(low, high))):
        assert re.fullmatch(pattern, str(number))
    for number in (low - 1, high + 1, data.draw(st.integers(-(10**17), 10**17))):
        assert bool(re.fullmatch(pattern, str(number))) == (low <= number <= high)


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_many_numbers_with_one_bound_fit_into_a_grammar(writer, kind):
    names = [f"n{i}" for i in range(40)]
    properties = {name: {"type": kind, "minimum": 0} for name in names}
    assert len(json_grammar({"type": "object", "properties": properties, "required": names})) < 8000
    few = {"type": "object", "properties": {"n": properties["n0"]}, "required": ["n"]}
    found = [text for seed in range(6) if (text := written(writer, few, seed))]
    assert found
    for text in found:
        Draft202012Validator(few).validate(json.loads(text))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("x", "no object"),
        ({"type": "strin"}, "'strin'"),
        ({"type": "string", "pattern": "^a$"}, "'pattern'"),
        ({"type": "array", "uniqueItems": True}, "'uniqueItems'"),
        ({"type": "number", "minimum": 0.5}, "whole number"),
        ({"type": "integer", "minimum": 4, "maximum": 3}, "No number"),
        ({"type": "number", "exclusiveMinimum": 0}, "'exclusiveMinimum'"),
        ({"type": ["integer", "number"], "exclusiveMinimum": 0}, "'exclusiveMinimum'"),
        ({"minimum": 0, "exclusiveMinimum": 0}, "'exclusiveMinimum'"),
        ({"type": "integer", "multipleOf": 3}, "'multipleOf'"),
        ({"type": "string", "minLength": 4, "maxLength": 3}, "above"),
        ({"type": "string", "maxLength": 5000}, "5,000"),
        ({"type": "string", "format": "email"}, "'email'"),
        ({"enum": []}, "enum"),
        ({"enum": [1], "type": "string"}, "Nothing is valid"),
        ({"oneOf": [{}]}, "'oneOf'"),
        ({"allOf": [{}, {}]}, "allOf"),
        ({"not": {}}, "'not'"),
        ({"type": "object", "required": ["a"]}, "'a'"),
        ({"type": "object", "patternProperties": {}}, "'patternProperties'"),
        ({"$ref": "#/$defs/none"}, "#/$defs/none"),
        ({"$ref": "https://example.org/schema"}, "example.org"),
        ({"type": "array", "prefixItems": [{}], "minItems": 3}, "prefixItems"),
    ],
)
def test_what_cannot_be_promised_is_refused(schema, said):
    with pytest.raises(GrammarError, match="JSON schema") as told:
        json_grammar(schema)
    assert said in str(told.value)


WORDS = st.sampled_from(
    [
        *KEYWORDS,
        *sorted(set().union(*KEYWORDS.values())),
        *("type", "enum", "const", "anyOf", "allOf", "$ref", "date", "#/items"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(schema=st.dictionaries(WORDS, JSON, max_size=4))
def test_whatever_a_client_sends_is_a_grammar_or_refused(schema):
    try:
        grammar = json_grammar(schema)
    except GrammarError:
        return
    assert "root ::= " in grammar


def test_a_schema_of_too_many_parts_is_refused():
    many = {str(i): {"type": "integer", "minimum": i} for i in range(3000)}
    with pytest.raises(GrammarError, match="too large"):
        json_grammar({"type": "object", "properties": many})


def test_a_schema_that_never_begins_is_refused_by_its_grammar(writer):
    with pytest.raises(GrammarError, match="begins with itself"):
        written(writer, {"$ref": "#"})


def test_a_schema_in_a_schema_without_end_is_refused():
    schema: dict = {}
    for _ in range(60):
        schema = {"type": "array", "items": schema}
    with pytest.raises(GrammarError, match="deep"):
        json_grammar(schema)
