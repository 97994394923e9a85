"""``valueflow profile``: targets under a name, in the database or in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    parse_pair,
    print_json,
    print_table,
    progress,
    read_file,
    settings_with,
    write_out,
)
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.db.database import Database
    from chat_app.values.profile import Profile

app = typer.Typer(help="Profiles: targets {value: intensity} under a name.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The profile's name.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="VALUE=INTENSITY",
        help='Ask for a value, or for your own words as "custom/living simply"; repeat for more.',
    ),
]
Method = Annotated[
    str | None,
    typer.Option(help="How to steer: vector, prompt, vector+prompt, exemplar or none. [vector]"),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a profile of that name.")]


def database() -> "Database":
    """The database of the settings, brought up to date."""
    from chat_app.db.database import open_database

    return open_database(settings_with().database())


def resolve(
    source: str | None, sets: list[str] | None, method: str | None, *, name: str = "unnamed"
) -> "Profile":
    """The profile that the options describe: a file's or a stored one, with ``--set`` on top."""
    from dataclasses import replace

    from chat_app.values.profile import Profile

    # A profile of their own first, so that short names become the ids that a file has.
    given = Profile(name, dict(parse_pair("--set", text) for text in sets or []))
    profile = find(source) if source else given
    profile = replace(profile, targets={**profile.targets, **given.targets})
    return Profile.from_json({**profile.to_json(), "method": method or profile.method})


def find(source: str) -> "Profile":
    """The profile in the file ``source``, else the stored one of that name."""
    from chat_app.chat.profiles import load_profile

    path = Path(source).expanduser()
    return read_profile(path) if path.is_file() else load_profile(database(), source)


def read_profile(path: Path) -> "Profile":
    from chat_app.values.profile import Profile, ProfileError

    try:
        return Profile.from_json(read_file(path, "profile file"))
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List the stored profiles."""
    from chat_app.chat.profiles import list_profiles

    stored = list_profiles(database())
    if as_json:
        print_json([profile.to_json() for profile in stored])
    elif not stored:
        note("No profile is stored yet: `valueflow profile save kind --set benevolence=6`.")
    else:
        rows = [(p.name, p.method, targets_line(p), p.description) for p in stored]
        print_table(("name", "method", "targets", "description"), rows)


def targets_line(profile: "Profile") -> str:
    return ", ".join(f"{value} {target:+g}" for value, target in profile.targets.items()) or "none"


@app.command()
def show(
    source: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A stored profile or a file.")],
    as_json: Annotated[bool, typer.Option("--json", help="As `profile export` writes it.")] = False,
) -> None:
    """Show a profile."""
    from chat_app.values.custom import value_label

    profile = find(source)
    if as_json:
        print_json(profile.to_json())
        return
    title = f"{profile.name} ({profile.method})"
    rows = [(v, value_label(v), f"{t:+g}") for v, t in profile.targets.items()]
    print_table(("value", "", "target"), rows, title=title, right=("target",))
    if profile.description:
        print(profile.description)


@app.command()
def save(
    name: Name,
    sets: Set = None,
    method: Method = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    hives: HivesOption = None,
    vidb: VidbOption = None,
    force: Force = False,
) -> None:
    """Store targets under a name.

    A value may be in your own words, --set "custom/living simply"=6; they are refused where they
    lie near no known value.
    """
    from dataclasses import replace

    if not sets:
        raise ValueflowError("The profile has no target: add --set VALUE=INTENSITY.")
    profile = resolve(None, sets, method, name=name)
    _explain_custom(profile, hives, vidb)
    store(replace(profile, description=description), force=force)


def _explain_custom(profile: "Profile", hives: str | None, vidb: str | None) -> None:
    """Say how values in one's own words are read; raises CustomValueError where they are not."""
    from chat_app.values.custom import is_custom

    own = [value for value in profile.targets if is_custom(value)]
    if not own:
        return
    from chat_app.chat.explained import in_a_sentence
    from chat_app.chat.studio import Studio

    studio = Studio(settings_with(hives=hives, vidb=vidb))
    with progress() as studio.progress:
        found = [studio.custom(value) for value in own]
    for custom in found:
        note(in_a_sentence(custom))


@app.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CODE|FILE",
            help="A code as `profile code` prints it, or a file as `profile export` writes it.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Store it under another name.")] = None,
    force: Force = False,
) -> None:
    """Store the profile of a code or a file that somebody shared."""
    from dataclasses import replace

    from chat_app.values.code import is_code, read_code

    profile = read_code(source) if is_code(source) else read_profile(Path(source).expanduser())
    store(replace(profile, name=name) if name else profile, force=force)


def store(profile: "Profile", *, force: bool) -> None:
    """Save ``profile``; one of its name is replaced only by force."""
    from chat_app.chat.profiles import list_profiles, save_profile

    store = database()
    if not force and profile.name in {p.name for p in list_profiles(store)}:
        raise ValueflowError(
            f"There is a profile {profile.name!r} already: choose another name, or add --force."
        )
    save_profile(store, profile)
    note(f"Saved {profile.name}: {targets_line(profile)}.")


@app.command()
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="The file to write; else it is printed.")] = None,
) -> None:
    """Write a profile as valueflow.profile/1."""
    import json

    write_out(json.dumps(find(name).to_json(), ensure_ascii=False, indent=2) + "\n", out)


@app.command()
def delete(name: Name) -> None:
    """Delete a stored profile and its versions; conversations that used it keep their copy."""
    from chat_app.chat.profiles import delete_profile

    delete_profile(database(), name)
    note(f"Deleted {name}.")
