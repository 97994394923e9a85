"""``valueflow values``: the four theories and their values."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat_app.cli.console import print_json, print_table, stdout

if TYPE_CHECKING:
    from chat_app.values.taxonomy import Value


def values(
    theory: Annotated[
        str | None, typer.Argument(help="svt, mft, duty or right; all four when left out.")
    ] = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="The whole hierarchy, not only the values to steer by.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the values that a profile can ask for."""
    from chat_app.values.taxonomy import THEORIES, values_of

    shown = [theory] if theory else list(THEORIES)
    if as_json:
        found = [v for t in shown for v in values_of(t) if v.steered or tree]
        print_json([_entry(v) for v in found])
    elif tree:
        for t in shown:
            _print_tree(t)
    else:
        for t in shown:
            rows = [(v.id, v.label, v.definition) for v in values_of(t) if v.steered]
            print_table(("value", "", "what it means"), rows, title=THEORIES[t].label)


def _entry(value: "Value") -> dict[str, Any]:
    return {
        "value": value.id,
        "theory": value.theory,
        "label": value.label,
        "definition": value.definition,
        "path": list(value.path),
        "steered": value.steered,
    }


def _print_tree(theory: str) -> None:
    """The hierarchy of one theory, branches drawn, values that can be steered with their id."""
    from rich.text import Text
    from rich.tree import Tree

    from chat_app.values.taxonomy import THEORIES, values_of

    root = Tree(Text(THEORIES[theory].label, style="bold"))
    branches: dict[tuple[str, ...], Tree] = {(): root}
    for value in values_of(theory):
        line = Text(value.label)
        if value.steered:
            line.append(f"  {value.id}", style="cyan")
        branches[value.path] = branches[value.path[:-1]].add(line)
    stdout().print(root)
