"""``valueflow score --transcript FILE``: scores of every reply in a file of conversations."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_app.cli.console import (
    note,
    print_json,
    print_table,
    progress,
    read_bytes,
    settings_for_texts,
    settings_with,
)
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.replies import FoundReply
    from chat_app.evaluation.evaluator import Evaluator, Score

_COLUMNS = ("conversation", "title", "message", "created", "program", "model", "text")
_WORDS = 40  # characters of a reply that the table shows
_FEW = 4  # values that have a column each; of more, only the strongest are shown


def score_transcript(
    file: Path,
    out: Path | None,
    values: list[str],
    who: dict[str, Any],
    how: dict[str, Any],
    prefix: str,
    as_json: bool,
) -> None:
    """Score every reply for ``values`` (default: all 32), into a table ``out`` or onto the screen.

    A run into ``out`` that was interrupted goes on when it is started again.
    """
    from chat_app.chat.replies import replies_in
    from chat_app.values.taxonomy import STEERED

    try:
        replies = replies_in(read_bytes(file, "transcript"))
    except ValueflowError as error:
        raise ValueflowError(f"{file}: {error}") from None
    if not replies:
        raise ValueflowError(f"{file}: it holds no reply, so there is nothing to score.")
    evaluator = _evaluator(replies, who, how)
    values = values or [value for value in STEERED if value in evaluator.vidb.values]
    if out is not None:
        _write(file, out, replies, values, evaluator, prefix, as_json)
        return
    with progress() as report:
        scores = _measured(replies, values, evaluator, report)
    if as_json:
        by = {"ranker": evaluator.ranker.name, "vidb": evaluator.vidb.version}
        print_json({"file": str(file), **by, "replies": _listed(replies, scores)})
    else:
        _print(replies, values, scores)


def _evaluator(
    replies: "Sequence[FoundReply]", who: dict[str, Any], how: dict[str, Any]
) -> "Evaluator":
    """By the encoder for any text, but for replies that are all the built-in model's own."""
    from chat_app.chat.studio import Studio
    from chat_app.llm.checksums import file_sha256
    from chat_app.settings import data_path

    builtin = file_sha256(data_path("models", "builtin-chat.gguf"), None)
    if who["hives"] is None and all(reply.model_sha256 == builtin for reply in replies):
        settings = settings_with(vidb=who["vidb"], model="builtin")
        how = {"held_out": 0.0, **how} if settings.encoder() == "builtin" else how
    else:
        settings = settings_for_texts(who["hives"], who["vidb"])
    return Studio(settings).evaluator_by(who["ranker"], **how)


def _measured(
    replies: "Sequence[FoundReply]", values: list[str], evaluator: "Evaluator", report: Any
) -> "list[dict[str, Score]]":
    found = []
    for done, reply in enumerate(replies):
        if report:
            report("Scoring", done, len(replies))
        found.append(evaluator.measure(reply.text, values))
    return found


def _write(
    file: Path,
    out: Path,
    replies: "Sequence[FoundReply]",
    values: list[str],
    evaluator: "Evaluator",
    prefix: str,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from chat_app.evaluation.bulk import score_rows
    from chat_app.evaluation.tables import Table

    rows = [
        {
            **{name: getattr(reply, name) for name in _COLUMNS},
            "value": value,
            "target": reply.targets.get(value),
        }
        for reply in replies
        for value in values
    ]
    begun = time.perf_counter()
    table = Table((*_COLUMNS, "value", "target"), tuple(rows))
    with progress() as report:
        done = score_rows(
            table, file, out, evaluator, values, column="text", prefix=prefix, progress=report
        )
    if done.resumed:
        note(f"Went on after {done.resumed} scores of an earlier run.")
    seconds = time.perf_counter() - begun
    if as_json:
        by = {"ranker": evaluator.ranker.name, "vidb": evaluator.vidb.version}
        counts = {"replies": len(replies), **asdict(done), **by, "seconds": round(seconds, 1)}
        print_json({"out": str(out), **counts})
    else:
        note(f"Wrote {out}: {done.scores} scores of {len(replies)} replies in {seconds:.0f} s.")


def _listed(
    replies: "Sequence[FoundReply]", scores: "Sequence[dict[str, Score]]"
) -> list[dict[str, Any]]:
    from chat_app.cli.score import numbers

    return [
        {
            **{name: getattr(reply, name) for name in _COLUMNS},
            "scores": {
                value: {"target": reply.targets.get(value), **numbers(score)}
                for value, score in found.items()
            },
        }
        for reply, found in zip(replies, scores, strict=True)
    ]


def _print(
    replies: "Sequence[FoundReply]", values: list[str], scores: "Sequence[dict[str, Score]]"
) -> None:
    few = len(values) <= _FEW
    heads = ("conversation", "message", "reply", *(values if few else ["strongest"]))
    rows = []
    for reply, found in zip(replies, scores, strict=True):
        words = " ".join(reply.text.split())
        words = words if len(words) <= _WORDS else words[: _WORDS - 1] + "…"
        shown = [f"{found[v].intensity:+.1f} ± {found[v].stderr:.1f}" for v in values]
        name = reply.title or reply.conversation
        rows.append((name, str(reply.message), words, *(shown if few else [_strongest(found)])))
    print_table(heads, rows, right=("message", *values))


def _strongest(scores: "dict[str, Score]") -> str:
    largest = sorted(scores.values(), key=lambda score: -abs(score.intensity))[:3]
    return ", ".join(f"{score.value} {score.intensity:+.1f}" for score in largest)
