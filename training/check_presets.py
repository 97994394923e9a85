"""Do the presets' replies move as asked? What the targets in ``chat.presets`` rest on.

``python -m training.check_presets`` answers the same questions unsteered and under each preset, and
prints for each targeted value what was asked, what was expected, the mean measured intensity with
its standard error, where unsteered replies stand, and how far it moved towards the target.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from chat_app.chat.presets import PRESETS
from chat_app.chat.studio import Studio
from chat_app.chat.trials import Course, answers, builtin_prompts
from chat_app.settings import settings
from chat_app.steering.compose import Composition
from chat_app.values.profile import Profile


@dataclass(frozen=True)
class Row:
    """One preset's value: intensities; ``moved`` is positive towards the target."""

    preset: str
    value: str
    asked: float
    expected: float
    measured: float
    stderr: float
    unsteered: float

    @property
    def moved(self) -> float:
        return (self.measured - self.unsteered) * (1 if self.asked > 0 else -1)


def check(studio: Studio, course: Course) -> Iterator[Row]:
    """A row for every target of every preset."""
    plain = [reply.text for reply in answers(studio, course, Composition())]
    for preset in PRESETS:
        yield from _check(studio, course, preset, plain)


def _check(studio: Studio, course: Course, preset: Profile, plain: list[str]) -> Iterator[Row]:
    how = studio.compose(preset)
    steered = [reply.text for reply in answers(studio, course, how)]
    for value, asked in preset.targets.items():
        found, before = (
            np.array([score.intensity for score in studio.evaluator.score(texts, value)])
            for texts in (steered, plain)
        )
        yield Row(
            preset.name,
            value,
            asked,
            how.expected[value].intensity if value in how.expected else float("nan"),
            float(found.mean()),
            float(found.std(ddof=1) / np.sqrt(len(found))),
            float(before.mean()),
        )


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default="builtin")
    ap.add_argument("--questions", type=int, default=40)
    args = ap.parse_args()
    studio = Studio(settings().model_copy(update={"model": args.model}))
    course = Course(builtin_prompts()[: args.questions])
    table = Table(title=f"{studio.model.info.name}, {course.n} replies a preset")
    for head in ("preset", "value"):
        table.add_column(head)
    for head in ("asked", "expected", "measured", "unsteered", "moved"):
        table.add_column(head, justify="right")
    for row in check(studio, course):
        table.add_row(
            row.preset,
            row.value,
            f"{row.asked:+g}",
            f"{row.expected:+.1f}",
            f"{row.measured:+.1f} ± {row.stderr:.1f}",
            f"{row.unsteered:+.1f}",
            f"{row.moved:+.1f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
