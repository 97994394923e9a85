"""What a model thought before its reply, folded: it opens with a click or a key."""

from chat_app.ui.text import escape


def thought_html(
    thought: str | None,
    *,
    thinking: bool = False,
    seconds: float | None = None,
    message_id: str = "",
) -> str:
    """Nothing where there is none. ``seconds``: how long it took, None where nobody knows.

    ``message_id``: whose it is, so that the page's script can keep it open while it grows.
    """
    if not thought:
        return ""
    return (
        f'<details class="vf-thought" data-message="{escape(message_id)}">'
        f"<summary>{_title(thinking, seconds)}</summary><p>{escape(thought)}</p></details>"
    )


def _title(thinking: bool, seconds: float | None) -> str:
    if thinking:
        return "Thinking …"
    return "Thought" if seconds is None else f"Thought for {_duration(seconds)}"


def _duration(seconds: float) -> str:
    """
    >>> [_duration(s) for s in (0.2, 4.4, 75)]
    ['a moment', '4 s', '1 min 15 s']
    """
    whole = round(seconds)
    if not whole:
        return "a moment"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
