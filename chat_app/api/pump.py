"""Replies that threads read from the engine, as an async iterator for the server's loop.

Each stream has a thread, which takes its pieces as fast as they are written: a client that reads
slowly keeps its text waiting here, at most a context's length of it, and no slot of the engine.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Sequence

from chat_app.llm.engine import Piece, Reply

Event = tuple[int, Piece | Reply]


async def told(
    streams: Sequence[Generator[Piece, None, Reply]], cancel: threading.Event
) -> AsyncGenerator[list[Event], None]:
    """(index of the stream, Piece, or the Reply at its end) of all ``streams``, as many at a time
    as have come. What a stream raises is raised here; then, and when the iterator is closed,
    ``cancel`` is set, which ends the others."""
    loop = asyncio.get_running_loop()
    come: asyncio.Queue[Event | Exception] = asyncio.Queue()

    def tell(item: Event | Exception) -> None:
        try:
            loop.call_soon_threadsafe(come.put_nowait, item)
        except RuntimeError:  # the server's loop has ended
            cancel.set()

    def read(index: int) -> None:
        pieces = streams[index]
        try:
            while True:
                tell((index, next(pieces)))
        except StopIteration as end:
            tell((index, end.value))
        except Exception as error:
            tell(error)

    for index in range(len(streams)):
        threading.Thread(target=read, args=(index,), name="api reply", daemon=True).start()
    left = len(streams)
    try:
        while left:
            some = [await come.get()]
            while not come.empty():
                some.append(come.get_nowait())
            events: list[Event] = []
            for item in some:
                if isinstance(item, Exception):
                    raise item
                left -= isinstance(item[1], Reply)
                events.append(item)
            yield events
    finally:
        cancel.set()
