"""``valueflow profile from-text``: a profile from what a person or a group has written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli import profiles
from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    print_json,
    print_table,
    read_file,
    read_text,
    settings_for_texts,
    write_out,
)

if TYPE_CHECKING:
    from chat_app.evaluation.extraction import Extraction


def from_text(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-",
            help="Plain text (a text a paragraph, or a line), or a .csv, .jsonl or .parquet file; "
            '"-" reads plain text from standard input.',
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Write the profile to this file.")] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Store the profile under this name.")
    ] = None,
    force: profiles.Force = False,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value", help="Look for this value only; repeat for more (default: all 32)."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="A table's column of texts (default: text or response).")
    ] = None,
    ranker: Annotated[
        str, typer.Option(help="Who orders the texts: hives, llm (a local model) or remote.")
    ] = "hives",
    hives: HivesOption = None,
    vidb: VidbOption = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Read a profile from texts: the values that they speak of, and how strongly."""
    import json
    from dataclasses import asdict

    from chat_app.chat.studio import Studio
    from chat_app.evaluation.extraction import extract_profile
    from chat_app.values.taxonomy import get_value

    values = [get_value(v).id for v in value] if value else None
    texts = _texts(source, column)
    studio = Studio(settings_for_texts(hives, vidb))
    evaluator = studio.evaluator_by(ranker)
    extraction = extract_profile(texts, evaluator, studio.space, values=values, seed=seed)
    name = save or (out.stem if out else "from-text")
    if out or save or extraction.found:
        profile = extraction.profile(name)
    if as_json:
        written = profile.to_json() if extraction.found else None
        print_json({**asdict(extraction), "profile": written})
    else:
        _print(extraction)
    if out:
        write_out(json.dumps(profile.to_json(), ensure_ascii=False, indent=2) + "\n", out)
    if save:
        profiles.store(profile, force=force)


def _texts(source: str, column: str | None) -> list[str]:
    from chat_app.chat.profile_texts import texts_of_file
    from chat_app.evaluation.extraction import split_texts
    from chat_app.evaluation.tables import is_table

    path = Path(source).expanduser()
    if source != "-" and is_table(path):
        return texts_of_file(path, column)
    if column is not None:
        raise typer.BadParameter("--column goes with a .csv, .jsonl or .parquet file.")
    return split_texts(read_text("-", "text") if source == "-" else read_file(path, "text file"))


def _print(extraction: "Extraction") -> None:
    rows = [
        (e.value, f"{e.intensity:+.1f}", f"{e.low:+.1f} to {e.high:+.1f}", str(e.n_texts))
        for e in extraction.found
    ]
    if rows:
        right = ("intensity", "95%", "texts")
        print_table(("value", "intensity", "95%", "texts"), rows, right=right)
    else:
        note(f"No value shows in these {extraction.n_texts} texts.")
    silent = [left.value for left in extraction.left_out if not left.n_texts]
    for left in extraction.left_out:
        if left.n_texts:
            note(f"{left.value} is left out: {left.reason}.")
    if silent:
        note(f"No text speaks of {', '.join(silent)}.")
