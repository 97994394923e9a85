"""``valueflow score``: the intensity of any text for some values."""

from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import print_json, print_table, read_text, settings_with

if TYPE_CHECKING:
    from chat_app.evaluation.evaluator import Score


def score(
    text: Annotated[
        str | None, typer.Argument(help='The text; "-" or nothing reads standard input.')
    ] = None,
    value: Annotated[
        list[str] | None, typer.Option("--value", help="A value; repeat for more. [all 32]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how strongly a text supports (+) or opposes (-) values."""
    from chat_app.chat.studio import Studio
    from chat_app.values.taxonomy import STEERED, get_value

    values = [get_value(v).id for v in value] if value else list(STEERED)
    words = read_text(text, "text")
    studio = Studio(settings_with())
    scores = studio.evaluator.measure(words, values)
    if as_json:
        print_json(
            {
                "text": words,
                "scores": {v: numbers(scores[v]) for v in values},
                "ranker": studio.evaluator.ranker.name,
                "vidb": studio.vidb.version,
            }
        )
    else:
        print_scores({v: scores[v] for v in values})


def numbers(score: "Score") -> dict[str, float]:
    return {"intensity": round(score.intensity, 2), "stderr": round(score.stderr, 2)}


def print_scores(scores: "dict[str, Score]") -> None:
    """A row for each value, strongest support first."""
    strongest_first = sorted(scores.items(), key=lambda item: -item[1].intensity)
    rows = [(v, f"{s.intensity:+.1f}", f"{s.stderr:.1f}") for v, s in strongest_first]
    print_table(("value", "intensity", "±"), rows, right=("intensity", "±"))
