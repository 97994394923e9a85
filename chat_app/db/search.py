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
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from chat_app.db.tables import Conversation, Message

# (some words, whether they were looked for), one after the other the whole text.
Marked = tuple[tuple[str, bool], ...]

_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
_BEFORE, _AFTER = 28, 84  # characters around the first hit that a cut from a text shows


@dataclass(frozen=True)
class Hit:
    """Where a conversation has the words: in its title, in a message (a cut from the newest one
    that has them), or in both."""

    title: Marked | None = None
    text: Marked | None = None


def hits(session: Session, words: str) -> sa.Subquery:
    """The conversations that hold ``words``, as rows of (conversation_id, message_id, in_title):
    the newest message with all of them, if there is one, and whether the title has them.

    ``words`` must not be blank.
    """
    if query := _index_query(session, words):
        # By hand, as SQLAlchemy knows no MATCH. Its own index makes the grouping cheap: some
        # 40 ms where 40,000 messages of 50,000 have the words.
        statement = sa.text(
            "SELECT r.conversation_id AS conversation_id, max(r.message_id) AS message_id,"
            " max(r.message_id IS NULL) AS in_title"
            " FROM search JOIN search_rows r ON r.id = search.rowid"
            " WHERE search MATCH :search_query GROUP BY r.conversation_id"
        )
        columns = {"conversation_id": sa.String(), "message_id": sa.String()}
        found = statement.bindparams(search_query=query).columns(**columns, in_title=sa.Integer())
        return found.subquery("hits")
    titles = sa.select(
        Conversation.id.label("conversation_id"),
        sa.cast(sa.null(), sa.String).label("message_id"),
        sa.literal(1).label("in_title"),
    ).where(*_holding(session, Conversation.title, words))
    texts = sa.select(Message.conversation_id, Message.id, sa.literal(0)).where(
        Message.status != "writing", *_holding(session, Message.text, words)
    )
    both = sa.union_all(titles, texts).subquery()
    newest, in_title = sa.func.max(both.c.message_id), sa.func.max(both.c.in_title)
    return (
        sa.select(both.c.conversation_id, newest.label("message_id"), in_title.label("in_title"))
        .group_by(both.c.conversation_id)
        .subquery("hits")
    )


def shown(session: Session, words: str, found: Sequence[tuple[str, str | None, bool]]) -> list[Hit]:
    """What hits look like, their words marked; ``found``: (title, message_id, in_title) each."""
    ids = [message_id for _, message_id, _ in found if message_id]
    query = sa.select(Message.id, Message.role, Message.text).where(Message.id.in_(ids))
    texts = {row.id: _as_read(row.role, row.text) for row in session.execute(query)}
    terms = _pattern(words, beginnings=_index_query(session, words) is not None)
    return [
        Hit(
            title=mark(title, terms) if in_title else None,
            text=mark(excerpt(texts[id], terms), terms) if id in texts else None,
        )
        for title, id, in_title in found
    ]


def _as_read(role: str, text: str) -> str:
    """A message without the tags that tell a model's thought from its reply (``llm.thinking``)."""
    if role != "assistant" or not text.lstrip().startswith("<think>"):
        return text
    return text.replace("<think>", "", 1).replace("</think>", " ", 1)


def forget_words(session: Session) -> None:
    """Let the index forget the words of what was deleted; by itself it only marks them."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("INSERT INTO search (search) VALUES ('optimize')"))


def mark(text: str, terms: re.Pattern[str]) -> Marked:
    """``text`` cut where ``terms`` begin and end, whatever their case and accents."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for hit in terms.finditer(_folded(text)):
        pieces += [(text[end : hit.start()], False), (text[hit.start() : hit.end()], True)]
        end = hit.end()
    return tuple(piece for piece in [*pieces, (text[end:], False)] if piece[0])


def excerpt(text: str, terms: re.Pattern[str]) -> str:
    """One line of ``text`` around the first of ``terms`` in it."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    found = terms.search(_folded(line))
    begin = max(found.start() - _BEFORE, 0) if found else 0
    if begin:  # not in the middle of a word, if that is a short way off
        space = line.find(" ", begin, begin + _BEFORE // 2)
        begin = space + 1 if space >= 0 else begin
    end = begin + _BEFORE + _AFTER
    return ("…" if begin else "") + line[begin:end] + ("…" if end < len(line) else "")


def _pattern(words: str, *, beginnings: bool) -> re.Pattern[str]:
    """What ``words`` match in a folded text; ``beginnings``: of words, as the index finds them."""
    terms = []
    for term in _folded(words).split():
        parts = re.findall(r"[^\W_]+", term) if beginnings else [term]
        if parts:
            joined = r"[\W_]+".join(map(re.escape, parts))
            terms.append(rf"(?<![^\W_]){joined}" if beginnings else joined)
    return re.compile("|".join(terms) or r"(?!)")


def _folded(text: str) -> str:
    """``text`` in small letters without accents, each letter in its place."""
    return "".join(map(_folded_letter, text))


@lru_cache(maxsize=4096)
def _folded_letter(letter: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    small = (parts[0] if all(map(unicodedata.combining, parts[1:])) else letter).lower()
    return small if len(small) == 1 else letter


def _index_query(session: Session, words: str) -> str | None:
    """``words`` as FTS5 has it; None where the index cannot find them."""
    terms = [term for term in words.split() if any(_indexed(c) for c in term)]
    if session.get_bind().dialect.name != "sqlite" or not terms or _SPACELESS.search(words):
        return None
    # Quoted, nothing in them is an operator. FTS5 cuts a term at its signs as it did the text.
    return " ".join('"' + term.replace('"', '""').replace("\0", " ") + '"*' for term in terms)


def _indexed(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _holding(
    session: Session, column: InstrumentedAttribute[str], words: str
) -> list[sa.ColumnElement[bool]]:
    # SQLite's LIKE knows no case in ASCII, which is all that lower() would see to, at a price.
    has = column.contains if session.get_bind().dialect.name == "sqlite" else column.icontains
    return [has(term, autoescape=True) for term in words.split()]
