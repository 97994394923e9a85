"""``valueflow`` as a person runs it: a process, its output, its exit code."""

import os
import subprocess
import sys
from pathlib import Path

VALUEFLOW = str(Path(sys.executable).with_name("valueflow"))


def run(
    *args: str, code: int = 0, typed: str | None = None, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``valueflow`` to its end, which must come with the exit code ``code``.

    ``typed`` is its standard input, ``home`` another data folder than the test's own.
    """
    # Many small processes on a busy computer: threads of numpy and torch would wait for each other.
    env = {**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "1"}
    if home:
        env["VALUEFLOW_HOME"] = str(home)
    done = subprocess.run(
        [VALUEFLOW, *args], env=env, input=typed or "", capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command says: one line on stderr, nothing on stdout."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()
