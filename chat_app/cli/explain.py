"""``valueflow profile explain``: what a profile's values mean, one's own words among them."""

from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    print_json,
    print_table,
    progress,
    settings_with,
)
from chat_app.cli.profiles import Set, resolve

if TYPE_CHECKING:
    from chat_app.hives.custom import CustomValue


def explain(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE]", help="A stored profile or a file; or use --set."),
    ] = None,
    sets: Set = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Say what a profile's values mean; for your own words, by which values and texts."""
    from chat_app.chat.explained import as_data, in_a_sentence
    from chat_app.chat.studio import Studio
    from chat_app.values.custom import describe_value, is_custom

    if not source and not sets:
        raise typer.BadParameter("Name a profile or a file, or add --set VALUE=INTENSITY.")
    targets = resolve(source, sets, None).targets
    studio = Studio(settings_with(hives=hives, vidb=vidb))
    with progress() as studio.progress:
        found = {value: studio.custom(value) for value in targets if is_custom(value)}
    if as_json:
        print_json(
            [
                as_data(found[value])
                if value in found
                else {"value": value, "definition": describe_value(value)[1]}
                for value in targets
            ]
        )
        return
    known = [(value, *describe_value(value)) for value in targets if value not in found]
    if known:
        print_table(("value", "", "what it means"), known)
    for custom in found.values():
        _print(custom)
        note(in_a_sentence(custom))


def _print(custom: "CustomValue") -> None:
    values = [(n.value, f"{n.weight:+.2f}", f"{n.cosine:+.2f}") for n in custom.values]
    print_table(
        ("nearest values", "weight", "cosine"),
        values,
        title=custom.id,
        right=("weight", "cosine"),
    )
    texts = [
        (f"{t.intensity:+.1f}", f"{t.cosine:+.2f}", t.anchor.value, t.anchor.text)
        for t in custom.texts
    ]
    columns = ("intensity", "cosine", "rated for", "nearest texts")
    print_table(columns, texts, right=("intensity", "cosine"))
