"""``valueflow export|import|verify``: conversations as files."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chat_app.cli.console import note, print_json, read_bytes, read_file, write_out
from chat_app.cli.data import export_all
from chat_app.cli.profiles import database
from chat_app.errors import ValueflowError


class Format(StrEnum):
    """As ``chat_app.chat.export.FORMATS``; written out here to keep ``--help`` light."""

    JSON = "json"
    JSONL = "jsonl"
    MD = "md"
    CSV = "csv"
    HTML = "html"


def export(
    id: Annotated[
        str | None, typer.Argument(help="A conversation's id, from `valueflow conversations`.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = Format.JSON,
    out: Annotated[Path | None, typer.Option(help="The file to write; else it is printed.")] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="A zip of all conversations, profiles and calibrations."),
    ] = False,
) -> None:
    """Write a conversation with its scores, as a file to keep or to pass on."""
    from chat_app.chat.export import export_conversation

    if everything:
        if id:
            raise typer.BadParameter("Give an id or --all, not both.")
        export_all(out)
        return
    if not id:
        raise typer.BadParameter("Give the id of a conversation, or --all.")

    write_out(export_conversation(database(), id, format.value), out)


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="Transcripts, as `export` writes them; ChatGPT's export (the zip, or its "
            "conversations.json); Open WebUI's; ShareGPT's JSON or JSONL; or lists of messages."
        ),
    ],
) -> None:
    """Store the conversations of a file, all or none; print their ids. None is doubled."""
    from chat_app.chat.importing import import_conversations

    content = read_bytes(file, "file of conversations")
    try:
        done = import_conversations(database(), content)
    except ValueflowError as error:
        raise ValueflowError(f"{file}: {error}") from None
    for id in done.ids:
        print(id)
    note(done.sentence)


def verify(
    file: Annotated[Path, typer.Argument(help="A transcript: JSON or JSONL, as `export` writes.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check that a transcript was not altered since it was written."""
    from chat_app.chat.transcript import verify_transcript

    found = verify_transcript(read_transcript_file(file))
    if as_json:
        print_json({"file": str(file), "problems": found})
        if found:
            raise typer.Exit(1)
    elif found:
        raise ValueflowError("\n".join(f"{file}: {problem}" for problem in found))
    else:
        print(f"{file}: every message is as it was written.")


def read_transcript_file(file: Path) -> dict[str, Any]:
    """The transcript in ``file``. Raises ValueflowError that names it."""
    from chat_app.chat.transcript import TranscriptError, read_transcript

    try:
        return read_transcript(read_file(file, "transcript"))
    except TranscriptError as error:
        raise TranscriptError(f"{file}: {error}") from None
