"""``valueflow profile check`` and ``tune``: what a profile will come to, and the loop closed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat_app.cli.calibrate import Prompts, Replies, course_of
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
from chat_app.cli.profiles import database, find, read_profile

if TYPE_CHECKING:
    from chat_app.chat.outlook import Outlook
    from chat_app.chat.tune import Round, Tuning
    from chat_app.values.profile import Profile

Source = Annotated[
    str, typer.Argument(metavar="FILE|NAME", help="A profile's file, or a stored one.")
]
Model = Annotated[str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def check(
    source: Source,
    model: Model = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what a profile is expected to come to, and which of its targets pull apart."""
    from chat_app.chat.outlook import outlook
    from chat_app.chat.studio import Studio

    profile = find(source)
    studio = Studio(settings_with(model=model, hives=hives, vidb=vidb))
    with progress() as studio.progress:
        found = outlook(studio, profile)
    if as_json:
        print_json(_as_data(profile, found))
    else:
        _print_outlook(profile, found)


def _as_data(profile: "Profile", found: "Outlook") -> dict[str, Any]:
    composition = found.composition
    return {
        "profile": profile.name,
        "method": profile.method,
        "calibrated": found.calibrated,
        "values": {
            value: {
                "target": target,
                "coefficient": _rounded(composition.coefficients.get(value), 4),
                "expected": _rounded(e.intensity if e else None),
                "low": _rounded(e.low if e else None),
                "high": _rounded(e.high if e else None),
                "reachable": [round(y, 2) for y in found.reachable[value]]
                if value in found.reachable
                else None,
            }
            for value, target in profile.targets.items()
            for e in (composition.expected.get(value),)
        },
        "norm": round(found.norm, 3),
        "longest": found.longest,
        "conflicts": [
            {
                "values": list(c.values),
                "targets": list(c.targets),
                "cosine": round(c.cosine, 2),
                "expected": [round(e, 2) for e in c.expected],
            }
            for c in found.conflicts
        ],
        "notes": list(composition.notes),
    }


def _rounded(number: float | None, digits: int = 2) -> float | None:
    return None if number is None else round(number, digits)


def _print_outlook(profile: "Profile", found: "Outlook") -> None:
    from chat_app.chat.outlook import conflict_sentence

    rows = []
    for value, target in profile.targets.items():
        e, c = found.composition.expected.get(value), found.composition.coefficients.get(value)
        ends = found.reachable.get(value)
        band = f"{e.low:+.1f} to {e.high:+.1f}" if e and value in found.calibrated else "?"
        rows.append(
            (
                value,
                f"{target:+g}",
                f"{e.intensity:+.1f}" if e else "?",
                band,
                f"{ends[0]:+.1f} to {ends[1]:+.1f}" if ends else "?",
                f"{c:+.3f}" if c is not None else "",
            )
        )
    columns = ("value", "target", "expected", "95% band", "reachable", "coefficient")
    title = f"{profile.name} ({profile.method})"
    print_table(columns, rows, title=title, right=columns[1:])
    for conflict in found.conflicts:
        print(conflict_sentence(conflict))
    if found.norm:
        print(f"The vector is {found.norm:.2f} as long as one value's at 10; "
              f"{found.longest:g} is the most.")  # fmt: skip
    for remark in found.composition.notes:
        note(remark)
    if unknown := [v for v in profile.targets if v not in found.calibrated]:
        note(
            f"Not measured for this model: {', '.join(unknown)}. What is expected there is only "
            "what was asked for; `valueflow calibrate` measures it."
        )


def tune(
    source: Source,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="The most rounds.")] = 5,
    prompts: Prompts = None,
    replies: Replies = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first reply.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="The file to write. [where the profile came from]")
    ] = None,
    model: Model = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: AsJson = False,
) -> None:
    """Measure a profile's replies and correct its coefficients until its targets are met.

    The coefficients are kept in the profile for this model and these targets: with others, the
    profile is steered as if it had never been tuned.
    """
    from chat_app.chat.studio import Studio
    from chat_app.chat.tune import tune

    profile, course = find(source), course_of(prompts, replies, seed)
    studio = Studio(settings_with(model=model, hives=hives, vidb=vidb))
    asked = 0
    with progress() as report:
        studio.progress = report

        def done() -> None:
            nonlocal asked
            asked += 1
            if report:
                report("Asking", asked, rounds * course.n)

        found = tune(studio, profile, course, rounds, done=done)
    if as_json:
        print_json(_tuning_data(found))
    else:
        _print_rounds(found)
    _keep(found.profile, source, out)


def _keep(profile: "Profile", source: str, out: Path | None) -> None:
    """Write the tuned profile to ``out``, or to where it came from."""
    import json

    from chat_app.chat.profiles import save_profile

    path = out or (Path(source).expanduser() if Path(source).expanduser().is_file() else None)
    if path:
        write_out(json.dumps(profile.to_json(), ensure_ascii=False, indent=2) + "\n", path)
        read_profile(path)
    else:
        save_profile(database(), profile)
        note(f"Saved {profile.name} with its coefficients.")


def _print_rounds(found: "Tuning") -> None:
    values = list(found.profile.targets)
    targets = found.profile.targets
    rows = [_cells(each, found) for each in found.rounds]
    columns = ("round", *(f"{v} {targets[v]:+g}" for v in values), "error")
    print_table(columns, rows, title=found.profile.name, right=columns[1:])
    best = found.best
    for value in values:
        m = best.measured[value]
        said = f"{value} asked {targets[value]:+g}, measured {m.mean:+.1f} ± {m.stderr:.1f}"
        if best.meets(value):
            print(f"{said}: met.")
        elif value in best.stuck:
            print(f"{said}: out of reach, its coefficient cannot go further.")
        else:
            print(f"{said}: not met in these rounds.")


def _cells(each: "Round", found: "Tuning") -> list[str]:
    mark = " *" if each is found.best else ""
    cells = [
        f"{each.measured[v].mean:+.1f} ± {each.measured[v].stderr:.1f} "
        f"({each.coefficients.get(v, 0):+.3f})"
        for v in found.profile.targets
    ]
    return [f"{each.number}{mark}", *cells, f"{each.rms:.2f}"]


def _tuning_data(found: "Tuning") -> dict[str, Any]:
    return {
        "profile": found.profile.to_json(),
        "best": found.best.number,
        "rounds": [
            {
                "round": each.number,
                "error": round(each.rms, 3),
                "values": {
                    value: {
                        "target": each.targets[value],
                        "coefficient": round(each.coefficients.get(value, 0.0), 4),
                        "measured": round(m.mean, 2),
                        "stderr": round(m.stderr, 2),
                        "met": each.meets(value),
                        "out_of_reach": value in each.stuck,
                    }
                    for value, m in each.measured.items()
                },
            }
            for each in found.rounds
        ],
    }
