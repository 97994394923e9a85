"""``valueflow bench``: how fast a model is on this computer."""

from typing import TYPE_CHECKING, Annotated

import typer

from chat_app.cli.console import note, print_json, print_table, progress, settings_with

if TYPE_CHECKING:
    from chat_app.chat.bench import Speeds


def bench(
    model: Annotated[
        str | None, typer.Option(help='"builtin", a GGUF file, or "org/repo:Q4_K_M".')
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="[as many as the chat takes]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how fast a model reads, writes and is steered here."""
    from dataclasses import asdict

    from chat_app.chat.bench import CONVERSATION, Bench
    from chat_app.llm.model import ChatModel
    from chat_app.llm.sources import resolve_model
    from chat_app.vidb.loading import load_vidb

    settings = settings_with(model=model, n_threads=threads)
    chat_model = ChatModel.load(
        resolve_model(settings.model),
        n_gpu_layers=settings.n_gpu_layers,
        cache_dir=settings.cache_dir,
    )
    measured = Bench(chat_model, load_vidb(), n_threads=settings.n_threads)
    if (length := measured.lengths.conversation) < CONVERSATION:
        note(
            f"{chat_model.info.name} has a context of {chat_model.n_ctx_train:,} tokens, so the "
            f"conversation of ten turns is {length:,} tokens long instead of {CONVERSATION:,}."
        )
    with progress() as report:
        speeds = measured.run(report)
    if as_json:
        print_json(asdict(speeds))
    else:
        print_table(
            ("what", "measured", "unit"), _rows(speeds), title=chat_model.info.name,
            right=("measured",),
        )  # fmt: skip


def _rows(speeds: "Speeds") -> list[tuple[str, str, str]]:
    rows = [
        ("reading a prompt", f"{speeds.prompt_tokens_per_s:.0f}", "tokens/s"),
        ("writing a reply", f"{speeds.reply_tokens_per_s:.1f}", "tokens/s"),
        ("writing a reply under a vector", f"{speeds.reply_tokens_per_s_vector:.1f}", "tokens/s"),
        ("first token on turn 10, profile changed", f"{speeds.turn10_ttft_s:.3f}", "s"),
        ("  that turn's new tokens alone", f"{speeds.turn10_new_tokens_s:.3f}", "s"),
    ]
    for n, rate in speeds.conversations.items():
        rows.append((f"writing in {n} conversation{'s' * (n > 1)}", f"{rate:.1f}", "tokens/s"))
    return [
        *rows,
        ("16 replies of one prompt", f"{speeds.replies_per_s:.2f}", "replies/s"),
        ("activation bank", f"{speeds.bank_texts_per_s:.1f}", "texts/s"),
        ("  its texts and prompts", f"{speeds.bank_tokens_per_s:.0f}", "tokens/s"),
        ("changing the vector", f"{speeds.set_vector_us:.0f}", "µs"),
    ]
