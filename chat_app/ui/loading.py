"""What the page says while the first reply waits for the model, and the waiting itself."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from chat_app.chat.studio import Studio

T = TypeVar("T")


class Loading:
    """The latest news of what a studio is loading; one a process, as the model is."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._news: tuple[str, int, int] | None = None
        studio.progress = self._note

    def _note(self, what: str, done: int, total: int) -> None:
        self._news = (what, done, total) if done < total else None

    def news(self) -> str:
        """What is being loaded and how far it is, "" where nothing tells of itself."""
        if not self._news:
            return ""
        what, done, total = self._news
        return f"{what}: {100 * done // max(total, 1)}%"

    def words(self) -> str:
        """One line for the person who waits."""
        return self.news() or (
            "Thinking"
            if self._studio.ready
            else "Loading the model; this first time it takes longer"
        )


def iter_of(work: Callable[[], T]) -> Iterator[T]:
    """What ``work`` returns, as the only item of an iterator that does it when asked."""
    yield work()


def ticking(source: Iterator[T], every_s: float) -> Iterator[T | None]:
    """The items of ``source`` as they come, and None whenever none has come for ``every_s``.

    ``source`` runs in a thread of its own, to its end even where nobody takes its items; what it
    raises is raised here.
    """
    items: queue.SimpleQueue[tuple[bool, T | BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            for item in source:
                items.put((True, item))
            items.put((False, None))
        except BaseException as error:
            items.put((False, error))

    threading.Thread(target=run, name="turn", daemon=True).start()
    while True:
        try:
            more, item = items.get(timeout=every_s)
        except queue.Empty:
            yield None
            continue
        if isinstance(item, BaseException):
            raise item
        if not more:
            return
        yield item
