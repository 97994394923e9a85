"""How long the built-in model's first steered reply takes: ``python -m tests.bench.first_reply``.

Seconds from the start of Python to the first word, each time in a process of its own: in an empty
data folder, there once more, and in an empty one without what comes with the program
(``models/kept``), as another model has it.
"""

import os
import subprocess
import sys
import tempfile
import time

_TALK = """
import sys
import chat_app.chat.studio as studio
from chat_app import Session
if sys.argv[1] == "alone":
    studio.SHIPPED = None
with Session(profile={"benevolence": 8}, seed=1) as chat:
    next(chat.stream("Should I lend my brother money?"))
    print("said", flush=True)
"""


def wait(home: str, how: str) -> float:
    """Seconds until a fresh process has said the first word."""
    started = time.monotonic()
    talk = subprocess.Popen(
        [sys.executable, "-c", _TALK, how],
        env={**os.environ, "VALUEFLOW_HOME": home},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert talk.stdout is not None
    assert talk.stdout.readline() == "said\n"
    found = time.monotonic() - started
    talk.communicate()
    return found


def told(where: str, seconds: float) -> None:
    print(f"{where:<40} {seconds:5.1f} s", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        told("in an empty data folder", wait(home, "shipped"))
        told("once more", wait(home, "shipped"))
    with tempfile.TemporaryDirectory() as home:
        told("in an empty one, without models/kept", wait(home, "alone"))


if __name__ == "__main__":
    main()
