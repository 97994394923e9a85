"""What stands under a message: its branches, what can be done with it, how it was written.

The buttons are plain HTML that the page's script (static/middle.js) listens to. Gradio's own row
has them for the last reply only, copies and edits what is shown instead of what was said, and
knows no branches.
"""

from collections.abc import Iterable

from chat_app.chat.conversations import ConversationView, MessageView
from chat_app.ui.text import escape


def reply_footer(message: MessageView) -> str:
    """Below a reply and what was measured of it."""
    if message.status == "writing":
        return ""
    parts = [_branches(message)]
    if message.can_go_on:
        parts.append(_wide("go_on", "Continue", "Write on from where it broke off"))
    if message.unfinished:
        parts.append(_wide("retry", "Try again", "Another reply, under the profile of now"))
    if message.text:
        parts.append(_button("copy", "Copy this reply"))
    if not message.unfinished:
        parts.append(_button("retry", "Another reply, under the profile of now"))
    parts.append(_button("edit", "Edit this reply: your words, on a branch of their own"))
    if not message.edited:
        parts += [
            _button("like", "Good reply", pressed=message.vote > 0),
            _button("dislike", "Bad reply", pressed=message.vote < 0),
            _about(message),
        ]
    return _row(message, parts)


def question_footer(message: MessageView, *, last: bool) -> str:
    """Below what the person said; the ``last`` question can be taken back."""
    parts = [
        _branches(message),
        _button("copy", "Copy what you said"),
        _button("edit", "Say this in other words, on a branch of its own"),
    ]
    if last:
        parts.append(_button("undo", "Take this turn back: your words return to the box"))
    return _row(message, parts)


def divider(change: str) -> str:
    """Between two turns: how the profile changed."""
    return f'<div class="vf-divider" role="separator"><span>{escape(change)}</span></div>'


def system_text(text: str) -> str:
    """What an imported conversation tells the model before its first turn, folded."""
    return (
        '<details class="vf-system"><summary>What this conversation tells the model first</summary>'
        f"<p>{escape(text)}</p></details>"
    )


def earlier(count: int) -> str:
    """Above the first message that is shown, where ``count`` others stand before it."""
    if not count:
        return ""
    words = "Show the message before" if count == 1 else f"Show the {count:,} messages before"
    return f'<div class="vf-later">{_wide("earlier", words, words)}</div>'


def later(view: ConversationView) -> str:
    """Below a branch whose last turn was taken back."""
    words = "Show what you took back"
    return f'<div class="vf-later">{_wide("later", words, words)}</div>' if view.later else ""


def _branches(message: MessageView) -> str:
    count = len(message.siblings)
    if count < 2:
        return ""
    at = message.siblings.index(message.id) + 1
    return (
        f'<span class="vf-branches" role="group" aria-label="Version {at} of {count}">'
        f"{_button('previous', 'The version before', off=at == 1)}"
        f"<span>{at} / {count}</span>"
        f"{_button('next', 'The version after', off=at == count)}</span>"
    )


def _about(message: MessageView) -> str:
    facts = [message.model] if message.model else []
    if message.n_tokens:
        facts.append("1 token" if message.n_tokens == 1 else f"{message.n_tokens:,} tokens")
    if message.tokens_per_s:
        facts.append(f"{message.tokens_per_s:.3g} tokens/s")
    if message.seed is not None:
        facts.append(f"seed {message.seed}")
    facts.append(f"{message.created.astimezone():%d %b %Y, %H:%M}")
    said = escape(" · ".join(facts))
    return (
        f'<button type="button" class="vf-act vf-about" data-act="about" data-tip="{said}" '
        f'aria-label="{said}"></button>'
    )


def _button(act: str, words: str, *, pressed: bool | None = None, off: bool = False) -> str:
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<button type="button" class="vf-act" data-act="{act}" aria-label="{words}" '
        f'title="{words}"{state}{" disabled" if off else ""}></button>'
    )


def _wide(act: str, words: str, title: str) -> str:
    return (
        f'<button type="button" class="vf-act vf-wide" data-act="{act}" title="{title}">'
        f"{words}</button>"
    )


def _row(message: MessageView, parts: Iterable[str]) -> str:
    return f'<div class="vf-acts" data-message="{escape(message.id)}">{"".join(parts)}</div>'
