"""``valueflow reply``: one steered, scored reply in the terminal. Nothing is stored."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat_app.cli.console import (
    HivesOption,
    VidbOption,
    note,
    parse_pair,
    print_json,
    progress,
    read_text,
    settings_with,
)
from chat_app.cli.profiles import Method, Set, resolve
from chat_app.cli.score import numbers

if TYPE_CHECKING:
    from chat_app.chat.once import Once
    from chat_app.chat.studio import Studio
    from chat_app.steering.control_vector import ControlVector


def reply(
    text: Annotated[
        str | None, typer.Argument(help='What you say; "-" or nothing reads standard input.')
    ] = None,
    sets: Set = None,
    profile: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help="A profile's file, or a stored one.")
    ] = None,
    method: Method = None,
    vector: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=COEFFICIENT]", help="Add an imported vector; repeat for more."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 2, help="[random]")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest reply. [256]")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="0 takes the likeliest word. [0.7]")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')
    ] = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: reply, scores, vector, timings.")
    ] = False,
) -> None:
    """Answer once, steered towards the values that you set, and measure the answer."""
    wanted = resolve(profile, sets, method)
    pairs = [parse_pair("--vector", pair, default=1.0) for pair in vector or []]
    words = read_text(text, "text")
    from chat_app.chat.once import default_sampling, reply_once
    from chat_app.chat.studio import Studio

    settings = settings_with(
        model=model, max_tokens=max_tokens, temperature=temperature, hives=hives, vidb=vidb
    )
    studio = Studio(settings)
    begun = time.perf_counter()
    _ = studio.engine  # loads the model, so that the time for it is not the first token's
    load_s = time.perf_counter() - begun
    with progress() as studio.progress:
        studio.compose(wanted)  # for a new model the anchors are read here, which takes a while
    once = reply_once(
        studio,
        words,
        wanted,
        default_sampling(settings, seed=seed),
        extra=_imported(studio, pairs),
        on_text=None if as_json else lambda piece: print(piece, end="", flush=True),
    )
    if not as_json:
        print()
    for remark in once.composition.notes:
        note(remark)
    said = once.reply.said.reply
    scores = studio.evaluator.measure(said, list(wanted.targets)) if wanted.targets else {}
    measured = {v: {"target": wanted.targets[v], **numbers(s)} for v, s in scores.items()}
    if as_json:
        print_json(_summary(once, measured, studio, load_s))
    else:
        for value, score in measured.items():
            asked, got, error = score["target"], score["intensity"], score["stderr"]
            note(f"{value} asked {asked:+g}, measured {got:+.1f} ± {error:.1f}")


def _imported(studio: "Studio", pairs: list[tuple[str, float]]) -> "ControlVector | None":
    """The sum of imported vectors with their coefficients; None where there is none."""
    if not pairs:
        return None
    from chat_app.steering.imported import load_vector

    folder, info = studio.settings.vectors_dir, studio.model.info
    first, *others = (c * load_vector(name, folder, info) for name, c in pairs)
    return sum(others, start=first)


def _summary(
    once: "Once", scores: dict[str, dict[str, float]], studio: "Studio", load_s: float
) -> dict[str, Any]:
    vector, info, result = once.vector, studio.model.info, once.reply
    return {
        "reply": result.said.reply,
        **({"thought": result.said.thought} if result.said.thought else {}),
        "scores": scores,
        "system_prompt": once.composition.system_prompt,
        "vector": {
            "hash": vector.hash if vector else None,
            "norm": round(vector.norm, 4) if vector else 0.0,
            "layers": list(vector.layers) if vector else [],
        },
        "model": {"name": info.name, "sha256": info.sha256, "n_params": info.n_params},
        "seed": once.sampling.seed,
        "timings": {
            "load_s": round(load_s, 3),
            "ttft_s": round(result.ttft_s, 3),
            "prompt_tokens": result.prompt_tokens,
            "reply_tokens": result.reply_tokens,
            "tokens_per_s": round(result.tokens_per_s, 1),
        },
    }
