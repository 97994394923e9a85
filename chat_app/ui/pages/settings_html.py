"""Small pieces of safe HTML for the Settings page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chat_app.chat.data_folder import Backup, Part, size_words
from chat_app.chat.preferences import Preference
from chat_app.settings import Settings
from chat_app.ui.text import escape

if TYPE_CHECKING:
    from chat_app.llm.model import ModelInfo


def section_html(title: str, what: str) -> str:
    return (
        f'<div class="vf-set-section"><h2 class="vf-section">{escape(title)}</h2>'
        f"<p>{escape(what)}</p></div>"
    )


def line_html(title: str, what: str) -> str:
    """A quiet line; ``title`` stands out before it, where there is one."""
    strong = f"<b>{escape(title)}</b>" if title else ""
    return f'<div class="vf-set-line" role="status">{strong}<span>{escape(what)}</span></div>'


def locked_html(locked: Sequence[Preference]) -> str:
    """Which settings the environment rules over, so that they cannot be changed here."""
    if not locked:
        return ""
    names = ", ".join(f"<code>{escape(str(p.locked))}</code>" for p in locked)
    return (
        f'<p class="vf-set-notice">Set by the environment, and so not to be changed here: {names}. '
        "Start the program without these variables to change them here.</p>"
    )


def loaded_html(settings: Settings, model: "ModelInfo | None") -> str:
    """Which model these settings are for, and whether it is loaded."""
    name = escape(model.name if model else settings.model)
    state = "is loaded" if model else "is not loaded yet; it will be with the first reply"
    return f'<p class="vf-set-line"><span>The model {name} {state}.</span></p>'


def folder_html(home: Path, parts: Sequence[Part]) -> str:
    """The data folder, and what takes how much room in it."""
    rows = "".join(
        f"<tr><td>{escape(part.what)}</td><td>{size_words(part.size)}</td></tr>" for part in parts
    )
    total = size_words(sum(part.size for part in parts))
    foot = f'<tr class="vf-set-total"><td>Together</td><td>{total}</td></tr>' if parts else ""
    return (
        f'<p class="vf-set-path"><code>{escape(str(home))}</code></p>'
        f'<table class="vf-set-table"><tbody>{rows}{foot}</tbody></table>'
    )


def backups_html(kept: Sequence[Backup]) -> str:
    if not kept:
        return '<p class="vf-set-line"><span>No backup was made yet.</span></p>'
    rows = "".join(
        f"<tr><td>{each.made:%d %B %Y, %H:%M}</td><td><code>{escape(each.path.name)}</code></td>"
        f"<td>{size_words(each.size)}</td></tr>"
        for each in kept
    )
    return f'<table class="vf-set-table"><tbody>{rows}</tbody></table>'
