"""Chat templates: from messages to the one text that a model was trained to continue.

The file's own Jinja template is run in a sandbox, as its authors wrote it for Hugging Face's
``apply_chat_template``; a model without one gets ChatML.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chat_app.errors import ValueflowError

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Message = Mapping[str, str]


class TemplateRefused(ValueflowError):
    """A chat template that takes no such conversation."""


def _raise(message: str) -> None:
    raise TemplateError(message)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
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
    """A template with the texts of the model's first and last tokens."""

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        environment = _environment()
        self.own = False
        self._names = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = environment.from_string(source or CHATML)
            self.own = source is not None
        except TemplateError:  # a tag that only its author's renderer knows
            self._template = environment.from_string(CHATML)

    def _run(self, messages: Sequence[Message], open_reply: bool) -> str:
        # Models that can think aloud are asked not to: the reply itself is what gets scored.
        return self._template.render(
            messages=[dict(m) for m in messages],
            add_generation_prompt=open_reply,
            enable_thinking=False,
            **self._names,
        )

    def render(self, messages: Sequence[Message], open_reply: bool) -> str:
        """The text of ``messages``; ``open_reply`` ends it where the assistant is to speak.

        A template that refuses the system role gets it folded into the first user turn. Raises
        :class:`TemplateRefused` with the template's own words where it refuses still.
        """
        refusal: Exception
        try:
            return self._run(messages, open_reply)
        except (TemplateError, TypeError, KeyError, ValueError) as error:
            refusal = error
        if any(m["role"] == "system" for m in messages):
            try:
                return self._run(fold_system(messages), open_reply)
            except (TemplateError, TypeError, KeyError, ValueError) as error:
                refusal = error
        raise TemplateRefused(
            f"The model's chat template refuses this conversation: {refusal}."
        ) from refusal
