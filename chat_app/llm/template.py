"""Chat templates: from messages to the one text that a model was trained to continue.

The file's own Jinja template is run in a sandbox, as its authors wrote it for Hugging Face's
``apply_chat_template``; a model without one gets ChatML.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chat_app.errors import ValueflowError
from chat_app.llm import thinking

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Message = Mapping[str, str]

# What a template may raise over a conversation that it was not written for.
_REFUSALS = (TemplateError, TypeError, KeyError, ValueError, IndexError, AttributeError)
_SYSTEM = {"role": "system", "content": "vf-system"}
_USER = {"role": "user", "content": "vf-user"}


@dataclass(frozen=True)
class Asking:
    """How a template asks for a reply. ``think``: whether a model that can think aloud is let to.
    ``today``: the day that a template may tell the model; None: that of now."""

    think: bool = False
    today: date | None = None


STRAIGHT = Asking()


class TemplateRefused(ValueflowError):
    """A chat template that takes no such conversation."""


class _Generation(Extension):
    """``{% generation %}``, which marks for a trainer what the model says: its inside, as it is."""

    tags = {"generation"}  # noqa: RUF012 (as Jinja has it)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)  # Jinja's own is for HTML


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.globals["raise_exception"] = _raise
    environment.filters["tojson"] = _json
    return environment


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """``messages`` with the system text put before the first user text, for models without one.

    >>> fold_system([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}])
    [{'role': 'user', 'content': 'Be kind.\\n\\nHi'}]
    """
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    rest: list[Message] = [m for m in messages if m["role"] != "system"]
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    first = {"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}
    return [first, *rest[1:]]


class ChatTemplate:
    """A template with the texts of the model's first and last tokens.

    ``own``: whether it came with the model. ``thinks``: whether it knows models that think aloud.
    ``dated``: whether it tells the model what day it is.
    """

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        self._names = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = _environment().from_string(source or CHATML)
            self.own = source is not None
        except TemplateError:  # a tag that only its author's renderer knows
            self._template = _environment().from_string(CHATML)
            self.own = False
        written = (source or "") if self.own else ""
        self.thinks = "enable_thinking" in written or thinking.OPEN in written
        self.dated = "strftime_now" in written
        # Some templates take a text only as a list of parts, and leave out what they do not know.
        self._in_parts = False
        self._in_parts = not self._shows(_USER)
        self._folds = self._shows(_USER) and not self._shows(_SYSTEM, _USER)

    def _shows(self, *messages: Message) -> bool:
        """Whether the template writes down what these say."""
        try:
            text = self._run(messages, True, STRAIGHT)
        except _REFUSALS:
            return False
        return all(message["content"] in text for message in messages)

    def _run(self, messages: Sequence[Message], open_reply: bool, asking: Asking) -> str:
        said: list[dict[str, Any]] = [dict(m) for m in messages]
        if self._in_parts:
            said = [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in said]

        def strftime_now(form: str) -> str:
            day = asking.today
            return (datetime.combine(day, time()) if day else datetime.now()).strftime(form)

        given = {
            "messages": said,
            "add_generation_prompt": open_reply,
            "enable_thinking": asking.think,
            "thinking": asking.think,
            "strftime_now": strftime_now,
            **self._names,
        }
        try:
            # As on Hugging Face, where both are always defined; some count on it ...
            return self._template.render(given, tools=None, documents=None)
        except TypeError:  # ... and some would go through the tools wherever they are defined.
            return self._template.render(given)

    def render(
        self, messages: Sequence[Message], open_reply: bool, asking: Asking = STRAIGHT
    ) -> str:
        """The text of ``messages``; ``open_reply`` ends it where the assistant is to speak.

        A template that refuses the system role, or leaves it out, gets it folded into the first
        user turn. Raises :class:`TemplateRefused` with the template's own words where it refuses
        still.
        """
        if self._folds and any(m["role"] == "system" for m in messages):
            messages = fold_system(messages)
        try:
            text = self._run(messages, open_reply, asking)
            # A model that is not to think has its thought closed where its template opens one.
            return text if asking.think or not open_reply else thinking.shut(text)
        except _REFUSALS as refusal:
            raise TemplateRefused(
                f"The model's chat template refuses this conversation: {refusal}."
            ) from refusal

    def opening(self, asking: Asking) -> str:
        """The tag with which the prompt opens a thought itself, "" where it opens none."""
        try:
            return thinking.opening(self.render([_USER], True, asking))
        except TemplateRefused:
            return ""
