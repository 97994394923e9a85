"""``valueflow vidb``: look into a database of anchors, have texts judged, build one of your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    byte_progress,
    note,
    print_json,
    print_table,
    progress,
    settings_for_texts,
    settings_with,
    stdout,
)

if TYPE_CHECKING:
    from chat_app.vidb.building import Fit, Placed
    from chat_app.vidb.loading import LoadReport, Vidb

app = typer.Typer(
    help="Texts of known intensity: describe, have texts judged, build.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Texts = Annotated[
    Path, typer.Option(help="Table (CSV, JSONL, Parquet): id, value, text; also level, source.")
]
# Every window of HIVES at once means that each text is embedded once; a model that is asked about
# window after window should lose little when it is stopped.
_BATCH = {"hives": 4096}


@app.command()
def describe(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help='"builtin", a CSV, JSONL or Parquet file, a folder of them, or a Hugging Face '
            "data set such as snu-aidas/vidb-filtered. Left out: the one that is set.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the texts of each value, show where they lie, and which rows were left out and why."""
    from chat_app.vidb.loading import read_vidb

    settings = settings_with(vidb=source)
    with byte_progress() as shown:
        vidb, report = read_vidb(settings.vidb, progress=shown)
    if as_json:
        print_json(_described(vidb, report))
    else:
        _print_described(vidb, report)


def _described(vidb: "Vidb", report: "LoadReport") -> dict[str, Any]:
    from dataclasses import asdict

    from chat_app.vidb.summary import summarise

    return {
        "name": vidb.name,
        "version": vidb.version,
        "texts": len(vidb.anchors),
        "files": report.files,
        "dropped": [
            {"reason": reason, "rows": rows, "first": report.examples[reason]}
            for reason, rows in report.dropped.items()
        ],
        "skipped": {file: list(columns) for file, columns in report.skipped.items()},
        "values": [asdict(summary) for summary in summarise(vidb)],
    }


def _print_described(vidb: "Vidb", report: "LoadReport") -> None:
    from chat_app.vidb.summary import bars, summarise

    rows = [
        (s.value, str(s.texts), f"{s.lowest:+.1f}", f"{s.mean:+.1f}", f"{s.highest:+.1f}",
         f"│{bars(s.bins)}│")
        for s in summarise(vidb)
    ]  # fmt: skip
    columns = ("value", "texts", "lowest", "mean", "highest", "-10       0        +10")
    title = f"{vidb.name}, version {vidb.version}"
    print_table(columns, rows, title=title, right=columns[1:5])
    files = f" in {report.files} files" if report.files > 1 else ""
    stdout().print(f"{len(vidb.anchors)} texts for {len(vidb.values)} values{files}.")
    if report.dropped:
        dropped = [(reason, str(n), report.examples[reason]) for reason, n in
                   report.dropped.items()]  # fmt: skip
        print_table(("left out because", "rows", "the first"), dropped, right=("rows",))
    for file, found in report.skipped.items():
        note(f"{file} was left out: its columns are {', '.join(found) or 'none'}.")


@app.command()
def judge(
    texts: Texts,
    out: Annotated[Path, typer.Option(help="JSONL file that judged windows are appended to.")],
    anchors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help='Texts of known intensity to judge along, or "builtin"; with text.'
        ),
    ] = None,
    windows_per_text: Annotated[
        int, typer.Option(min=1, max=10_000, help="Windows that each text stands in, about.")
    ] = 20,
    k: Annotated[int, typer.Option("--k", min=2, max=26, help="Texts in a window.")] = 6,
    ranker: Annotated[
        str, typer.Option(help="Who orders the texts: hives, llm (a local model) or remote.")
    ] = "hives",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Draw other windows.")] = 0,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: AsJson = False,
) -> None:
    """Have texts judged: random windows that connect them all, ordered by a ranker.

    Run it again to go on where it stopped: windows that are in the file already are skipped.
    """
    from chat_app.chat.studio import Studio
    from chat_app.evaluation.judging import judge as judge_windows
    from chat_app.evaluation.judging import plan_windows, to_judge
    from chat_app.vidb.worksheets import read_known, read_texts

    shown = to_judge(read_texts(texts), read_known(anchors) if anchors else ())
    tasks = plan_windows(shown, k=k, per_text=windows_per_text, seed=seed)
    studio = Studio(settings_for_texts(hives, vidb))
    with progress() as report:
        done = judge_windows(
            tasks,
            studio.ranker(ranker),
            out,
            batch=_BATCH.get(ranker, 16),
            progress=(lambda n, of: report("Judging", n, of)) if report else None,
        )
    if as_json:
        print_json({"out": str(out), "planned": done.planned, "there": done.before,
                    "judged": done.judged, "values": len(shown)})  # fmt: skip
        return
    print(f"{done.judged} windows judged, {done.before} were there, for {len(shown)} values.")
    note(f"Wrote {out}.")


MapName = Literal["tanh", "isotonic"]
Centre = Literal["anchors", "neutral"]


@app.command()
def build(
    texts: Texts,
    judgements: Annotated[
        list[Path],
        typer.Option(help="Judged windows (CSV, JSONL): value, judge, order; repeat for more."),
    ],
    anchors: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help='Texts of known intensity in those windows: id, value, intensity; or "builtin".',
        ),
    ],
    out: Annotated[Path, typer.Option(help="The VIDB to write: a CSV file.")],
    prior: Annotated[
        float, typer.Option(help="Precision of the utilities' Gaussian prior.")
    ] = 0.05,
    map: Annotated[
        str,
        typer.Option(help="tanh (for some anchors a value) or isotonic (for fifty and more)."),
    ] = "tanh",
    centre: Annotated[
        str,
        typer.Option(help="Intensity 0 by the anchors, or by the neutral texts, those of level 0."),
    ] = "anchors",
    shrink: Annotated[
        float,
        typer.Option(help="Draw slopes to their median: 1 not at all, 0 wholly; 0.35 for a dozen."),
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Build a VIDB: from judged windows and some known intensities, every text's intensity."""
    from chat_app.vidb.building import Recipe, write_vidb
    from chat_app.vidb.building import build as build_vidb
    from chat_app.vidb.worksheets import read_known, read_texts, read_windows

    if map not in get_args(MapName):
        raise typer.BadParameter(f"--map {map}: it is one of {', '.join(get_args(MapName))}.")
    if centre not in get_args(Centre):
        raise typer.BadParameter(f"--centre {centre}: it is one of {', '.join(get_args(Centre))}.")
    judged = [window for path in judgements for window in read_windows(path)]
    recipe = Recipe(prior, map, centre, shrink)  # type: ignore[arg-type]  # checked above
    placed, fits = build_vidb(read_texts(texts), judged, read_known(anchors), recipe)
    write_vidb(placed, out, texts.stem)
    if as_json:
        print_json({"out": str(out), "texts": len(placed), "windows": len(judged),
                    "values": [_fit(fit, placed) for fit in fits]})  # fmt: skip
        return
    rows = [_fit_cells(_fit(fit, placed)) for fit in fits]
    columns = ("value", "texts", "windows", "anchors", "±", "anchors' ρ", "anchors' RMSE", "map")
    print_table(columns, rows, right=columns[1:7])
    note(f"Wrote {out}.")


def _fit(fit: "Fit", placed: "list[Placed]") -> dict[str, Any]:
    from statistics import median

    from chat_app.vidb.scale import TanhScale

    scale = {"a": fit.scale.a, "b": fit.scale.b} if isinstance(fit.scale, TanhScale) else None
    return {
        "value": fit.value,
        "texts": fit.texts,
        "windows": fit.windows,
        "anchors": fit.anchors,
        "stderr": round(median(p.stderr for p in placed if p.text.value == fit.value), 3),
        "anchors_spearman": round(fit.spearman, 3),
        "anchors_rmse": round(fit.rmse, 3),
        "tanh": scale,
    }


def _fit_cells(fit: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(fit[key]) for key in ("texts", "windows", "anchors"))
    quality = (f"{fit[key]:.2f}" for key in ("stderr", "anchors_spearman", "anchors_rmse"))
    scale = fit["tanh"]
    shown = f"10 tanh({scale['a']:.3f} u {scale['b']:+.3f})" if scale else "isotonic"
    return (fit["value"], *counts, *quality, shown)
