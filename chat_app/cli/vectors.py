"""``valueflow vectors``: the control vectors of a model, and a person's own."""

import re
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
    settings_with,
    write_out,
)
from chat_app.cli.profiles import Set, resolve
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.bank import Bank, Read
    from chat_app.steering.control_vector import ControlVector
    from chat_app.steering.direction_report import DirectionReport

app = typer.Typer(
    help="Control vectors: build, report, list, export, import.", no_args_is_help=True
)

Model = Annotated[str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value.")]
Out = Annotated[Path, typer.Option(help="The GGUF file to write.")]


def _studio(model: str | None, hives: str | None = None, vidb: str | None = None) -> "Studio":
    from chat_app.chat.studio import Studio

    return Studio(settings_with(model=model, hives=hives, vidb=vidb))


def _built(studio: "Studio") -> "dict[str, ControlVector]":
    """The model's direction for each value, built with a progress bar where it was not yet."""
    with progress() as studio.progress:
        return dict(studio.directions)


@app.command()
def build(
    model: Model = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: AsJson = False,
) -> None:
    """Find the model's directions: one pass of the anchor texts through it, kept for later."""
    studio = _studio(model, hives, vidb)
    rows = [_entry(value, vector) for value, vector in _built(studio).items()]
    if as_json:
        print_json({"model": studio.model.info.name, "vectors": rows})
    else:
        _print_entries(rows, title=f"Directions of {studio.model.info.name} at coefficient 1")


@app.command("list")
def list_(model: Model = None, as_json: AsJson = False) -> None:
    """List the vectors that you imported, and whether they fit the model."""
    from chat_app.steering.imported import load_vector, names

    studio = _studio(model)
    folder, info = studio.settings.vectors_dir, studio.model.info
    found = names(folder)
    if not found and not as_json:
        note(f"No vector is imported into {folder}. Those of the 32 values: `vectors build`.")
        return
    rows = []
    for name in found:
        try:
            rows.append(_entry(name, load_vector(name, folder, info)) | {"problem": None})
        except ValueflowError as error:
            rows.append({"name": name, "hash": None, "norm": None, "layers": []})
            rows[-1]["problem"] = str(error)
    if as_json:
        print_json(rows)
        return
    _print_entries([row for row in rows if not row["problem"]])
    for row in rows:
        if row["problem"]:
            note(str(row["problem"]))


def _entry(name: str, vector: "ControlVector") -> dict[str, object]:
    return {
        "name": name,
        "hash": vector.hash,
        "norm": round(vector.norm, 4),
        "layers": list(vector.layers),
    }


def _print_entries(rows: list[dict[str, object]], title: str | None = None) -> None:
    cells = [[str(row["name"]), str(row["hash"]), f"{row['norm']:.3g}"] for row in rows]
    for row, line in zip(rows, cells, strict=True):
        line.append(", ".join(map(str, row["layers"])))  # type: ignore[call-overload]
    print_table(("name", "hash", "norm", "layers"), cells, title=title, right=("norm",))


@app.command()
def report(
    method: Annotated[str, typer.Option(help="hives, mean_diff or pca.")] = "hives",
    read: Annotated[
        str, typer.Option(help="Where a text is read: mean of it, last token, token before it.")
    ] = "mean",
    model: Model = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    pairs: Annotated[int, typer.Option(min=1, help="Show so many pairs a side.")] = 8,
    out: Annotated[
        Path | None, typer.Option(help="Also write the cosines as a picture, an HTML page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the directions are worth: held-out separation a layer, cosines, lengths."""
    from chat_app.steering.bank import READS
    from chat_app.steering.contrasts import METHODS

    if method not in METHODS:
        raise typer.BadParameter(f"--method {method}: it is {', '.join(METHODS)}.")
    if read not in READS:
        raise typer.BadParameter(f"--read {read}: it is {', '.join(READS)}.")
    studio = _studio(model, hives, vidb)
    from chat_app.steering.direction_report import direction_report
    from chat_app.values.taxonomy import STEERED

    with progress() as studio.progress:
        values = [value for value in STEERED if value in studio.space.axes]
        bank = studio.bank if read == "mean" else _other_bank(studio, read)
        found = direction_report(studio.model.info.name, bank, studio.space, values, method)
    if out is not None:
        from chat_app.steering.heatmap import heatmap_page

        write_out(heatmap_page(found), out)
    if as_json:
        print_json(found.to_json())
    else:
        _print_report(found, pairs)


def _other_bank(studio: "Studio", read: "Read") -> "Bank":
    """The activation bank, read elsewhere than the product itself reads it."""
    from chat_app.steering.bank import build_bank

    def tell(done: int, of: int) -> None:
        if studio.progress:
            studio.progress("Reading the anchor texts with the chat model", done, of)

    return build_bank(studio.model, studio.vidb, studio.settings.cache_dir, tell, read=read)


def _print_report(found: "DirectionReport", pairs: int) -> None:
    rows = []
    for layer, by_value in found.separation.items():
        lowest = min(by_value, key=lambda value: by_value[value])
        mean = sum(by_value.values()) / len(by_value)
        steered = "yes" if layer in found.layers else ""
        rows.append((str(layer), steered, f"{mean:.3f}", f"{by_value[lowest]:.3f}", lowest))
    how = f"{found.method}, read: {found.read}"
    title = f"Directions of {found.model} ({how}): AUC of texts that they never saw"
    heads = ("layer", "steered", "mean AUC", "lowest", "of")
    print_table(heads, rows, title=title, right=("layer", "mean AUC", "lowest"))
    for title, side in zip(("Most alike", "Most opposed"), found.pairs(pairs), strict=True):
        cells = [(a, b, f"{cosine:+.2f}") for a, b, cosine in side]
        print_table(("value", "and", "cosine"), cells, title=title, right=("cosine",))
    norms = found.norms
    short, long = min(norms, key=lambda v: norms[v]), max(norms, key=lambda v: norms[v])
    print(f"Lengths at coefficient 1: {norms[short]:.3g} ({short}) to {norms[long]:.3g} ({long}).")


@app.command()
def export(
    out: Out,
    value: Annotated[
        str | None, typer.Argument(help='A value, or "custom/" and your own words: its direction.')
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME", help="Instead: what a profile's targets add up to."),
    ] = None,
    sets: Set = None,
    layers: Annotated[
        str | None, typer.Option(metavar="FIRST-LAST", help="Of these layers only.")
    ] = None,
    model: Model = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
) -> None:
    """Write a value's direction (coefficient 1), or a profile's vector, for llama.cpp."""
    if (value is None) == (profile is None and not sets):
        raise typer.BadParameter("Name one value, or a profile by --profile or --set.")
    studio = _studio(model, hives, vidb)
    vector: ControlVector | None
    if value is not None:
        vector = _direction(studio, value)
    else:
        asked = resolve(profile, sets, "vector")
        with progress() as studio.progress:
            composition = studio.compose(asked)
        vector = composition.vector
        for remark in composition.notes:
            note(remark)
        if vector is None:
            raise ValueflowError("The profile asks for nothing, so there is no vector to write.")
    if layers is not None:
        vector = _of_layers(vector, layers)
    vector.to_gguf(out)
    note(f"Wrote {out}: norm {vector.norm:.3g}, layers {vector.layers[0]} to {vector.layers[-1]}.")


def _of_layers(vector: "ControlVector", layers: str) -> "ControlVector":
    """The vector in the layers of "FIRST-LAST" alone."""
    match = re.fullmatch(r"(\d+)-(\d+)", layers.strip())
    if not match:
        raise typer.BadParameter(f"--layers {layers}: write the first and the last, as 3-8.")
    found = vector.within(int(match[1]), int(match[2]))
    if not found.layers:
        has = ", ".join(map(str, vector.layers))
        raise ValueflowError(f"The vector has nothing in the layers {layers}; it has {has}.")
    return found


def _direction(studio: "Studio", name: str) -> "ControlVector":
    """The direction of a known value, or of one in a person's own words ("custom/...")."""
    from chat_app.values.custom import find_value, is_custom
    from chat_app.values.taxonomy import get_value

    value = find_value(name)
    if not is_custom(value) and not get_value(value).steered:
        raise ValueflowError(f"{value} is not one of the 32 values to steer by.")
    with progress() as studio.progress:
        found = studio.directions_of([value])
    if value not in found:
        raise ValueflowError(f"{studio.vidb.name} has no texts for and against {value}.")
    return found[value]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A control vector: GGUF, of llama.cpp or repeng.")],
    name: Annotated[str | None, typer.Option(help="What to call it. [the file's name]")] = None,
    model: Model = None,
    any_file: Annotated[
        bool,
        typer.Option("--any-file", help="Take one made for another file (precision) of the model."),
    ] = False,
) -> None:
    """Keep a control vector for `valueflow reply --vector NAME`, once it fits the model."""
    from chat_app.steering.imported import import_vector

    studio = _studio(model)
    folder, info = studio.settings.vectors_dir, studio.model.info
    kept = import_vector(file, folder, info, name, any_file=any_file)
    note(f"Imported {kept}: `valueflow reply TEXT --vector {kept}=1`.")
