"""The command line: ``valueflow`` starts the chat, its commands do one thing each.

Layout and parsing only; what a command does stands in the rooms below. Each command imports
what it needs when it runs, so that ``valueflow --help`` answers at once.
"""

import os
import sys
from typing import Annotated

import typer

from chat_app import __version__
from chat_app.cli import (
    bench,
    calibrate,
    conversations,
    data,
    diagnose,
    explain,
    from_text,
    hives,
    models,
    profile_sharing,
    profiles,
    replay,
    reply,
    score,
    serve,
    transcripts,
    tuning,
    values,
    vectors,
    vidb,
)
from chat_app.cli.console import HivesOption, VidbOption, settings_with
from chat_app.errors import ValueflowError

app = typer.Typer(
    name="valueflow",
    help="A private chat on your own computer, steered by value and by intensity. "
    "Without a command it starts the chat in the browser.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"valueflow {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [127.0.0.1: this computer only]")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port. [7860]")] = None,
    model: Annotated[
        str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')
    ] = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open no browser.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Start the chat in the browser, or run a command."""
    if context.invoked_subcommand is not None:
        if host or port or model or hives or vidb or no_browser:
            raise typer.BadParameter(f"Options go after the command {context.invoked_subcommand}.")
        return
    from chat_app.ui import launch

    settings = settings_with(host=host, port=port, model=model, hives=hives, vidb=vidb)
    launch(settings, open_browser=not no_browser)


app.command("reply")(reply.reply)
app.command("score")(score.score)
app.command("values")(values.values)
app.command("calibrate")(calibrate.calibrate)
profiles.app.command("check")(tuning.check)
profiles.app.command("tune")(tuning.tune)
profiles.app.command("from-text")(from_text.from_text)
profiles.app.command("code")(profile_sharing.code)
profiles.app.command("versions")(profile_sharing.versions)
profiles.app.command("explain")(explain.explain)
app.add_typer(profiles.app, name="profile")
app.add_typer(vectors.app, name="vectors")
app.add_typer(hives.app, name="hives")
app.add_typer(vidb.app, name="vidb")
app.add_typer(models.app, name="models")
app.add_typer(conversations.app, name="conversations")
app.command("export")(transcripts.export)
app.command("import")(transcripts.import_file)
app.command("verify")(transcripts.verify)
app.command("replay")(replay.replay)
app.command("backup")(data.backup)
app.command("delete-everything")(data.delete_everything)
app.command("doctor")(diagnose.doctor)
app.command("bench")(bench.bench)
app.command("serve")(serve.serve)


def main() -> None:
    """The console script: errors that speak to the person, and quiet ends."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except ValueflowError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has left (`valueflow values | head`). Python would complain
        # once more when it flushes stdout at exit, so stdout is pointed at nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
