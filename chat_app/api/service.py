"""What all routes of one server share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from chat_app.api.metrics import Metrics
from chat_app.api.models import Models

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """The studio behind a server, its metrics, and the threads in which it is asked: a reply
    whose profile takes a minute to prepare holds nobody else up."""

    def __init__(self, studio: "Studio", *, switch: bool) -> None:
        self.studio = studio
        self.models = Models(studio, switch=switch)
        self.metrics = Metrics(studio)
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="api")
        self._scorer = ThreadPoolExecutor(1, thread_name_prefix="api scores")

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns or raises, done in another thread."""
        return await _in(self._threads, work, *args, **kwargs)

    async def scored(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, one after another: a score leaves the processor to the others' replies."""
        return await _in(self._scorer, work, *args, **kwargs)


async def _in(
    pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    return await asyncio.wrap_future(pool.submit(work, *args, **kwargs))
