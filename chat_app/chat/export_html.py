"""A conversation as one HTML page that needs nothing else and may fetch nothing."""

from html import escape

from chat_app.chat.conversations import ConversationView, MessageView
from chat_app.chat.wording import (
    SPEAKERS,
    THOUGHT,
    profile_line,
    score_line,
    status_line,
    targeted,
)

_RULES = """
:root { color-scheme: light dark; --ink: #1b1b1c; --quiet: #6f6f6c; --paper: #fff;
  --bubble: #f1f1ef; --mine: #e0e7fd; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1f1ef; --quiet: #9c9c98;
  --paper: #141415; --bubble: #262627; --mine: #232f6b; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; }
.about, .note, time { color: var(--quiet); font-size: .85rem; }
article { margin: 1.2rem 0; }
article > p { margin: .2rem 0; padding: .7rem 1rem; border-radius: .8rem;
  background: var(--bubble); white-space: pre-wrap; overflow-wrap: anywhere; }
details { color: var(--quiet); font-size: .9rem; margin: .4rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere; }
article.user { margin-left: 15%; }
article.user > p { background: var(--mine); }
h2 { font-size: .85rem; margin: 0; }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem; margin: .4rem 0; padding: 0; }
li { border: 1px solid var(--quiet); border-radius: 1rem; padding: .1rem .6rem; font-size: .8rem; }
"""


def html_page(view: ConversationView) -> str:
    """The branch that is shown, each reply with its chips; every word of others escaped."""
    title = escape(view.title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_RULES}</style>\n</head>\n<body>\n"
        f'<h1>{title}</h1>\n<p class="about">{escape(profile_line(view.profile))}</p>\n'
        f"{''.join(map(_article, view.messages))}</body>\n</html>\n"
    )


def _article(message: MessageView) -> str:
    when = message.created.isoformat(timespec="seconds")
    chips = "".join(f"<li>{escape(score_line(*each))}</li>" for each in targeted(message))
    note = status_line(message)
    return (
        f'<article class="{escape(message.role)}">\n'
        f'<h2>{SPEAKERS[message.role]} <time datetime="{when}">{when[:16].replace("T", " ")}</time>'
        f"</h2>\n{_thought(message)}<p>{escape(message.text)}</p>\n"
        + (f"<ul>{chips}</ul>\n" if chips else "")
        + (f'<div class="note">{escape(note)}</div>\n' if note else "")
        + "</article>\n"
    )


def _thought(message: MessageView) -> str:
    if not message.thought:
        return ""
    return f"<details><summary>{THOUGHT}</summary>{escape(message.thought)}</details>\n"
