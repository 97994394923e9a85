"""How much of a long conversation a tab shows: its end, and earlier messages when asked for.

What a browser lays out grows with the messages that are there, whoever looks at them: opening a
conversation would otherwise take the longer the longer one has talked.
"""

from dataclasses import replace
from typing import Any

from chat_app.chat.conversations import ConversationView
from chat_app.ui.chat_panel import rows
from chat_app.ui.guard import Tab
from chat_app.ui.scorer import WhyNot

RECENT = 20  # messages that are shown at first
_MORE = 50  # that "earlier" shows beyond these


def shown(tab: Tab, view: ConversationView, why_not: WhyNot) -> list[dict[str, Any]]:
    """``view`` as chat messages, from where ``tab`` begins to show it; ``tab`` has seen it now.
    ``why_not``: as ``Scorer.why_not``."""
    tab.seen = marks(view, why_not)
    return rows(view, _begin(tab, view), why_not)


def above(tab: Tab, view: ConversationView, count: int, why_not: WhyNot) -> list[dict[str, Any]]:
    """What stays on the screen while something else follows the first ``count`` messages."""
    begin = _begin(tab, view)
    return rows(
        replace(view, messages=view.messages[:count], later=None), min(begin, count), why_not
    )


def marks(view: ConversationView, why_not: WhyNot) -> list[Any]:
    """What changes wherever another reply, more of one, or a score has been stored, or it is known
    why there is none."""
    return [(m.id, m.status, len(m.written), len(m.scores), why_not(m.id)) for m in view.messages]


def show_earlier(tab: Tab, view: ConversationView) -> None:
    """Let ``tab`` begin further up."""
    tab.first = view.messages[max(0, _begin(tab, view) - _MORE)].id


def _begin(tab: Tab, view: ConversationView) -> int:
    """The place of the first message that is shown; where this branch has not the one that was
    the first, another becomes it."""
    for place, message in enumerate(view.messages):
        if message.id == tab.first:
            return place
    place = max(0, len(view.messages) - RECENT)
    tab.first = view.messages[place].id if view.messages else ""
    return place
