"""How the Values page looks: the tree, a value's definition and examples, its neighbours."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from chat_app.chat.atlas import Band, Near, Neighbours
from chat_app.ui.text import escape
from chat_app.values.numerals import signed
from chat_app.values.taxonomy import THEORIES, Theory, Value, children, get_value


def tree_html(chosen: str) -> str:
    """The four theories; the one of ``chosen`` is open."""
    return "".join(_theory(theory, chosen) for theory in THEORIES.values())


def found_html(found: Sequence[Value], chosen: str) -> str:
    """What a search found, with the theory of each."""
    if not found:
        return '<p class="vf-v-none">No value is called so, or means that.</p>'
    items = "".join(
        f"<li>{_link(value, chosen)}<small>{escape(THEORIES[value.theory].label)}</small></li>"
        for value in found
    )
    return f'<ul class="vf-v-branch vf-v-found">{items}</ul>'


def about_html(value: Value, bands: Sequence[Band]) -> str:
    """Name, definition, place in the tree, and texts at each intensity."""
    theory = THEORIES[value.theory]
    above = [get_value(id) for id in value.parents]
    below = [get_value(id) for id in children(value.id)]
    use = (
        f'<a class="vf-v-use" href="/?value={quote(value.id)}">Use in a chat</a>'
        if value.steered
        else ""
    )
    steered = "" if value.steered else _steerable(value, below)
    return (
        f'<div class="vf-v-top"><div><p class="vf-v-crumb">{escape(theory.label)}</p>'
        f"<h2>{escape(value.label)}</h2></div>{use}</div>"
        f'<p class="vf-v-definition">{escape(value.definition)}</p>{steered}'
        f"{_relatives('Part of', above)}{_relatives('Has in it', below)}{_examples(bands)}"
        f'<p class="vf-v-source">{escape(theory.source)}</p>'
    )


def near_html(title: str, found: Neighbours | None) -> str:
    """Neighbours as links with their cosines."""
    if found is None:
        return problem_html(title, "No text speaks of it alone, so it has no place of its own.")
    groups = (
        ("Nearest in other theories", found.alike),
        ("Nearest in its own", found.akin),
        ("Pull the other way", found.apart),
    )
    lists = "".join(
        f"<div><h4>{title}</h4>{_nears(nears)}</div>" for title, nears in groups if nears
    )
    return (
        f'<section class="vf-v-section"><h3>{escape(title)}</h3><p class="vf-v-hint" '
        "title=\"The cosine of two values' axes in the HIVES space: 1 for the same, 0 for "
        'unrelated, −1 for opposites">By how texts that support one sound like texts that support '
        f'the other; from −1 to +1.</p><div class="vf-v-nears">{lists}</div></section>'
    )


def wait_html(title: str, what: str) -> str:
    dots = '<span class="vf-pulse"><i></i><i></i><i></i></span>'
    return (
        f'<section class="vf-v-section"><h3>{escape(title)}</h3>'
        f'<div class="vf-loading" role="status">{dots} {escape(what)}</div></section>'
    )


def problem_html(title: str, sentence: str) -> str:
    return (
        f'<section class="vf-v-section"><h3>{escape(title)}</h3>'
        f'<p class="vf-v-hint">{escape(sentence)}</p></section>'
    )


def _theory(theory: Theory, chosen: str) -> str:
    opened = " open" if chosen.startswith(f"{theory.id}/") else ""
    return (
        f'<details class="vf-v-theory"{opened}><summary>{escape(theory.label)}'
        f"<small>{sum(v.steered for v in theory.values)}</small></summary>"
        f"<p>{escape(theory.definition)}</p>{_branch(children(theory.id), '', chosen)}</details>"
    )


def _branch(ids: Iterable[str], parent: str, chosen: str) -> str:
    """The values ``ids`` and what lies below each, where it stands below its first parent."""
    items = []
    for value in map(get_value, ids):
        if parent and value.parents[0] != parent:
            items.append(f"<li>{_link(value, chosen)}</li>")  # unfolded below its first parent
            continue
        below = children(value.id)
        items.append(
            f"<li>{_link(value, chosen)}{_branch(below, value.id, chosen) if below else ''}</li>"
        )
    return f'<ul class="vf-v-branch">{"".join(items)}</ul>'


def _link(value: Value, chosen: str = "") -> str:
    current = ' aria-current="true"' if value.id == chosen else ""
    kind = " vf-v-steered" if value.steered else ""
    return (
        f'<a class="vf-v-link{kind}" href="/values?v={quote(value.id)}" '
        f'data-value="{escape(value.id)}" title="{escape(value.definition)}"{current}>'
        f"{escape(value.label)}</a>"
    )


def _steerable(value: Value, below: Sequence[Value]) -> str:
    near = [v for v in [*map(get_value, value.parents), *below] if v.steered]
    if not near:
        return '<p class="vf-v-hint">A heading: pick a value below it to steer by.</p>'
    names = " or ".join(_link(v) for v in near)
    return f'<p class="vf-v-hint">It is not steered by itself; use {names}.</p>'


def _relatives(title: str, values: Sequence[Value]) -> str:
    if not values:
        return ""
    links = "".join(_link(value) for value in values)
    return f'<p class="vf-v-relatives"><span>{title}</span>{links}</p>'


def _examples(bands: Sequence[Band]) -> str:
    if not any(band.anchors for band in bands):
        return ""
    rows = "".join(
        f'<div class="vf-v-band"><h4>{band.label}<small>{signed(band.low)} to '
        f"{signed(band.high)}</small></h4>{_anchors(band)}</div>"
        for band in bands
    )
    return f'<section class="vf-v-section"><h3>What it sounds like</h3>{rows}</section>'


def _anchors(band: Band) -> str:
    if not band.anchors:
        return '<p class="vf-v-hint">No text of this strength.</p>'
    items = "".join(
        f"<li><b>{signed(a.intensity)}</b><span>{escape(a.text)}</span></li>" for a in band.anchors
    )
    return f"<ul>{items}</ul>"


def _nears(nears: Iterable[Near]) -> str:
    items = []
    for near in nears:
        cosine = f"{near.cosine:+.2f}".replace("-", "−")
        side = "vf-d-for" if near.cosine >= 0 else "vf-d-against"
        width = 100 * abs(near.cosine)
        items.append(
            f"<li>{_link(near.value)}<small>{escape(THEORIES[near.value.theory].label)}</small>"
            f'<span class="vf-v-cosine"><i class="{side}" style="width:{width:.0f}%"></i></span>'
            f"<b>{cosine}</b></li>"
        )
    return f"<ul>{''.join(items)}</ul>"
