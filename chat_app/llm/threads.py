"""A thread of its own for each piece of llama.cpp's work.

llama.cpp computes with OpenMP threads, which a thread that has once computed keeps until it ends.
Where more are kept than there are processors, GNU's OpenMP no longer lets them wait spinning but
sends them to sleep at each of the several barriers a layer has: a model whose file was tried out
by the main thread wrote a tenth to a quarter slower ever after (docs/performance.md).
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

Stopped = Callable[[], bool]


def in_own_thread(work: Callable[[Stopped], T]) -> T:
    """What ``work`` returns or raises, done in a thread that ends with it.

    ``work`` is given a function that says whether nobody waits for it any more (Ctrl+C): it may
    then end with whatever it likes.
    """
    left = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="llama.cpp") as pool:
        try:
            return pool.submit(work, left.is_set).result()
        finally:
            left.set()
