"""Scores that come after the replies: measured in the background, whichever tab looks on."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from chat_app.chat.scoring import pending_scores, score_message
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError


@dataclass(frozen=True)
class Unmeasured:
    """``words``: why a reply is not measured; ``tell``: also to who does not ask."""

    words: str
    tell: bool = False


WhyNot = Callable[[str], Unmeasured | None]  # of a reply's id
_OFF = Unmeasured(
    "Replies are not measured by themselves (see Settings): “all values” measures this one."
)
_log = logging.getLogger(__name__)


class Scorer:
    """Measures what a conversation has unmeasured, in one thread a conversation.

    A reply that could not be measured is not tried again before the next start; ``why_not`` says
    what was in the way.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._problems: dict[str, str] = {}

    def ensure(self, conversation_id: str, studio: Studio | None = None) -> bool:
        """Begin to measure what is unmeasured; whether anything is being measured. ``studio``:
        whose conversation it is, where that is another database's.
        """
        with self._lock:
            if conversation_id in self._busy:
                return True
            studio = studio or self._studio
            waiting = self._pending(studio, conversation_id)
            if not waiting:
                return False
            self._busy.add(conversation_id)
        work = threading.Thread(
            target=self._run, args=(studio, conversation_id, waiting), daemon=True
        )
        work.start()
        return True

    def why_not(self, message_id: str) -> Unmeasured | None:
        """Why a reply without a score gets none by itself; None where it is under way."""
        if problem := self._problems.get(message_id):
            return Unmeasured(problem, tell=True)
        return None if self._studio.settings.scoring else _OFF

    def _pending(self, studio: Studio, conversation_id: str) -> list[str]:
        if not self._studio.settings.scoring:
            return []
        waiting = pending_scores(studio, conversation_id)
        return [message_id for message_id in waiting if message_id not in self._problems]

    def _run(self, studio: Studio, conversation_id: str, waiting: list[str]) -> None:
        try:
            for message_id in waiting:
                self._score(studio, message_id)
        finally:
            with self._lock:
                self._busy.discard(conversation_id)

    def _score(self, studio: Studio, message_id: str) -> None:
        try:
            score_message(studio, message_id)
        except ValueflowError as error:
            self._problems[message_id] = str(error)
        except Exception:
            _log.exception("The reply %s could not be measured", message_id)
            self._problems[message_id] = "Something unexpected went wrong; the terminal says what."
