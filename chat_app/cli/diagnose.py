"""``valueflow doctor``: what is installed, where data lies, what is wrong."""

from dataclasses import asdict
from typing import Annotated

import typer

from chat_app.cli.console import print_json, print_table, settings_with


def doctor(
    model: Annotated[str | None, typer.Option(help="The model to look at.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what is installed, what it runs on, where data lies and what is wrong."""
    from chat_app.doctor import examine, problems

    findings = examine(settings_with(model=model))
    wrong = problems(findings)
    if as_json:
        print_json({"findings": [asdict(f) for f in findings], "problems": wrong})
    else:
        rows = [("x" if f.problem else "ok", f.topic, f.found) for f in findings]
        print_table(("", "what", "found"), rows)
        for problem in wrong:
            print(f"Wrong: {problem}")
        if not wrong:
            print("Everything is as it should be.")
    if wrong:
        raise typer.Exit(1)
