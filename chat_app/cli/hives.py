"""``valueflow hives``: train, measure, use and look at value encoders."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    print_json,
    print_table,
    progress,
    read_file,
    settings_for_texts,
    settings_with,
    write_out,
)
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.evaluation.agreement import Agreement
    from chat_app.hives.dataset import LabelledText
    from chat_app.hives.encoder import Encoder

app = typer.Typer(
    help="Value encoders (HIVES): train, evaluate, encode, map.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_SUFFIXES = (".npy", ".npz", ".jsonl", ".parquet")


@app.command()
def train(
    texts: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TEXTS]",
            help="CSV, JSONL or Parquet with text; theory, level_1, ... (or value); direction (or "
            "intensity); optional phrase and concept. [the built-in VIDB]",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="The folder to write, in the sentence-transformers layout.")
    ] = Path("hives-trained"),
    base: Annotated[
        str,
        typer.Option(
            metavar="scratch|FOLDER|ID",
            help='"scratch" (a small network made from the texts), "builtin", a '
            "sentence-transformers folder, or a Hugging Face id.",
        ),
    ] = "scratch",
    stage1_steps: Annotated[int, typer.Option(min=0, help="Steps of the hierarchy.")] = 600,
    stage2_steps: Annotated[int, typer.Option(min=0, help="Steps across theories.")] = 300,
    batch: Annotated[int, typer.Option(min=4, help="Texts in a step.")] = 64,
    lr: Annotated[
        float | None, typer.Option(min=0, help="Learning rate. [2e-3 from scratch, else 2e-5]")
    ] = None,
    penalty: Annotated[
        float,
        typer.Option(min=0, help="Taken off the similarity of texts of different direction."),
    ] = 1.0,
    mask: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of word pieces hidden in half the texts.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    hold_out: Annotated[
        float,
        typer.Option(
            min=0, max=0.9, help="Share of the texts to keep from training; `evaluate` asks these."
        ),
    ] = 0.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from OUT.checkpoint, with the same options.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Losses on stderr.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an encoder in the paper's two stages; an interrupted run can be resumed."""
    from chat_app.hives.dataset import held_out
    from chat_app.hives.saving import checkpoint_file
    from chat_app.hives.train import Settings
    from chat_app.hives.train import train as run

    _log(verbose)
    whole = _labelled(texts, None)
    used = [t for t in whole if not (hold_out and held_out(t.text, hold_out))]
    settings = Settings(
        stage1_steps,
        stage2_steps,
        batch=batch,
        learning_rate=lr,
        penalty=penalty,
        mask=mask,
        held_out=hold_out,
        seed=seed,
    )
    try:
        with progress() as report:
            run(
                used, out, base=base, settings=settings, resume=resume, device=device,
                progress=report,
            )  # fmt: skip
    except KeyboardInterrupt:
        if checkpoint_file(out).exists():
            note(f"Stopped: the same command with --resume goes on from {checkpoint_file(out)}.")
        raise
    if as_json:
        print_json({"folder": str(out), "texts": len(used), "held_out": len(whole) - len(used)})
    else:
        note(f"Wrote {out}: trained on {len(used)} texts, {len(whole) - len(used)} held out.")


@app.command()
def evaluate(
    encoder: Annotated[
        str | None,
        typer.Argument(metavar="[ENCODER]", help='"builtin", a folder or an id. [the settings\']'),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="The texts to measure on, as `train` takes them. [the part of VIDB held out]"
        ),
    ] = None,
    vidb: VidbOption = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Also measure: tfidf, static, untrained or random; repeat for more.",
        ),
    ] = None,
    hold_out: Annotated[
        float,
        typer.Option(min=0.01, max=0.9, help="Without --texts: the share of VIDB that is asked."),
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure an encoder: the paper's metrics, and how well intensities are read off it.

    VIDB's texts fit the ranker; the texts that are asked are never among them. An encoder that was
    trained on them shows here how well it remembers: `train --hold-out 0.2` keeps them from it.
    """
    from chat_app.evaluation.agreement import baseline, compare, encoder_contender
    from chat_app.hives.baselines import check_baseline
    from chat_app.hives.dataset import held_out

    _log(False)
    for name in against or []:
        check_baseline(name)
    settings = settings_for_texts(encoder, vidb)
    anchors = _labelled(None, settings.vidb)
    if texts is not None:
        asked = _labelled(texts, None)
        said = {t.text for t in asked}
        known = [t for t in anchors if t.text not in said]
    else:
        asked = [t for t in anchors if held_out(t.text, hold_out)]
        known = [t for t in anchors if not held_out(t.text, hold_out)]
    with progress() as report:
        contenders = [encoder_contender(_encoder(settings.hives))]
        contenders += [
            baseline(name, known, encoder=settings.hives, seed=seed, progress=report)
            for name in dict.fromkeys(against or [])
        ]
        found = compare(contenders, known, asked, report)
    if as_json:
        print_json({"encoders": [one.to_json() for one in found]})
    else:
        _print_agreements(found)


def _print_agreements(found: "Sequence[Agreement]") -> None:
    from chat_app.hives.evaluation import METRICS

    names = [one.name for one in found]
    rows = [[m, *(_number(one.metrics[m]) for one in found)] for m in METRICS]
    rows.append(["spearman (mean)", *(_number(one.mean) for one in found)])
    rows.append(["sign accuracy", *(_number(one.sign_accuracy) for one in found)])
    print_table(("measure", *names), rows, right=names)
    values = list(dict.fromkeys(value for one in found for value in one.spearman))
    if values:
        cells = [
            [v, *(_number(one.spearman.get(v, float("nan"))) for one in found)] for v in values
        ]
        print_table(("spearman", *names), cells, right=names)
    first = found[0]
    note(
        f"{first.asked} texts of known intensity were asked, {first.signed} of them clear (4 or "
        f"beyond), after fitting on {first.known}."
    )


def _number(x: float) -> str:
    return "-" if x != x else f"{x:.3f}"


@app.command()
def encode(
    out: Annotated[Path, typer.Option(help="The file to write: .npy, .npz, .jsonl or .parquet.")],
    texts: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|-]",
            help="A .csv, .jsonl or .parquet file with a column text, or a file with a text on "
            'each line; "-" or nothing reads lines from standard input.',
        ),
    ] = "-",
    hives: HivesOption = None,
    as_json: AsJson = False,
) -> None:
    """Turn texts into unit vectors, in their order.

    .npy holds the vectors; .npz vectors and texts; .jsonl and .parquet a row for each text.
    """
    from chat_app.hives.vectors import write_vectors

    if out.suffix.lower() not in _SUFFIXES:
        raise typer.BadParameter(f"--out {out}: it must end in {', '.join(_SUFFIXES)}.")
    _log(False)
    lines = _texts_of(texts)
    source = settings_for_texts(hives).hives
    encoder = _encoder(source)
    with progress() as report:
        z = encoder.encode(
            lines, (lambda done, total: report("texts", done, total)) if report else None
        )
    write_vectors(out, lines, z)
    if as_json:
        print_json({"file": str(out), "texts": len(lines), "dim": encoder.dim, "encoder": source})
    else:
        note(f"Wrote {out}: {len(lines)} vectors of {encoder.dim} numbers.")


@app.command("map")
def map_(
    out: Annotated[Path, typer.Option(help="The HTML page to write.")] = Path("map.html"),
    vidb: VidbOption = None,
    hives: HivesOption = None,
    method: Annotated[str, typer.Option(help="tsne, or umap where it is installed.")] = "tsne",
    most: Annotated[int, typer.Option(min=4, help="Show so many texts at most.")] = 5000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Draw VIDB's texts as an encoder sees them: one page that works without a network."""
    from chat_app.hives.map import METHODS, map_page
    from chat_app.hives.space import build_space
    from chat_app.vidb.loading import load_vidb

    if method not in METHODS:
        raise typer.BadParameter(f"--method {method}: it is {' or '.join(METHODS)}.")
    _log(False)
    settings = settings_for_texts(hives, vidb)
    anchors = load_vidb(settings.vidb)
    encoder = _encoder(settings.hives)
    with progress() as report:
        space = build_space(
            encoder,
            anchors,
            settings.cache_dir,
            (lambda done, total: report("texts", done, total)) if report else None,
        )
    write_out(map_page(space, method, seed, most), out)


def _log(verbose: bool) -> None:
    """Losses on stderr where they are asked for; of the libraries only what is wrong."""
    import logging

    if verbose:
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
        )
    for name in ("httpx", "sentence_transformers"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _labelled(file: Path | None, vidb: str | None) -> "list[LabelledText]":
    from chat_app.hives.dataset import from_anchors, read_texts
    from chat_app.vidb.loading import load_vidb

    if file is not None:
        return read_texts(file)
    return from_anchors(load_vidb(vidb or settings_with().vidb).anchors)


def _encoder(source: str) -> "Encoder":
    from chat_app.hives.encoder import load_encoder

    settings = settings_with()
    return load_encoder(source, device=settings.hives_device, cache_dir=settings.cache_dir)


def _texts_of(source: str) -> list[str]:
    """The texts of a table's column, or the lines of a file or of standard input."""
    from chat_app.vidb.tables import SUFFIXES, read_table, words

    path = Path(source)
    if source == "-":
        lines = sys.stdin.read().splitlines()
    elif path.suffix.lower() in SUFFIXES:
        table = read_table(path)
        if "text" not in table.columns:
            raise ValueflowError(f"{path} has no column text: {', '.join(table.columns)}.")
        lines = [words((cells or {}).get("text")) for _, cells in table.rows]
        blank = [row for row, line in enumerate(lines, start=1) if not line]
        if blank:
            raise ValueflowError(f"{path}, row {blank[0]}: there is no text to encode.")
    else:
        lines = read_file(path, "file of texts").splitlines()
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise ValueflowError("There are no texts to encode.")
    return found
