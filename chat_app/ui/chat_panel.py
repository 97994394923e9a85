"""The middle: what the chat shows, as the messages that Gradio's Chatbot takes."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from chat_app.chat.changes import changes_in
from chat_app.chat.conversations import ConversationView, MessageView
from chat_app.llm.thinking import told_apart
from chat_app.ui.chips import Chip, chips_html, value_words
from chat_app.ui.details_html import details_link
from chat_app.ui.examples import EXAMPLES
from chat_app.ui.footer import (
    divider,
    earlier,
    later,
    question_footer,
    reply_footer,
    system_text,
)
from chat_app.ui.scorer import Unmeasured, WhyNot
from chat_app.ui.text import escape, markdown_without_html, plain_as_markdown
from chat_app.ui.thought import thought_html

_WELCOME = """
<div class="vf-welcome">
<h2>Choose what it cares about</h2>
<p>Set values at the right, ask a question, and see under each reply how far it got.</p>
</div>
"""

# Read once, outside of any event: within one, Gradio makes components that are mere updates.
_HTML_PROPS: dict[str, Any] = gr.HTML("", render=False, js_on_load=None).get_config()


def build_chatbot() -> gr.Chatbot:
    """The chat, with a welcome and three examples while it is empty."""
    return gr.Chatbot(
        elem_id="vf-chat",
        show_label=False,
        label="Conversation",
        container=False,
        height="100%",
        layout="bubble",
        buttons=[],
        feedback_options=None,
        sanitize_html=True,
        allow_tags=False,
        latex_delimiters=[],
        allow_file_downloads=False,
        placeholder=_WELCOME,
        examples=[
            {"text": example.question, "display_text": example.caption} for example in EXAMPLES
        ],
    )


def user_message(text: str, footer: str = "") -> dict[str, Any]:
    """What the person said, shown literally, then ``footer``: safe HTML of the program's making."""
    words = {"type": "text", "text": plain_as_markdown(text)}
    return {"role": "user", "content": [words, *([html_part(footer)] if footer else [])]}


def reply_message(text: str, footer: str, thought: str = "") -> dict[str, Any]:
    """``thought``, a reply as Markdown without HTML, and ``footer``; the first and the last are
    safe HTML of the program's making."""
    words = {"type": "text", "text": markdown_without_html(text)}
    parts = [html_part(thought)] if thought else []
    parts += [words] if text or not (thought or footer) else []
    parts += [html_part(footer)] if footer else []
    return {"role": "assistant", "content": parts}


def waiting_message(what: str) -> dict[str, Any]:
    """A reply of which nothing is there yet; ``what`` says why."""
    dots = '<span class="vf-pulse"><i></i><i></i><i></i></span>'
    return {
        "role": "assistant",
        "content": [
            html_part(f'<div class="vf-loading" role="status">{dots} {escape(what)}</div>')
        ],
    }


def rows(
    view: ConversationView, begin: int = 0, why_not: WhyNot = lambda _: None
) -> list[dict[str, Any]]:
    """A stored conversation as chat messages, from its message number ``begin`` on. ``why_not``:
    as ``Scorer.why_not``.

    A change of the profile belongs to the reply before it there, as Gradio joins what comes from
    one side; so does what leads back to a turn that was taken back.
    """
    changes = changes_in(view.messages)
    asked = [message.id for message in view.messages if message.role == "user"]
    shown = [_note(earlier(begin))] if begin else []
    for message in view.messages[begin:]:
        if message.id in changes:
            shown.append(_note(divider(changes[message.id])))
        if message.role == "system":
            shown.append(_note(system_text(message.text)))
        elif message.role == "user":
            footer = question_footer(message, last=message.id == asked[-1])
            shown.append(user_message(message.text, footer))
        elif message.role == "assistant":
            shown.append(_reply(message, why_not(message.id)))
    if found := later(view):
        shown.append(_note(found))
    return shown


def growing_reply(text: str, message_id: str) -> dict[str, Any]:
    """A reply as far as it is written: ``text`` with its thought."""
    said = told_apart(text, growing=True)
    if not (said.thought or said.reply):
        return waiting_message("Thinking")
    thought = thought_html(said.thought, thinking=said.thinking, message_id=message_id)
    return reply_message(said.reply, "", thought)


def _note(html: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [html_part(html)]}


def _reply(message: MessageView, why_not: Unmeasured | None) -> dict[str, Any]:
    if message.status == "writing":
        return growing_reply(message.written, message.id)
    written = bool(message.text.strip())
    more = details_link(message.id) if written and not message.edited else ""
    notes = _notes(message)
    if why_not and why_not.tell and not message.edited:
        notes.append(f"Not measured: {why_not.words}")
    footer = chips_html(_chips(message, why_not), notes, more) + reply_footer(message)
    thought = thought_html(
        message.thought,
        seconds=message.thought_s,
        message_id=message.id,
    )
    return reply_message(message.text, footer, thought)


def _notes(message: MessageView) -> list[str]:
    notes = list(message.notes)
    if message.edited:
        return ["Edited by you, so it is not measured."]
    if message.imported:
        notes.append(f"Imported from {message.imported}: not steered, and measured when you ask.")
    if dropped := message.dropped_turns:
        notes.append(
            f"The conversation has outgrown the model's memory: its first {dropped} messages "
            "were not read for this reply."
        )
    if message.status == "stopped" and message.finish == "interrupted":
        notes.append("Interrupted: the program ended while this was being written.")
    elif message.status == "stopped":
        notes.append("Stopped before the end.")
    elif message.status == "failed":
        notes.append(message.error or "The reply failed; ask again to get another.")
    elif message.finish == "length":
        notes.append("Cut off at the longest length a reply may have.")
    if message.thought and not message.text.strip():
        notes.append("The model was still thinking, so there is nothing to measure: continue it.")
    elif message.status in ("stopped", "finished") and not message.text.strip():
        notes.append("Nothing was written, so nothing is measured.")
    return notes


def _chips(message: MessageView, why_not: Unmeasured | None) -> Iterable[Chip]:
    if not message.text:
        return
    scores = {score.value: score for score in message.scores}
    for value, target in message.profile.targets.items():
        score = scores.get(value)
        yield Chip(
            label=value_words(value),
            target=target,
            intensity=None if score is None else score.intensity,
            stderr=None if score is None else score.stderr,
            why_not=why_not.words if why_not else None,
        )


def html_part(value: str) -> dict[str, Any]:
    """A gr.HTML inside a message, in the form that Chatbot sends: made once a change of the
    message, where a component would be made anew for each message and each token."""
    return {
        "type": "component",
        "component": "html",
        "value": value,
        "constructor_args": {},
        "props": {**_HTML_PROPS, "value": value},
    }
