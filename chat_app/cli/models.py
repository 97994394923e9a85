"""``valueflow models``: the models on this computer and on Hugging Face."""

from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import byte_progress, note, print_json, print_table, settings_with, stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chat_app.chat.model_library import ModelDetails

app = typer.Typer(
    help="Chat models: list, fetch from Hugging Face, look at, choose, remove.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON value.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help='"builtin", a .gguf file, org/repo:Q4_K_M or org/repo:file.gguf on Hugging Face, or '
        "a name that `valueflow models list` shows.",
    ),
]


@app.command("list")
def list_models(
    repo: Annotated[
        str | None,
        typer.Argument(
            metavar="[ORG/REPO]", help="Ask Hugging Face what this repository offers instead."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the models on this computer, and a short list of others to begin with."""
    if repo is not None:
        _list_offered(repo, as_json)
        return
    from dataclasses import asdict

    from chat_app.chat.model_library import library, offers
    from chat_app.llm.estimate import gigabytes

    settings = settings_with()
    here, others = library(settings), offers(settings)
    if as_json:
        rows = [{**asdict(each), "path": str(each.path)} for each in here]
        print_json({"here": rows, "offers": [asdict(each) for each in others]})
        return
    print_table(
        ("", "model", "where", "size", "name it as"),
        [("*" if m.in_use else "", m.name, m.place, gigabytes(m.size), m.source) for m in here],
        title="On this computer (* in use)",
        right=("size",),
    )
    if others:
        print_table(
            ("model", "to fetch", "memory", "licence", "what it is good for", "name it as"),
            [
                (m.name, gigabytes(m.size), gigabytes(m.memory), m.licence, m.says, m.source)
                for m in others
            ],
            title="To begin with, from Hugging Face (sizes and memory are about right)",
            right=("to fetch", "memory"),
        )
        stdout().print("Fetch one with `valueflow models pull NAME`.", markup=False)


def _list_offered(repo: str, as_json: bool) -> None:
    from chat_app.chat.offered import offered
    from chat_app.llm.estimate import gigabytes

    found = offered(repo)
    if as_json:
        print_json(
            [
                {
                    "source": f"{found.repo}:{each.name}",
                    "quantisation": each.quantisation,
                    "size": each.size,
                    "parts": len(each.files),
                }
                for each in found.models
            ]
        )
        return
    rows = [(f"{found.repo}:{e.name}", e.quantisation, gigabytes(e.size)) for e in found.models]
    title = f"{found.repo}, licence: {found.licence or 'not named, look at its page'}"
    print_table(("name it as", "kept as", "size"), rows, title=title, right=("size",))


@app.command()
def pull(source: Source, as_json: AsJson = False) -> None:
    """Fetch a model from Hugging Face. Run it again to go on where it was stopped.

    A repository alone means its Q4_K_M file, the usual one. The model comes to where
    huggingface_hub keeps its files, and other programs that use it find it there.
    """
    from dataclasses import asdict

    from chat_app.chat.model_library import pull as pull_model

    with byte_progress() as progress:
        try:
            model = pull_model(settings_with(), source, progress=progress)
        except KeyboardInterrupt:
            note(f"Stopped. Go on with: valueflow models pull {source}")
            raise typer.Exit(130) from None
    if as_json:
        print_json({**asdict(model), "path": str(model.path)})
    else:
        stdout().print(f"{model.path}", markup=False)
        note(f"Chat with it: valueflow models use {model.source}")


@app.command()
def info(
    source: Source,
    n_ctx: Annotated[
        int | None, typer.Option("--context", min=64, help="Tokens of context to reckon with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model on this computer is and what memory it needs, without loading it."""
    from dataclasses import asdict

    from chat_app.chat.model_library import details

    found = details(settings_with(), source, n_ctx=n_ctx)
    if as_json:
        plain = asdict(found)
        plain["facts"]["path"] = str(found.facts.path)
        plain["needs"]["total"] = found.needs.total
        print_json(plain)
        return
    for term, fact in _described(found):
        stdout().print(f"{term:<14} {fact}", markup=False)
    if found.warning:
        note(found.warning)


def _described(found: "ModelDetails") -> "Iterator[tuple[str, str]]":
    from chat_app.llm.estimate import gigabytes

    facts, needs = found.facts, found.needs
    yield "model", found.name + (f" ({facts.title})" if facts.title not in ("", found.name) else "")
    yield "file", str(facts.path) + (f" and {facts.parts - 1} more" if facts.parts > 1 else "")
    yield "size", gigabytes(facts.size)
    yield "architecture", f"{facts.architecture}, {facts.n_layer} layers"
    yield (
        "parameters",
        f"{facts.n_params / 1e9:.1f} billion"
        if facts.n_params >= 1e9
        else (f"{facts.n_params / 1e6:.1f} million"),
    )
    yield "kept as", facts.quantisation or "unknown"
    yield "context", f"{facts.n_ctx_train:,} tokens at most"
    yield "chat template", "its own" if facts.has_template else "none, so ChatML is used"
    yield "licence", facts.licence or "the file does not say"
    yield (
        "memory",
        f"about {gigabytes(needs.total)} at {found.n_ctx:,} tokens: weights "
        f"{gigabytes(needs.weights)}, cache {gigabytes(needs.cache)}, to compute in "
        f"{gigabytes(needs.workspace)}",
    )


@app.command()
def use(source: Source) -> None:
    """Chat with this model from the next start on. It must be on this computer."""
    from chat_app.chat.model_library import choose_model, details

    settings = choose_model(settings_with(), source)
    found = details(settings, settings.model)
    note(f"{found.name} is the model of {settings.home} from the next start on.")
    if found.warning:
        note(found.warning)


@app.command()
def remove(
    source: Source,
    force: Annotated[
        bool, typer.Option("--force", help="Also when it is the model in use.")
    ] = False,
) -> None:
    """Delete a model that `models pull` fetched; those of other programs are left alone."""
    from chat_app.chat.model_library import remove as remove_model
    from chat_app.llm.estimate import gigabytes

    freed = remove_model(settings_with(), source, force=force)
    note(f"Removed {source}: {gigabytes(freed)} are free again.")
