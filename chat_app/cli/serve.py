"""``valueflow serve``: the OpenAI-compatible API without the page."""

from typing import Annotated

import typer

from chat_app.cli.console import HivesOption, VidbOption, settings_with


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [127.0.0.1: this computer only]")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port. [7860]")] = None,
    model: Annotated[
        str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:file.gguf".')
    ] = None,
    hives: HivesOption = None,
    vidb: VidbOption = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            help="A key that clients must send; repeat for more. Better in VALUEFLOW_API_KEYS, "
            "which no other user of the computer can see."
        ),
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch", help="Load the model that a request names.")
    ] = False,
) -> None:
    """Serve the OpenAI-compatible API: steered, scored replies for other programs."""
    from chat_app.api.server import serve

    keys = ",".join(api_key) if api_key else None
    serve(
        settings_with(host=host, port=port, model=model, hives=hives, vidb=vidb, api_keys=keys),
        switch=switch,
    )
