"""Reading a transcript, and finding out whether it was altered since it was written.

The hashes show that somebody changed a part and left the rest; against one who writes all of
them anew they are no proof, as no signature is involved.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from chat_app.chat import chain
from chat_app.errors import ValueflowError

FORMAT = "valueflow.transcript/1"
# What of a message its hash leaves out: its names in the database, and what was added to it later.
_OUTSIDE_HASH = ("id", "parent", "parent_hash", "hash", "scores", "vote")


class TranscriptError(ValueflowError):
    """A file that is no transcript, or not one to be trusted."""


def read_transcript(text: str) -> dict[str, Any]:
    """A transcript from its JSON or JSONL text.

    Raises TranscriptError that says where the text is not JSON, or is not a transcript.
    """
    try:
        data = _parse(text)
    except json.JSONDecodeError:
        data = _lines(text)
    if not isinstance(data, dict):
        raise TranscriptError("The file is no transcript: it is not a JSON object.")
    if data.get("format") != FORMAT:
        raise TranscriptError(
            f"The file's format is {data.get('format')!r}: this version reads {FORMAT!r}."
        )
    if "messages" not in data:  # JSONL of a conversation without messages is one line
        data = {**data, "messages": []}
    return data


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            parse_constant=_no_constant,
            object_pairs_hook=_no_key_twice,
        )
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        raise TranscriptError("The file is no transcript: its JSON is not one we write.") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys readers take now the first, now the last: a text could hide in one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _lines(text: str) -> dict[str, Any]:
    """JSONL: the conversation in the first line, then a message a line."""
    parsed: list[Any] = []
    # Only line feeds end a line: JSON texts may hold other separators as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                parsed.append(_parse(line))
            except json.JSONDecodeError as error:
                raise TranscriptError(
                    f"The file is neither JSON nor JSONL: {error.msg} at line {number}, "
                    f"column {error.colno}."
                ) from None
    if not parsed or not isinstance(parsed[0], dict):
        raise TranscriptError("The file is no transcript: it is empty.")
    if "messages" in parsed[0]:
        raise TranscriptError("The file is no transcript: it has messages in its first line.")
    return {**parsed[0], "messages": parsed[1:]}


def verify_transcript(data: Mapping[str, Any]) -> list[str]:
    """What is wrong with a transcript, a sentence each, the first altered message first; [] if
    nothing is."""
    if problem := schema_problem(data):
        return [problem]
    try:
        problems = list(_message_problems(data["messages"]))
        whole = chain.sha256({key: item for key, item in data.items() if key != "hash"})
    except ValueError:
        return ["The transcript holds a number that JSON does not have."]
    if not problems and whole != data["hash"]:
        problems.append(
            "Something beside the messages was altered: a score, a vote, the title, the profile or "
            "an id."
        )
    return problems


def schema_problem(data: Any) -> str | None:
    """The first place where ``data`` is not as transcript.schema.json says, as a sentence."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(data))
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path) or "the transcript"
    said = error.message if len(error.message) <= 200 else error.message[:197] + "..."
    return f"{where} is not as {FORMAT} has it: {said}."


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = files("chat_app.chat").joinpath("transcript.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(schema))


def _message_problems(messages: list[dict[str, Any]]) -> Iterator[str]:
    seen: dict[str, dict[str, Any]] = {}
    for number, message in enumerate(messages, start=1):
        name = f"Message {number} ({message['role']}, {message['id']})"
        parent = seen.get(message["parent"] or "")
        if message["id"] in seen:
            yield f"{name} has the id of an earlier message."
        elif message["parent"] and parent is None:
            yield f"{name} answers {message['parent']}, which does not stand before it."
        elif message["parent_hash"] != (parent["hash"] if parent else None):
            yield f"{name} does not continue the message before it: one of the two was altered."
        elif parent and parent["hash"] is None:
            yield f"{name} answers a reply that was not finished."
        elif message["hash"] is None and message["status"] == "writing":
            pass
        elif message["hash"] != chain.digest(hashed_content(message), message["parent_hash"]):
            yield f"{name} was altered: what it holds does not give its hash."
        seen[message["id"]] = message


def hashed_content(message: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a transcript's message that its hash covers, less its parent's hash."""
    return {key: item for key, item in message.items() if key not in _OUTSIDE_HASH}
