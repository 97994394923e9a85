"""A calibration in the background of a server: one at a time, whoever looks on.

What is measured is stored dose by dose (``chat.calibrate``), so that a run that is stopped, or a
server that is, goes on later where it was.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from chat_app.chat.calibrate import calibrate, grid_of
from chat_app.chat.calibrated import Kept, list_calibrations, seconds_a_reply
from chat_app.chat.trials import Course, answers, surprise
from chat_app.errors import ValueflowError

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

logger = logging.getLogger(__name__)

State = Literal["running", "stopping", "finished", "stopped", "failed"]

_PROBED = 16  # replies that a speed is taken from: as many as are written at once
_SURPRISE = "Something unexpected went wrong; the terminal that runs Valueflow Chat says what."


class _Stopped(Exception):
    """Raised out of the progress of a run that is to end."""


@dataclass(frozen=True)
class Running:
    """The run under way, or the last one. ``done`` of ``of`` replies; ``of`` is 0 while parts are
    being loaded. ``seconds_left`` is None while that cannot be told."""

    method: str
    values: tuple[str, ...]
    course: Course
    state: State
    done: int = 0
    of: int = 0
    seconds_left: float | None = None
    error: str = ""

    @property
    def active(self) -> bool:
        """Whether it is still at it."""
        return self.state in ("running", "stopping")


class Calibrating:
    """The one place where a server calibrates; its threads may all ask."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._now: Running | None = None
        self._begun = 0.0
        self._speeds: dict[tuple[str, str], float] = {}

    @property
    def now(self) -> Running | None:
        """The run under way or the last one; None where there was none since the start."""
        return self._now

    def start(self, method: str, values: Sequence[str], course: Course) -> None:
        """Begin to measure, or to measure what is missing. Raises ValueflowError where a run is
        under way, or nothing is chosen."""
        grid_of(method)
        if not values:
            raise ValueflowError("No value is chosen: tick those that you want to measure.")
        with self._lock:
            if self._now and self._now.active:
                raise ValueflowError(
                    "A calibration is running already: wait for it, or stop it first."
                )
            self._now = Running(method, tuple(values), course, "running")
        threading.Thread(
            target=self._run, args=(method, tuple(values), course), name="calibration", daemon=True
        ).start()

    def resume(self, kept: Kept) -> None:
        """Go on with a calibration where it stopped. Raises ValueflowError where that cannot be."""
        loaded = self._studio.model.info
        if kept.course is None:
            raise ValueflowError("What this calibration asked was not noted: start it anew.")
        if loaded.sha256 != kept.model_sha256:
            raise ValueflowError(
                f"This calibration is of {kept.model}, and {loaded.name} is loaded: load the other "
                "one on the Chat page first."
            )
        self.start(kept.method, kept.wanted, kept.course)

    def kept(self) -> Kept | None:
        """What is stored of the run under way, or of the last one; None before its first dose."""
        now = self._now
        for kept in list_calibrations(self._studio.database) if now else []:
            if now and (kept.method, kept.course) == (now.method, now.course):
                return kept
        return None

    def stop(self) -> None:
        """Ask the run to end with the reply that it is at; what was measured is kept."""
        with self._lock:
            if self._now and self._now.state == "running":
                self._now = replace(self._now, state="stopping")

    def seconds(self, method: str, replies: int) -> float | None:
        """How long ``replies`` will take with the loaded model; None where its speed is unknown."""
        info = self._studio.loaded_model
        if info is None:
            return None
        speed = self._speeds.get((info.sha256, method))
        if speed is None:
            speed = seconds_a_reply(self._studio.database, info.sha256, method)
        return None if speed is None else speed * replies

    def try_speed(self, method: str, value: str, course: Course) -> None:
        """Measure how long a reply takes, with a few of them under the first dose of ``value``.

        The parts that have to be loaded first are loaded, and do not count.
        """
        studio = self._studio
        how = studio.at_doses(method, {value: grid_of(method)[-1]})
        few = replace(course, prompts=course.prompts[:_PROBED], replies=1)
        with studio.measuring:
            studio.evaluator.measure_many(["."], [value])
        begun = time.monotonic()
        replies = answers(studio, few, how)
        texts = [reply.said.reply.strip() or "." for reply in replies]
        with studio.measuring:
            studio.evaluator.measure_many(texts, [value])
        surprise(studio, few, replies)
        spent = time.monotonic() - begun
        self._speeds[studio.model.info.sha256, method] = spent / few.n

    def _run(self, method: str, values: tuple[str, ...], course: Course) -> None:
        try:
            calibrate(self._studio, method, values, course, self._told)
            self._end("finished")
        except _Stopped:
            self._end("stopped")
        except ValueflowError as error:
            self._end("failed", str(error))
        except Exception:
            logger.exception("The calibration failed")
            self._end("failed", _SURPRISE)

    def _end(self, state: State, error: str = "") -> None:
        with self._lock:
            assert self._now
            self._now = replace(self._now, state=state, seconds_left=None, error=error)

    def _told(self, what: str, done: int, of: int) -> None:
        """A reply more; the first of a run begins the clock."""
        with self._lock:
            assert self._now
            if self._now.state == "stopping":
                raise _Stopped
            if done <= 1:
                self._begun = time.monotonic()
            spent = time.monotonic() - self._begun
            # The first dose also waits for what is loaded, and says little of the others.
            left = spent / (done - 1) * (of - done) if done > 20 else None
            self._now = replace(self._now, done=done, of=of, seconds_left=left)
