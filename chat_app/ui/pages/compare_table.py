"""What a comparison came to, as a small table: values down, columns across, the closest marked."""

from collections.abc import Sequence

from chat_app.chat.compare import Column, Comparison
from chat_app.ui.chips import agreement, value_words
from chat_app.ui.text import escape
from chat_app.values.numerals import fixed, signed

LETTERS = "ABCD"
_MARK = '<span class="vf-best" title="The closest to what was asked">★<i> closest</i></span>'


def column_name(number: int, column: Column, *, of_models: bool = False) -> str:
    """'A · Caring friend': the column's letter and its profile's name, and its model's name where
    they are ``of_models``."""
    model = f" · {column.model}" if of_models and column.model else ""
    return f"{LETTERS[number]} · {column.profile.name}{model}"


def table_html(found: Comparison) -> str:
    """The table; "" where no column targets a value, as there is nothing to compare then."""
    if not found.values:
        return ""
    names = (
        column_name(i, column, of_models=found.of_models) for i, column in enumerate(found.columns)
    )
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(_row(found, value) for value in found.values)
    return (
        '<div class="vf-table-box" tabindex="0" role="region" aria-label="Measured intensities">'
        '<table class="vf-table"><caption><span>Asked → measured ± error, from −10 to +10. What '
        "is grey was measured without being asked for.</span></caption>"
        f'<thead><tr><th scope="col">Value</th>{heads}</tr></thead><tbody>{rows}</tbody>'
        f"{_foot(found)}</table></div>"
    )


def _row(found: Comparison, value: str) -> str:
    closest = found.closest(value)
    cells = "".join(_cell(c, value, i in closest) for i, c in enumerate(found.columns))
    return f'<tr><th scope="row">{escape(value_words(value))}</th>{cells}</tr>'


def _cell(column: Column, value: str, best: bool) -> str:
    target, score = column.profile.targets.get(value), column.scores.get(value)
    asked = "" if target is None else f'<span class="vf-asked">{signed(target)} → </span>'
    if score is None:
        waiting = "…" if column.text.strip() or column.status == "writing" else "–"
        return f'<td class="vf-unasked">{asked}{waiting}</td>'
    number = f"<b>{fixed(score.intensity)}</b> <small>± {score.stderr:.1f}</small>"
    if target is None:
        return f'<td class="vf-unasked">{number}</td>'
    kind = agreement(target, score.intensity, score.stderr)
    return f'<td class="vf-{kind}">{asked}{number}{_MARK if best else ""}</td>'


def _foot(found: Comparison) -> str:
    if sum(column.gap is not None for column in found.columns) < 2:
        return ""
    cells = "".join(_gap(column, i in found.best) for i, column in enumerate(found.columns))
    return f'<tfoot><tr><th scope="row">Off on average</th>{cells}</tr></tfoot>'


def _gap(column: Column, best: bool) -> str:
    if column.gap is None:
        return '<td class="vf-unasked">–</td>'
    return f"<td><b>{column.gap:.1f}</b>{_MARK if best else ''}</td>"


def notes_of(column: Column) -> Sequence[str]:
    """What the person must know of a reply, a sentence each."""
    notes = list(column.notes)
    if column.status == "stopped":
        notes.append("Stopped before the end.")
    elif column.status == "failed":
        notes.append(column.error or "The reply failed; compare again to get another.")
    elif column.finish == "length":
        notes.append("Cut off at the longest length a reply may have.")
    return notes
