"""What a client sends: OpenAI's fields as pydantic reads them, and what of them is refused.

A field that would be ignored is refused instead, but for those that say who asks and how it is
billed: whoever sets ``tools`` should learn that they do nothing here.
"""

import math
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from chat_app.api.errors import ApiError, refused
from chat_app.llm.engine import Turn

M = TypeVar("M", bound=BaseModel)

_LARGEST = 8 * 2**20  # bytes of a request
_NOT_HERE = {
    "tools": "calls no tools",
    "tool_choice": "calls no tools",
    "parallel_tool_calls": "calls no tools",
    "functions": "calls no functions",
    "function_call": "calls no functions",
    "audio": "takes and gives text only",
    "modalities": "takes and gives text only",
    "web_search_options": "does not search the web",
    "prediction": "takes no predicted text",
    "reasoning_effort": "does not think aloud",
    "dimensions": "does not shorten embeddings",
}


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, given: Any) -> Any:
        """As OpenAI's client sends an answer's message back: with ``refusal`` and others null."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}


class TextPart(_Read):
    type: Literal["text"]
    text: str


class Message(_Read):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    def turn(self) -> Turn:
        text = self.content
        if isinstance(text, list):
            text = "\n".join(part.text for part in text)
        role = self.role
        return Turn("system" if role == "developer" else role, text)


class JsonSchema(_Read):
    name: str = Field(max_length=64)
    schema_: dict[str, JsonValue] | bool = Field(True, alias="schema")
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(_Read):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(_Read):
    include_usage: bool = False
    include_obfuscation: bool = False


class Steering(_Read):
    """The field ``valueflow``; see ``chat.completions.asked_profile``."""

    profile: str | dict[str, JsonValue] | None = None
    method: str | None = None
    strength: float = Field(1.0, ge=0, le=2)
    score: bool | Annotated[list[str], Field(max_length=64)] | None = None


class ChatRequest(_Read):
    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    valueflow: Steering | None = None
    # as llama.cpp's and vLLM's servers call them
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    # who asks, and how it is billed and kept elsewhere: without effect
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None

    def stops(self) -> tuple[str, ...]:
        """Raises ApiError for an empty one."""
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if not all(stops):
            raise refused("stop holds an empty text.", "stop")
        return stops

    def biases(self) -> tuple[tuple[int, float], ...]:
        """(token, bias) with -100 as never. Raises ApiError for a token that is no number."""
        found = []
        for token, bias in (self.logit_bias or {}).items():
            if not re.fullmatch("[0-9]{1,9}", token):
                raise refused(f"logit_bias names {token!r}, which is no token's number.",
                              "logit_bias")  # fmt: skip
            found.append((int(token), -math.inf if bias == -100 else bias))
        return tuple(found)


class EmbeddingsRequest(_Read):
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None

    def texts(self) -> list[str]:
        """Raises ApiError for an empty text."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not all(text.strip() for text in texts):
            raise refused("input holds an empty text.", "input")
        return texts


async def read_as(kind: type[M], request: Request) -> M:
    """The body of ``request``. Raises ApiError that names what is wrong with it."""
    sort = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sort != "application/json":
        # A web page can send other types to this computer without being asked for leave.
        raise ApiError(415, "Send JSON, with the header Content-Type: application/json.",
                       "unsupported_media_type")  # fmt: skip
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise ApiError(413, f"The request has more than {_LARGEST:,} bytes.", "too_large")
    try:
        return kind.model_validate_json(bytes(body))
    except ValidationError as error:
        raise _wrong(error) from None


def _wrong(error: ValidationError) -> ApiError:
    """The first thing that is wrong, as one sentence."""
    found = error.errors(include_url=False)
    same = [each for each in found if each["loc"][:1] == found[0]["loc"][:1]]
    # Of a field that may be of several types, rather what is wrong with the one that was meant.
    first = next((each for each in same if not each["type"].endswith("_type")), found[0])
    kind, place, given = first["type"], first["loc"], first["input"]
    if kind == "json_invalid":
        return refused(f"The request is not valid JSON: {first['ctx']['error']}.")
    if not place:
        return refused("The request must be a JSON object.")
    field, where = str(place[0]), _where(place)
    if kind == "extra_forbidden" and field in _NOT_HERE:
        return refused(
            f"{field} is not supported: this server {_NOT_HERE[field]}.",
            field,
            "unsupported_parameter",
        )
    if kind == "extra_forbidden":
        return refused(
            f"There is no field {where}; docs/api.md lists those that are known.",
            where,
            "unknown_parameter",
        )
    if kind == "missing":
        return refused(f"The field {where} is missing.", where, "missing_required_parameter")
    if field == "messages" and "content" in place:
        where = _where(place[:3])
        said = "must be text, or a list of text parts"
    elif kind == "too_short":
        said = "must not be empty"
    elif kind == "too_long":
        said = f"must have at most {first['ctx']['max_length']} items"
    else:
        shown = repr(given) if len(repr(given)) <= 40 else "not that"
        must = first["msg"].partition("should ")[2] or first["msg"]
        said = f"is {shown}: it must {must}"
    return refused(f"{where} {said}.", where, "invalid_value")


def _where(place: Sequence[int | str]) -> str:
    """("messages", 0, "role") as "messages[0].role", up to the name of a type, if there is one."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    plain = takewhile(lambda step: not re.match(r"\.(str|bool|(list|dict)\[.*)$", step), steps)
    return "".join(plain).removeprefix(".")


def json_shape(wanted: ResponseFormat | None) -> Any | None:
    """The JSON schema that the reply is to follow, None for free text. Raises ApiError."""
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None:
        raise refused("response_format.json_schema is missing.", "response_format")
    return wanted.json_schema.schema_
