"""``valueflow replay``: a transcript's replies made again."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import HivesOption, VidbOption, print_json, progress, settings_with
from chat_app.cli.transcripts import read_transcript_file
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.replay import Replay, Replayed


def replay(
    file: Annotated[Path, typer.Argument(help="A transcript: JSON or JSONL, as `export` writes.")],
    model: Annotated[
        str | None,
        typer.Option(help="Where a model of the transcript is, if it is not among those in use."),
    ] = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make every reply of a transcript again, from its model, vector and seed, and compare."""
    from chat_app.chat.replay import replay
    from chat_app.chat.studio import Studio

    data = read_transcript_file(file)
    studio = Studio(settings_with(model=model, hives=hives, vidb=vidb))
    try:
        with progress() as report:
            studio.progress = report
            made = replay(studio, data, progress=report)
    except ValueflowError as error:
        raise ValueflowError(f"{file}: {error}") from None
    if as_json:
        print_json({"file": str(file), **_summary(made)})
    else:
        _print(file, made)
    if not made.complete:
        raise typer.Exit(1)


def _summary(made: "Replay") -> dict[str, object]:
    first = made.first_difference
    return {
        "same": len(made.of("same")),
        "different": len(made.of("differs")),
        "passed_over": len(made.of("passed over")),
        "not_possible": len(made.of("not possible")),
        "first_difference": first.number if first else None,
        "replies": [asdict(reply) for reply in made.replies],
    }


def _print(file: Path, made: "Replay") -> None:
    for reply in made.of("not possible"):
        print(f"Message {reply.number} ({reply.id}) cannot be made again. {reply.why}")
    for reply in made.of("passed over"):
        print(f"Message {reply.number} ({reply.id}) is passed over. {reply.why}")
    for reply in made.of("same"):
        if reply.why:
            print(f"Message {reply.number} ({reply.id}) came out the same. {reply.why}")
    if made.first_difference:
        _print_difference(made.first_difference)
    same, written = len(made.of("same")), len(made.replies) - len(made.of("passed over"))
    print(f"{file}: {same} of {written} replies came out the same, token for token.")


def _print_difference(reply: "Replayed") -> None:
    assert reply.difference is not None
    found = reply.difference
    print(
        f"Message {reply.number} ({reply.id}) comes out otherwise from token {found.position} on"
        f"{'. ' + reply.why if reply.why else '.'}"
    )
    print(f"  after     …{found.before!r}")
    print(f"  the file  {found.expected!r}")
    print(f"  now       {found.got!r}")
