"""The list of conversations as HTML: plain links and buttons, which static/left.js gives life.

Gradio's own choices would each be a component's part; a page of the list is made faster as one
text, and only shown rows are sent. What people have written is escaped.
"""

from chat_app.chat.browse import Group, Listing
from chat_app.db.listing import Listed
from chat_app.db.search import Marked
from chat_app.ui.text import escape

UNTITLED = "New conversation"
_EMPTY = "Your conversations appear here. They stay on this computer."
_EMPTY_ARCHIVE = (
    "Nothing is archived. Archive a conversation in its menu, and it moves here, out of the way."
)


def list_html(listing: Listing) -> str:
    """Filters, then the groups of conversations, then what leads further."""
    parts = [_filters(listing), *map(_group, listing.groups)]
    if not listing.groups:
        parts.append(f'<p class="vf-hint">{_why_empty(listing)}</p>')
    if listing.more:
        parts.append('<button type="button" class="vf-further" data-do="more">Show more</button>')
    shelf = "archive" if listing.browsing.archived else "list"
    return (
        f'<div class="vf-list" data-shelf="{shelf}" data-archived="{listing.archived}">'
        f"{''.join(parts)}</div>"
    )


def said_html(sentence: str, undo: str = "") -> str:
    """What was just done; ``undo`` is what its button is called, if that can be taken back."""
    if not sentence:
        return ""
    button = f'<button type="button" data-do="undo">{escape(undo)}</button>' if undo else ""
    return (
        f'<div class="vf-told"><span>{escape(sentence)}</span>{button}'
        '<button type="button" class="vf-hush" data-do="hush" aria-label="Dismiss">×</button></div>'
    )


def _filters(listing: Listing) -> str:
    parts = []
    if listing.browsing.archived:
        parts.append(
            '<button type="button" class="vf-back" data-do="shelf">'
            '<span aria-hidden="true">‹</span> All conversations</button>'
        )
    if listing.tags:
        chips = (
            f'<button type="button" class="vf-tag" data-do="filter" data-tag="{escape(tag)}" '
            f'aria-pressed="{str(tag == listing.browsing.tag).lower()}">{escape(tag)}'
            f'<span class="vf-tagged" aria-hidden="true">{count}</span></button>'
            for tag, count in listing.tags.items()
        )
        parts.append(
            '<div class="vf-tags" role="group" aria-label="Show only conversations with a tag">'
            f"{''.join(chips)}</div>"
        )
    return "".join(parts)


def _why_empty(listing: Listing) -> str:
    if words := " ".join(listing.browsing.words.split()):
        return (
            f"Nothing found for “{escape(words[:80])}”. Titles and messages are searched; the "
            "beginning of a word is enough."
        )
    if listing.browsing.tag:
        return f"No conversation here has the tag “{escape(listing.browsing.tag)}”."
    if listing.browsing.archived:
        return _EMPTY_ARCHIVE
    return "All your conversations are archived." if listing.archived else _EMPTY


def _group(group: Group) -> str:
    rows = "".join(map(_row, group.conversations))
    return f'<h2 class="vf-day">{escape(group.name)}</h2><ul>{rows}</ul>'


def _row(each: Listed) -> str:
    title = escape(each.title or UNTITLED)
    states = [name for name in ("pinned", "archived") if getattr(each, name)]
    return (
        f'<li class="vf-row" data-id="{escape(each.id)}" data-title="{escape(each.title)}" '
        f'data-tags="{escape(", ".join(each.tags))}" data-is="{" ".join(states)}">'
        f'<input type="checkbox" class="vf-pick" aria-label="Select “{title}”">'
        f'<a class="vf-link" href="?c={escape(each.id)}">{_words(each)}</a>'
        f'<button type="button" class="vf-more" aria-haspopup="menu" '
        f'aria-label="What to do with “{title}”"></button></li>'
    )


def _words(each: Listed) -> str:
    """What a row says: the title, where the searched words are, the tags."""
    hit = each.hit
    title = _marked(hit.title) if hit and hit.title else escape(each.title or UNTITLED)
    parts = [f'<span class="vf-topic">{title}</span>']
    if hit and hit.text:
        parts.append(f'<span class="vf-where">{_marked(hit.text)}</span>')
    if each.tags:
        tags = "".join(f"<span>{escape(tag)}</span>" for tag in each.tags)
        parts.append(f'<span class="vf-labels">{tags}</span>')
    return "".join(parts)


def _marked(pieces: Marked) -> str:
    return "".join(_piece(*piece) for piece in pieces)


def _piece(text: str, found: bool) -> str:
    return f"<mark>{escape(text)}</mark>" if found else escape(text)
