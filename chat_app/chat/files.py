"""Files that a person asked for, written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from chat_app.errors import ValueflowError


def write_atomically(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``path``; what stood there stays until the new text is complete.

    Raises ValueflowError where it cannot be written.
    """
    try:
        handle, fresh = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, _mode(path))
        os.replace(fresh, path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(fresh)


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced; else those that a new file would get."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _refused(path: Path, error: OSError) -> ValueflowError:
    return ValueflowError(f"{path} cannot be written: {error.strerror or error}.")
