"""``valueflow profile code`` and ``versions``: a profile for others, and what it was before."""

from typing import Annotated

import typer

from chat_app.cli import profiles
from chat_app.cli.console import note, print_json, print_table
from chat_app.errors import ValueflowError


def code(
    source: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A stored profile or a file.")],
) -> None:
    """Print a profile as a short code to share; `profile import` reads it."""
    from chat_app.values.code import profile_code

    print(profile_code(profiles.find(source)))


def versions(
    name: profiles.Name,
    restore: Annotated[
        int | None, typer.Option(metavar="N", help="Save the version of this number again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List what was saved under a name, the newest first, and what each save changed."""
    from chat_app.chat.profile_versions import profile_versions, restore_version

    kept = profiles.database()
    found = profile_versions(kept, name)
    numbered = [(len(found) - i, each) for i, each in enumerate(found)]
    if restore is not None:
        chosen = next((each for n, each in numbered if n == restore), None)
        if chosen is None:
            raise ValueflowError(
                f"{name} has the versions 1 to {len(found)}: there is no {restore}."
            )
        if chosen.id:  # else it stands already
            restore_version(kept, name, chosen.id)
        note(f"{name} is version {restore} again: {profiles.targets_line(chosen.profile)}.")
    elif as_json:
        print_json(
            [
                {
                    "version": n,
                    "saved": each.saved.isoformat(),
                    "change": each.change,
                    "profile": each.profile.to_json(),
                }
                for n, each in numbered
            ]
        )
    else:
        rows = [
            (str(n), f"{each.saved.astimezone():%Y-%m-%d %H:%M}", each.change)
            for n, each in numbered
        ]
        print_table(("version", "saved", "changed"), rows, right=("version",))
