"""What every command shares: reading a person's words, printing tables, JSON and notes.

Nothing heavy is imported here, and rich only when a table is printed: ``--help`` must be quick.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from chat_app.settings import Settings

# Options of every command that embeds texts; they go into ``settings_with(hives=..., vidb=...)``.
HivesOption = Annotated[
    str | None,
    typer.Option(
        "--hives",
        metavar="FOLDER|ID",
        help='The value encoder: "builtin" (for replies of the built-in chat model), "general" '
        "(for any text), a sentence-transformers folder, or a Hugging Face id such as "
        "snu-aidas/HiVES-2. By default the one of the first two that fits.",
    ),
]
VidbOption = Annotated[
    str | None,
    typer.Option(
        "--vidb",
        metavar="FILE|ID",
        help='The texts of known intensity: "builtin", your own, or a Hugging Face data set such '
        "as snu-aidas/vidb-filtered.",
    ),
]


def settings_with(**options: Any) -> "Settings":
    """The settings of the environment, with the options that were given (not None) on top.

    A command that has an option for the encoder or the anchors says of what licence they are
    before they are fetched.
    """
    from chat_app.settings import settings

    found = settings(**{name: value for name, value in options.items() if value is not None})
    if options.keys() & {"hives", "vidb"}:
        from chat_app.chat.artefacts import to_fetch

        for each in to_fetch(found):
            note(f"{each.id} will be fetched from Hugging Face. {each.licence}")
    return found


def settings_for_texts(hives: str | None = None, vidb: str | None = None) -> "Settings":
    """As ``settings_with``, for texts from anywhere: where no encoder was chosen, the one for them
    takes the place of the one for replies of the built-in chat model."""
    found = settings_with(hives=hives, vidb=vidb)
    return found.model_copy(update={"hives": found.encoder(of_replies=False)})


def stdout() -> "Console":
    """A console that colours for a terminal only, and wraps nothing when it is not one."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 200
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=width)


def print_json(data: Any) -> None:
    """One JSON value, indented, in the person's own letters."""
    print(json.dumps(data, ensure_ascii=False, indent=2))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
) -> None:
    """A table with plain edges; cells are text and never markup."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stdout().print(table)


def note(text: str) -> None:
    """A remark beside the result: on stderr, so that a pipe carries the result alone."""
    print(text, file=sys.stderr)


@contextmanager
def progress() -> "Iterator[Callable[[str, int, int], None] | None]":
    """A progress bar on stderr as a function of (what, done, total); None where no one watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield report


@contextmanager
def byte_progress() -> "Iterator[Callable[[str, int, int], None] | None]":
    """As :func:`progress` for one download: (what, bytes done, bytes in all), with its speed."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield report


def read_text(text: str | None, what: str) -> str:
    """``text``, or standard input where it is "-" or left out; never blank."""
    if text in (None, "-"):
        if sys.stdin.isatty():
            note(f"Type {what}, then Ctrl-D:")
        text = sys.stdin.read()
    if not text or not text.strip():
        raise ValueflowError(f"There is no {what} to work on: give it in quotes or pipe it in.")
    return text.strip()


def read_file(path: Path, what: str) -> str:
    """The text of a file, or one sentence that says why not."""
    try:
        return read_bytes(path, what).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueflowError(f"{path} is not a {what}: it is not UTF-8 text.") from None


def read_bytes(path: Path, what: str) -> bytes:
    """What is in a file, or one sentence that says why not."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueflowError(f"There is no {what} {path}.") from None
    except IsADirectoryError:
        raise ValueflowError(f"{path} is a folder, not a {what}.") from None
    except OSError as error:
        raise ValueflowError(f"{path} cannot be read: {error.strerror}.") from None


def write_out(text: str, out: Path | None) -> None:
    """Print ``text``, or write it to the file ``out`` and say so."""
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from chat_app.files import written_whole

    try:
        with written_whole(out) as fresh:
            fresh.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ValueflowError(f"{out} cannot be written: {error.strerror or error}.") from None
    note(f"Wrote {out}.")


def parse_pair(option: str, text: str, default: float | None = None) -> tuple[str, float]:
    """``NAME=NUMBER`` as typed after ``option``; ``default`` where the number may be left out.

    Raises typer.BadParameter (exit code 2) where it has another form.
    """
    name, equals, number = text.rpartition("=")
    if not equals and default is not None:
        return text, default
    try:
        if not name:
            raise ValueError
        return name.strip(), float(number)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r}: write it as NAME=NUMBER.") from None
