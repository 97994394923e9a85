"""``valueflow score``: the intensity of a text, or of every row of a table, for some values."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    print_json,
    print_table,
    progress,
    read_text,
    settings_for_texts,
)
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.evaluation.evaluator import Evaluator, Score

# As chat_app.evaluation.tables has them, which --help need not import.
_TABLES = (".csv", ".jsonl", ".parquet")


def score(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT|IN]",
            help="A text; an existing .csv, .jsonl or .parquet file is scored row by row into "
            '--out. "-" or nothing reads a text from standard input.',
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="A text, whatever it looks like.")
    ] = None,
    transcript: Annotated[
        Path | None,
        typer.Option(
            help="Score every reply in a file of conversations: ours, ChatGPT's export, Open "
            "WebUI's, ShareGPT's, or lists of messages. --out: a .csv, .jsonl or .parquet file; "
            "else a table is printed."
        ),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            help="A value; repeat for more (default: all 32). In a file: for rows whose column "
            "`value` names none, a row for each.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where a file's scores go: .csv, .jsonl or .parquet. An interrupted run goes on "
            "when it is started again."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="The file's column of texts (default: text or response).")
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="Put before the names of the columns that are added to a file's.")
    ] = "",
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave rows that cannot be scored blank, with the reason in a column `error`.",
        ),
    ] = False,
    k: Annotated[int, typer.Option("--k", min=2, max=50, help="Texts in a window.")] = 6,
    m: Annotated[int, typer.Option("--m", min=1, max=1000, help="Windows a score.")] = 3,
    sampling: Annotated[
        str,
        typer.Option(
            help="Anchors: bucket (one from each part of the scale), random, or fixed (always the "
            "same)."
        ),
    ] = "bucket",
    ranker: Annotated[
        str, typer.Option(help="Who orders the texts: hives, llm (a local model) or remote.")
    ] = "hives",
    hives: HivesOption = None,
    vidb: VidbOption = None,
    beta: Annotated[
        str, typer.Option(metavar="auto|NUMBER", help="The ranker's sharpness; auto measures it.")
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Draw other windows.")] = 0,
    compat: Annotated[
        str | None, typer.Option(help="paper: the published procedure, and its numbers.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how strongly texts support (+) or oppose (-) values, from -10 to 10."""
    from chat_app.values.custom import find_value

    how = {
        "k": k,
        "m": m,
        "sampling": _one_of("--sampling", sampling, ("bucket", "random", "fixed")),
        "beta": _beta(beta),
        "seed": seed,
        "compat": compat if compat is None else _one_of("--compat", compat, ("paper",)),
    }
    who = {
        "ranker": _one_of("--ranker", ranker, ("hives", "llm", "remote")),
        "hives": hives,
        "vidb": vidb,
    }
    values = [find_value(v) for v in value or []]
    if transcript is not None:
        if source or text or column or skip_bad:
            raise typer.BadParameter("--transcript goes without a text, --column and --skip-bad.")
        from chat_app.cli.score_transcript import score_transcript

        score_transcript(transcript, out, values, who, how, prefix, as_json)
        return
    if text is not None and source is not None:
        raise typer.BadParameter("Give one text: as an argument or with --text.")
    table = None if text is not None else _table(source, out)
    if table is None and (out or column or prefix or skip_bad):
        raise typer.BadParameter("--out, --column, --prefix and --skip-bad go with a file.")
    if table is not None and out is None:
        raise typer.BadParameter(f"{table} is a table: say with --out where its scores go.")
    if table is None:
        words = read_text(text if text is not None else source, "text")
        _score_text(words, values, who, how, as_json)
    else:
        assert out is not None
        bulk = {"column": column, "prefix": prefix, "skip_bad": skip_bad}
        _score_table(table, out, values, who, how, bulk, as_json)


def _score_text(
    words: str, values: list[str], who: dict[str, Any], how: dict[str, Any], as_json: bool
) -> None:
    from chat_app.values.taxonomy import STEERED

    evaluator = _evaluator(who, how)
    scores = evaluator.measure(words, values or list(STEERED))
    if as_json:
        print_json(
            {
                "text": words,
                "scores": {v: numbers(s) for v, s in scores.items()},
                "ranker": evaluator.ranker.name,
                "vidb": evaluator.vidb.version,
            }
        )
    else:
        print_scores(scores)


def _score_table(
    table: Path,
    out: Path,
    values: list[str],
    who: dict[str, Any],
    how: dict[str, Any],
    bulk: dict[str, Any],
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from chat_app.evaluation.bulk import score_table

    begun = time.perf_counter()
    evaluator = _evaluator(who, how)
    with progress() as report:
        done = score_table(table, out, evaluator, values, **bulk, progress=report)
    seconds = time.perf_counter() - begun
    if done.resumed:
        note(f"Went on after {done.resumed} scores of an earlier run.")
    if done.bad:
        note(f"{done.bad} rows could not be scored: their column error says why.")
    if as_json:
        measured = asdict(evaluator.sharpness) if done.scores else {}
        by = {"ranker": evaluator.ranker.name, "vidb": evaluator.vidb.version}
        print_json(
            {"out": str(out), **asdict(done), **by, **measured, "seconds": round(seconds, 1)}
        )
    else:
        note(f"Wrote {out}: {done.scores} scores of {done.rows} rows in {seconds:.0f} s.")


def _evaluator(who: dict[str, Any], how: dict[str, Any]) -> "Evaluator":
    from chat_app.chat.studio import Studio

    studio = Studio(settings_for_texts(who["hives"], who["vidb"]))
    return studio.evaluator_by(who["ranker"], **how)


def _table(source: str | None, out: Path | None) -> Path | None:
    """The file that ``source`` names, or None where it is a text."""
    path = Path(source or "").expanduser()
    if path.suffix.lower() not in _TABLES and out is None:
        return None
    try:
        if path.is_file():
            return path
    except OSError:  # a text is no file name: too long
        return None
    looks_like_a_file = out is not None or len((source or "").split()) == 1
    if looks_like_a_file:
        raise ValueflowError(f"There is no file {source}: a text that looks so goes with --text.")
    return None


def _one_of(option: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise typer.BadParameter(f"{option} {given!r}: it is one of {', '.join(known)}.")
    return given


def _beta(given: str) -> float | None:
    try:
        return None if given == "auto" else float(given)
    except ValueError:
        raise typer.BadParameter(f"--beta {given!r}: it is auto or a number.") from None


def numbers(score: "Score") -> dict[str, float]:
    return {"intensity": round(score.intensity, 2), "stderr": round(score.stderr, 2)}


def print_scores(scores: "dict[str, Score]") -> None:
    """A row for each value, strongest support first."""
    strongest_first = sorted(scores.items(), key=lambda item: -item[1].intensity)
    rows = [(v, f"{s.intensity:+.1f}", f"{s.stderr:.1f}") for v, s in strongest_first]
    print_table(("value", "intensity", "±"), rows, right=("intensity", "±"))
