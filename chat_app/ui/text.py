"""Other people's words made safe for the page: as HTML text, or as Markdown without HTML.

What a model, a profile, a title or a file says is never trusted. Three fences stand one behind
the other: the functions here, the sanitiser of Gradio's chat, and the server's content security
policy, which forbids the page to fetch anything from elsewhere.
"""

import html
import re

# Gradio compiles HTML values as JavaScript and Handlebars templates, so braces, dollars and
# backquotes are markup there too.
_TEMPLATE_MARKS = str.maketrans({"{": "&#123;", "}": "&#125;", "$": "&#36;", "`": "&#96;"})

# Invisible marks that turn the order of letters around, also of what stands beside them.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")

# Code first: inside it Markdown shows everything as it is, and an entity would show as itself.
_CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^`\n]*\n.*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<![`\\])(?P<ticks>`+)(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)",
    re.DOTALL | re.MULTILINE,
)
# Gradio draws such code as a diagram, whose labels may hold HTML and images.
_DIAGRAM = re.compile(r"(`{3,}|~{3,})(?:[^\S\n]|\ufeff)*mermaid", re.IGNORECASE)
_MARKS = re.compile(r"[\\`*_\[\]<>~|&]|^[ \t]*(?:[#+=-]|\d+(?=[.)]))", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


def escape(text: str) -> str:
    """``text`` as HTML that shows exactly these characters, in an element or an attribute, but
    for the invisible ones that would turn the order of others around.

    >>> escape('<b onclick="x()">${1}')
    '&lt;b onclick=&quot;x()&quot;&gt;&#36;&#123;1&#125;'
    """
    return html.escape(_BIDI.sub("", text), quote=True).translate(_TEMPLATE_MARKS)


def markdown_without_html(text: str) -> str:
    """A model's Markdown with its HTML shown as text, its images as links that are never loaded,
    and its diagrams as code.

    >>> markdown_without_html("**so** <img src=x> and `a < b`")
    '**so** &lt;img src=x> and `a < b`'
    """
    text = _DIAGRAM.sub(r"\1text", text)
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_defuse(text[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, _defuse(text[end:])])


def plain_as_markdown(text: str) -> str:
    """A person's words as Markdown that shows them literally: no headings, lists or emphasis.

    >>> plain_as_markdown("2 * 3 * 4 <b>")
    '2 \\\\* 3 \\\\* 4 &lt;b&gt;'
    """
    shown = _MARKS.sub(lambda mark: _literal(mark.group()), text)
    return _INDENT.sub(lambda gap: "\u00a0" * len(gap.group()), shown)


def _defuse(prose: str) -> str:
    return prose.replace("<", "&lt;").replace("![", "!\\[")


def _literal(mark: str) -> str:
    if mark in "<>&":
        return html.escape(mark)
    return f"{mark}\\" if mark[-1].isdigit() else f"{mark[:-1]}\\{mark[-1]}"
