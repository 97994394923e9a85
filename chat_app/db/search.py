"""Finding words in titles and messages: by SQLite's FTS5 index, or by LIKE where that is of no use.

The index finds beginnings of words, without regard to case and accents, and all words of a search
must stand in the same title or message. It knows words by the spaces between them, so Chinese,
Japanese, Thai and signs without letters are looked for as they are, as everything is on other
databases than SQLite.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from chat_app.db.tables import Conversation, Message

# (some words, whether they were looked for), one after the other the whole text.
Marked = tuple[tuple[str, bool], ...]

_OPEN, _CLOSE = "\x02", "\x03"
_HITS = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")
_SPACE = re.compile(f"[\\s{_OPEN}{_CLOSE}]+")
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
# Longer snippets are no more than 64 words to FTS5: whole titles, all but always.
_TITLE_WORDS, _TEXT_WORDS = 64, 12
_CHARACTERS_BEFORE, _CHARACTERS_AFTER = 32, 64
# In a column 10 or 20 words wide nobody reads the end of a word of this length.
_LONGEST_PIECE = 160


@dataclass(frozen=True)
class Hit:
    """Where a conversation has the words: in its title, in a message's text (a cut from the
    newest such message), or in both."""

    title: Marked | None = None
    text: Marked | None = None


def hits(session: Session, words: str) -> sa.Subquery:
    """The conversations that hold ``words``, as rows of (conversation_id, title_at, text_at):
    where in the index, or which message; None where not. ``words`` has to hold some.

    The rows are for ``shown`` to be read from, after they were joined with what else is asked.
    """
    if query := _index_query(session, words):
        statement = sa.text(
            "SELECT r.conversation_id AS conversation_id,"
            " max(CASE WHEN r.message_id IS NULL THEN r.id END) AS title_at,"
            " max(CASE WHEN r.message_id IS NOT NULL THEN r.id END) AS text_at"
            " FROM search JOIN search_rows r ON r.id = search.rowid"
            " WHERE search MATCH :search_query GROUP BY r.conversation_id"
        )
        return (
            statement.bindparams(search_query=query)
            .columns(conversation_id=sa.String, title_at=sa.Integer, text_at=sa.Integer)
            .subquery("hits")
        )
    titles = sa.select(
        Conversation.id.label("conversation_id"),
        Conversation.id.label("title_at"),
        sa.null().label("text_at"),
    ).where(*_holding(Conversation.title, words))
    texts = sa.select(
        Message.conversation_id.label("conversation_id"),
        sa.null().label("title_at"),
        Message.id.label("text_at"),
    ).where(Message.status != "writing", *_holding(Message.text, words))
    both = sa.union_all(titles, texts).subquery()
    return (
        sa.select(
            both.c.conversation_id,
            sa.func.max(both.c.title_at).label("title_at"),
            sa.func.max(both.c.text_at).label("text_at"),
        )
        .group_by(both.c.conversation_id)
        .subquery("hits")
    )


def shown(session: Session, words: str, title: str, title_at: object, text_at: object) -> Hit:
    """What a row of ``hits`` looks like, its words marked. ``title``: the conversation's."""
    if query := _index_query(session, words):
        return Hit(
            _from_index(session, query, title_at, _TITLE_WORDS),
            _from_index(session, query, text_at, _TEXT_WORDS),
        )
    terms = words.split()
    text = session.scalar(sa.select(Message.text).where(Message.id == text_at))
    return Hit(
        mark(title, terms) if title_at else None,
        mark(excerpt(text, terms), terms) if text is not None else None,
    )


def mark(text: str, terms: Sequence[str]) -> Marked:
    """``text`` cut where ``terms`` begin and end, whatever their case.

    >>> mark("Lend me", ["lend"])
    (('Lend', True), (' me', False))
    """
    found = re.compile("|".join(re.escape(t) for t in terms) or r"(?!)", re.IGNORECASE)
    pieces: list[tuple[str, bool]] = []
    end = 0
    for hit in found.finditer(text):
        pieces += [(text[end : hit.start()], False), (hit.group(), True)]
        end = hit.end()
    return tuple(piece for piece in [*pieces, (text[end:], False)] if piece[0])


def excerpt(text: str, terms: Sequence[str]) -> str:
    """One line of ``text`` around the first of ``terms`` in it."""
    found = re.search("|".join(re.escape(t) for t in terms) or r"(?!)", text, re.IGNORECASE)
    at = found.start() if found else 0
    begin, end = max(at - _CHARACTERS_BEFORE, 0), at + _CHARACTERS_AFTER
    line = " ".join(text[begin:end].split())
    return ("…" if begin else "") + line + ("…" if end < len(text) else "")


def _index_query(session: Session, words: str) -> str | None:
    """``words`` as FTS5 has it; None where the index cannot find them."""
    terms = [term for term in words.split() if any(_indexed(c) for c in term)]
    if session.get_bind().dialect.name != "sqlite" or not terms or _SPACELESS.search(words):
        return None
    # Quoted, nothing in them is an operator. FTS5 cuts a term at its signs as it did the text.
    return " ".join('"' + term.replace('"', '""').replace("\0", " ") + '"*' for term in terms)


def _indexed(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _holding(column: InstrumentedAttribute[str], words: str) -> list[sa.ColumnElement[bool]]:
    return [column.icontains(term, autoescape=True) for term in words.split()]


def _from_index(session: Session, query: str, row: object, words: int) -> Marked | None:
    if row is None:
        return None
    cut = session.scalar(
        sa.text(
            "SELECT snippet(search, 0, :open, :close, '…', :words) FROM search"
            " WHERE search MATCH :query AND rowid = :row"
        ),
        {"open": _OPEN, "close": _CLOSE, "words": words, "query": query, "row": row},
    )
    return _marked(cut or "")


def _marked(cut: str) -> Marked:
    """A snippet in pieces; every second one of the split is a hit."""
    clean = (_SPACE.sub(" ", piece) for piece in _HITS.split(cut))
    return tuple(
        (piece[:_LONGEST_PIECE], number % 2 == 1) for number, piece in enumerate(clean) if piece
    )
