"""Words of others on the page: nothing in them may become markup."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from chat_app.ui.chips import Chip, agreement, chip_html, chips_html, summary_html
from chat_app.ui.text import escape, markdown_without_html, plain_as_markdown
from chat_app.values.numerals import signed

PAYLOADS = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "${alert(1)}",
    "{{constructor.constructor('alert(1)')()}}",
    "`${alert(1)}`",
    "<style>body{display:none}</style>",
    "</span><iframe src=http://example.org></iframe>",
    "abc \u202egnp.exe\u2069",
    "```mermaid\ngraph TD; A[<img src=x>]\n```",
    "> ~~~~\u00a0Mermaid x\n",
]
nasty = st.one_of(
    st.sampled_from(PAYLOADS),
    st.text(),
    st.text(alphabet="<>&\"'`${}/=ab \n"),
    st.builds("".join, st.lists(st.sampled_from([*PAYLOADS, "a", "\n", "```", "`", "\\"]))),
)
numbers = st.floats(-10, 10)


class Reader(HTMLParser):
    """What a browser would make of a piece of HTML: its elements, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@given(nasty)
def test_escaped_text_reads_as_itself(text: str):
    shown = escape(text)
    assert not set(shown) & set("<>\"'`${}")
    read = Reader(f'<p title="{shown}">{shown}</p>')
    assert read.tags == {"p"}
    assert read.attributes == {"title"}
    # HTML itself joins carriage returns and drops what is no character; what turns letters around
    # is left out.
    plain = re.sub(r"[\r\x00\u202a-\u202e\u2066-\u2069]", "", text)
    assert re.sub(r"[\r\x00\ufffd]", "", read.text) == plain.replace("\ufffd", "")


@given(nasty, numbers, st.none() | numbers, st.none() | st.floats(0, 5), nasty)
def test_a_chip_holds_no_markup_of_others(label, target, intensity, stderr, note):
    chip = Chip(label, target, intensity, stderr)
    read = Reader(chips_html([chip], [note]) + summary_html({label: target}))
    assert read.tags <= {"div", "span", "b", "p"}
    assert read.attributes <= {"class", "role", "title", "aria-label"}


@given(nasty)
def test_no_code_is_drawn_as_a_diagram(text: str):
    shown = markdown_without_html(text)
    assert not re.search(r"(```|~~~)[^\S\n]*mermaid", shown, re.IGNORECASE)


@given(nasty)
def test_no_html_and_no_image_is_left_outside_of_code(text: str):
    shown = markdown_without_html(text)
    if "`" not in shown and "~~~" not in shown:
        assert "<" not in shown
        assert "![" not in shown


def test_html_in_a_reply_is_text_and_in_code_stays_as_it_is():
    reply = "Try `a < b`:\n```html\n<b>bold</b>\n```\n<b>no</b> ![x](http://example.org/x.png)"
    assert markdown_without_html(reply) == (
        "Try `a < b`:\n```html\n<b>bold</b>\n```\n&lt;b>no&lt;/b> !\\[x](http://example.org/x.png)"
    )


def test_an_escaped_backquote_opens_no_code():
    assert "<" not in markdown_without_html("\\`<img src=x>`")


def test_code_that_is_not_closed_yet_is_code():
    assert markdown_without_html("```\n<b>") == "```\n<b>"


def test_a_persons_words_are_shown_literally():
    assert plain_as_markdown("# not a *title*") == "\\# not a \\*title\\*"
    assert plain_as_markdown("1. one\n- two") == "1\\. one\n\\- two"
    assert plain_as_markdown("a <b> & c") == "a &lt;b&gt; &amp; c"
    assert plain_as_markdown("    four") == "\u00a0\u00a0\u00a0\u00a0four"
    assert plain_as_markdown("Should I lend my brother money?") == "Should I lend my brother money?"


def test_a_chip_says_what_was_asked_and_measured():
    read = Reader(chip_html(Chip("benevolence", 6, 5.08, 0.81)))
    assert read.text == "benevolence +6 → +5.1 ± 0.8 ✓"
    assert Reader(chip_html(Chip("power", -4, -0.04))).text == "power −4 → 0.0 ≈"
    assert Reader(chip_html(Chip("power", -4))).text == "power −4 → …"
    off = Chip("power", -4, why_not='Off, see "Settings"')
    assert Reader(chip_html(off)).text == "power −4 → not measured"


def test_numbers_wear_a_sign():
    assert [signed(n) for n in (8, -4.0, 0, -0.04, 2.55, 10)] == [
        "+8",
        "−4",
        "0",
        "0",
        "+2.5",
        "+10",
    ]


def test_agreement_is_judged_by_distance_and_by_error():
    assert agreement(6, 5.1, 0.8) == "close"
    assert agreement(6, 2.5, 0.8) == "near"
    assert agreement(6, -2, 0.8) == "far"
    assert agreement(6, -2, 4.5) == "near"


@given(numbers, numbers)
def test_agreement_does_not_depend_on_the_sign(target, intensity):
    assert agreement(target, intensity) == agreement(-target, -intensity)


def test_the_summary_names_the_strongest_target_first():
    read = Reader(summary_html({"power": -4, "benevolence": 8}))
    assert read.text.split() == ["benevolence", "+8", "power", "−4"]
    assert "unsteered" in Reader(summary_html({})).text
