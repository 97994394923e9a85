"""The middle: what the chat shows, as the messages that Gradio's Chatbot takes."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from chat_app.chat.conversations import ConversationView, MessageView
from chat_app.ui.chips import Chip, chips_html, value_words
from chat_app.ui.details_html import details_link
from chat_app.ui.examples import EXAMPLES
from chat_app.ui.text import escape, markdown_without_html, plain_as_markdown

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


def user_message(text: str) -> dict[str, Any]:
    """What the person said, shown literally."""
    return {"role": "user", "content": [{"type": "text", "text": plain_as_markdown(text)}]}


def reply_message(text: str, footer: str) -> dict[str, Any]:
    """A reply as Markdown without HTML, then ``footer``: safe HTML of this module's making."""
    words = [{"type": "text", "text": markdown_without_html(text)}] if text or not footer else []
    return {"role": "assistant", "content": [*words, *([_html(footer)] if footer else [])]}


def waiting_message(what: str) -> dict[str, Any]:
    """A reply of which nothing is there yet; ``what`` says why."""
    dots = '<span class="vf-pulse"><i></i><i></i><i></i></span>'
    return {
        "role": "assistant",
        "content": [_html(f'<div class="vf-loading" role="status">{dots} {escape(what)}</div>')],
    }


def rows(view: ConversationView) -> list[dict[str, Any]]:
    """A stored conversation as chat messages."""
    return [
        user_message(message.text) if message.role == "user" else _reply(message)
        for message in view.messages
        if message.role != "system"
    ]


def _reply(message: MessageView) -> dict[str, Any]:
    if message.status == "writing" and not message.text:
        return waiting_message("Thinking")
    notes = list(message.notes)
    if dropped := message.dropped_turns:
        notes.append(
            f"The conversation has outgrown the model's memory: its first {dropped} messages "
            "were not read for this reply."
        )
    if message.status == "stopped":
        notes.append("Stopped before the end.")
    elif message.status == "failed":
        notes.append(message.error or "The reply failed; ask again to get another.")
    elif message.finish == "length":
        notes.append("Cut off at the longest length a reply may have.")
    written = bool(message.text.strip())
    if message.status in ("stopped", "finished") and not written:
        notes.append("Nothing was written, so nothing is measured.")
    more = details_link(message.id) if message.status != "writing" and written else ""
    return reply_message(message.text, chips_html(_chips(message), notes, more))


def _chips(message: MessageView) -> Iterable[Chip]:
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
        )


def _html(value: str) -> dict[str, Any]:
    """A gr.HTML inside a message, in the form that Chatbot sends: made once a change of the
    message, where a component would be made anew for each message and each token."""
    return {
        "type": "component",
        "component": "html",
        "value": value,
        "constructor_args": {},
        "props": {**_HTML_PROPS, "value": value},
    }
