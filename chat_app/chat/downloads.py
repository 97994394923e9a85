"""The one download of a running program: begun on a page, followed on all of them, stopped."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from chat_app.chat.model_library import LibraryModel, pull
from chat_app.errors import ValueflowError
from chat_app.llm.download import StoppedError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

_log = logging.getLogger(__name__)
_RATE_OVER_S = 3.0  # a speed is the mean of so many seconds

State = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Download:
    """The latest download. ``done`` and ``total`` are bytes (0 while nobody knows); ``rate``: bytes
    a second; ``words``: why it stopped or failed; ``model``: what is there when it is done."""

    source: str
    state: State
    done: int = 0
    total: int = 0
    rate: float = 0.0
    words: str = ""
    model: LibraryModel | None = None


class Downloads:
    """Fetches models for a studio, one at a time; any thread may ask."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._now: Download | None = None
        self._seen: list[tuple[float, int]] = []  # (when, bytes done), for the speed

    @property
    def latest(self) -> Download | None:
        return self._now

    @property
    def running(self) -> bool:
        return self._now is not None and self._now.state == "running"

    def begin(self, source: str) -> None:
        """Fetch ``source``, or go on with it. Raises ValueflowError while another is fetched."""
        with self._lock:
            if self._now and self._now.state == "running":
                raise ValueflowError(
                    f"{self._now.source} is being fetched: wait until it is here, or stop it."
                )
            self._cancel, self._seen = threading.Event(), []
            self._now = Download(source, "running")
        threading.Thread(target=self._run, args=(self._now,), name="download", daemon=True).start()

    def stop(self) -> None:
        """Stop what is being fetched; what is there of it is kept."""
        self._cancel.set()

    def forget(self) -> None:
        """Say no more of a download that has ended."""
        with self._lock:
            if not self.running:
                self._now = None

    def _run(self, begun: Download) -> None:
        settings, cancel = self._studio.settings, self._cancel
        try:
            model = pull(settings, begun.source, progress=self._note, cancel=cancel)
            ended = replace(self._now or begun, state="done", model=model)
        except StoppedError as stopped:
            ended = replace(self._now or begun, state="stopped", words=str(stopped))
        except ValueflowError as error:
            ended = replace(self._now or begun, state="failed", words=str(error))
        except Exception:
            _log.exception("%s could not be fetched", begun.source)
            words = "Something unexpected went wrong; the terminal says what."
            ended = replace(self._now or begun, state="failed", words=words)
        self._now = ended

    def _note(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        self._seen = [*(s for s in self._seen if now - s[0] <= _RATE_OVER_S), (now, done)]
        since, had = self._seen[0]
        rate = (done - had) / (now - since) if now > since else 0.0
        if self._now:
            self._now = replace(self._now, done=done, total=total, rate=rate)
