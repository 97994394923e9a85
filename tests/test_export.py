import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.conversations import UNSTEERED
from chat_app.chat.export import (
    FORMATS,
    MEDIA_TYPES,
    defused,
    export_conversation,
    write_export,
)
from chat_app.db.database import DatabaseError
from chat_app.errors import ValueflowError
from chat_app.values.profile import Profile
from tests.talks import measure, new_talk, say

FORMULA = '=HYPERLINK("http://x","y")'
NASTY = "<script>alert(1)</script>\n## You\n| a | b |\n-1 & <b>bold</b> \u2028# Title"


@pytest.fixture
def talk(database):
    id = new_talk(database, "Money <and> *brothers*")
    _, reply = say(database, id, FORMULA, NASTY)
    measure(database, reply, "svt/benevolence", -3.14159)
    say(database, id, "Why?", "Because.", profile=Profile("plain", {}))
    return id


def table(database, id):
    text = export_conversation(database, id, "csv")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_message_and_value(database, talk):
    rows = table(database, talk)
    assert [(r["role"], r["value"], r["target"], r["intensity"]) for r in rows] == [
        ("user", "", "", ""),
        ("assistant", "svt/benevolence", "8.0", "-3.1416"),
        ("assistant", "svt/power", "-4.0", ""),
        ("user", "", "", ""),
        ("assistant", "", "", ""),
    ]
    assert rows[1]["text"] == NASTY
    assert (rows[1]["profile"], rows[1]["method"], rows[1]["seed"]) == ("kind", "vector", "7")
    assert (rows[1]["stderr"], rows[1]["ranker"]) == ("0.75", "hives 0123")


def test_csv_holds_numbers_as_numbers_and_formulas_as_text(database, talk):
    text = export_conversation(database, talk, "csv")
    assert ",8.0,-3.1416,0.75," in text
    assert table(database, talk)[0]["text"] == "'" + FORMULA


@given(st.text())
def test_no_cell_is_a_formula_and_each_can_be_had_back(cell):
    shown = defused(cell)
    assert not shown.lstrip(" \u00a0").startswith(tuple("=+-@\t\r＝＋－＠"))
    assert cell in (shown, shown[1:])


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@A", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])
def test_what_a_spreadsheet_would_run_is_defused(cell):
    assert defused(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "1-1", "a=b", "'=1", "well"])
def test_other_cells_stay_as_they_are(cell):
    assert defused(cell) == cell


def test_markdown_quotes_all_words_so_that_none_passes_for_a_turn(database, talk):
    text = export_conversation(database, talk, "md")
    lines = text.split("\n")
    assert [line for line in lines if line.startswith("#")] == [
        "# Money \\<and\\> \\*brothers\\*",
        "## You",
        "## Reply",
        "## You",
        "## Reply",
    ]
    assert "<script" not in text
    assert "> ## You" in lines
    assert "- Benevolence +8 → −3.1 ± 0.8" in lines
    assert "- Power −4 → not measured" in lines
    assert len(text.splitlines()) == len(lines) - 1  # no other line ends are left in


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def test_html_shows_words_as_words_and_loads_nothing(database, talk):
    page = export_conversation(database, talk, "html")
    parsed = Tags()
    parsed.feed(page)
    assert "script" not in parsed.tags
    assert "b" not in parsed.tags
    assert NASTY in parsed.text
    assert FORMULA in parsed.text
    assert "Benevolence +8 → −3.1 ± 0.8" in parsed.text
    assert not [name for name, _ in parsed.attributes if name in ("src", "href", "onload")]
    assert not re.search(r"https?://|@import|url\(", page.replace(FORMULA, "").split("<body>")[0])
    assert "default-src 'none'" in page


def test_what_did_not_finish_is_said(database):
    id = new_talk(database)
    say(database, id, "a", "b", finished=False)
    assert "*Still being written.*" in export_conversation(database, id, "md")


@pytest.mark.parametrize("form", FORMATS)
def test_a_conversation_without_messages_has_every_format(database, form):
    assert export_conversation(database, new_talk(database), form)


def test_every_format_has_a_media_type():
    assert set(FORMATS) == {"json", "jsonl", "md", "csv", "html"} == set(MEDIA_TYPES)


def test_an_unknown_format_or_conversation_is_one_sentence(database, talk):
    with pytest.raises(ValueflowError, match="no format 'pdf': it is one of json, jsonl, md"):
        export_conversation(database, talk, "pdf")
    for form in FORMATS:
        with pytest.raises(DatabaseError, match="no conversation 'none'"):
            export_conversation(database, "none", form)


def test_a_file_is_written_whole_with_the_same_text(database, talk, tmp_path):
    path = tmp_path / "talk.csv"
    path.write_text("what was there")
    write_export(database, talk, "csv", path)
    assert path.read_bytes().decode() == export_conversation(database, talk, "csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "talk.csv"]


def test_a_file_that_cannot_be_written_is_one_sentence(database, talk, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueflowError, match=r"talk\.md cannot be written"):
        write_export(database, talk, "md", tmp_path / "file" / "talk.md")


def test_an_unsteered_conversation_says_so(database):
    id = new_talk(database)
    assert f"Profile: {UNSTEERED.name}" in export_conversation(database, id, "md")
