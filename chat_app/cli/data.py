"""``valueflow backup|delete-everything``: the stored conversations as a whole."""

from pathlib import Path
from typing import Annotated

import typer

from chat_app.cli.console import note, settings_with
from chat_app.cli.profiles import database
from chat_app.errors import ValueflowError


def backup() -> None:
    """Copy the database into a dated file in the data folder; print where. The chat may run."""
    from chat_app.chat.data_folder import back_up, size_words

    made = back_up(settings_with(), database())
    note(f"{size_words(made.size)} in")
    print(made.path)


def export_all(out: Path | None) -> None:
    """Write a zip of all transcripts, profiles and calibrations; print where."""
    from chat_app.chat.data_folder import export_everything, export_file

    path = out or export_file(settings_with())
    count = export_everything(database(), path)
    note(f"{count} conversations in")
    print(path)


def delete_everything(
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking again.")] = False,
    copies: Annotated[
        bool, typer.Option("--copies", help="The backups and exports in the data folder too.")
    ] = False,
) -> None:
    """Delete all conversations, scores and profiles. Models, calibrations and settings stay."""
    from chat_app.chat import data_folder

    if not yes:
        raise ValueflowError(
            "This deletes every conversation, score and profile: say --yes if that is wanted."
        )
    erased = data_folder.delete_everything(settings_with(), database(), copies=copies)
    print(data_folder.erased_words(erased))
