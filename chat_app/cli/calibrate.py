"""``valueflow calibrate``: measure how a model answers to doses of values."""

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
    settings_with,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chat_app.chat.trials import Course
    from chat_app.steering.calibration import Calibration

Prompts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Questions to ask, one a line. [40 of our own]"),
]
Replies = Annotated[int, typer.Option(min=1, help="Replies to each question.")]


def calibrate(
    value: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", help="A value; repeat for more. [all 32]"),
    ] = None,
    method: Annotated[
        str, typer.Option(help="vector, prompt, exemplar or vector+prompt.")
    ] = "vector",
    prompts: Prompts = None,
    replies: Replies = 1,
    model: Annotated[
        str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')
    ] = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    out: Annotated[Path | None, typer.Option(help="Write the calibration as a file too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The calibration as JSON.")] = False,
) -> None:
    """Measure the intensities that a model comes to at each dose, so that targets are met.

    The replies to all questions are scored at each dose of each value, and a curve is laid
    through them. An interrupted run goes on where it stopped. The chat then turns target
    intensities into doses by these curves.
    """
    from chat_app.chat.calibrate import calibrate, grid_of
    from chat_app.chat.studio import Studio
    from chat_app.values.profile import Profile

    grid_of(method)
    course = course_of(prompts, replies)
    # As targets they are checked, and short names become ids.
    wanted = list(Profile("values", dict.fromkeys(value or (), 0.0)).targets)
    studio = Studio(settings_with(model=model, hives=hives, vidb=vidb))
    with progress() as report:
        studio.progress = report
        wanted = wanted or studio.steered
        found = calibrate(studio, method, wanted, course, report)
    if out:
        found.save(out)
        note(f"Wrote {out}.")
    if as_json:
        print_json(found.to_json())
    else:
        print_curves(found, wanted)


def course_of(prompts: Path | None, replies: int, seed: int = 0) -> "Course":
    """The questions of a file, or those that come with the program."""
    from chat_app.chat.trials import Course, builtin_prompts, read_prompts

    asked = (
        read_prompts(read_file(prompts, "file of prompts"), str(prompts))
        if prompts
        else builtin_prompts()
    )
    return Course(asked, replies, seed=seed)


def print_curves(found: "Calibration", values: "Sequence[str]") -> None:
    """A line a value: the mean at each dose, what is reachable, the perplexity there."""
    from chat_app.steering.aim import DEFAULT_SCALE

    responses = [found.responses[value] for value in values if value in found.responses]
    if not responses:
        return
    doses = [f"{c / DEFAULT_SCALE * 10:+g}" for c in responses[0].coefficients]
    rows = []
    for response in responses:
        low, high = response.reachable
        inside = [
            ratio
            for c, ratio in zip(response.coefficients, response.perplexity, strict=True)
            if response.limits[0] <= c <= response.limits[1]
        ]
        cells = [f"{mean:+.1f}" for mean in response.means]
        rows.append((response.value, *cells, f"{low:+.1f} to {high:+.1f}", f"{max(inside):.2f}"))
    title = f"{found.basis.model_name}, {found.basis.method}: mean intensity at each dose"
    columns = ("value", *doses, "reachable", "perplexity")
    print_table(columns, rows, title=title, right=columns[1:])
