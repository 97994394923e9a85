"""The rankers by name, for every door that lets a person choose one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chat_app.evaluation.ranking import RANKERS, Lineup, Ranker, RankerError, RankerName

if TYPE_CHECKING:
    from chat_app.hives.space import Space
    from chat_app.llm.model import ChatModel
    from chat_app.settings import Settings

__all__ = ["RANKERS", "Lineup", "Ranker", "RankerError", "RankerName", "make_ranker"]


def make_ranker(
    name: str,
    *,
    settings: "Settings",
    space: "Callable[[], Space]",
    judge: "Callable[[], ChatModel]",
) -> Ranker:
    """The ranker called ``name``, one of ``RANKERS``; only what it needs is loaded.

    "hives" calls ``space``, "llm" calls ``judge``, "remote" reads ``settings`` and the key in the
    environment. Raises RankerError for another name or missing settings, and what ``space`` and
    ``judge`` raise.
    """
    if name == "hives":
        from chat_app.evaluation.ranker_hives import HivesRanker

        return HivesRanker(space())
    if name == "llm":
        from chat_app.evaluation.ranker_llm import LlmRanker

        return LlmRanker(
            judge(),
            rotations=settings.judge_rotations,
            n_threads=settings.n_threads,
        )
    if name == "remote":
        from chat_app.evaluation.ranker_remote import remote_ranker

        return remote_ranker(settings)
    raise RankerError(f"There is no ranker {name!r}: the rankers are {', '.join(RANKERS)}.")
