"""Scores that come after the replies: measured in the background, whichever tab looks on."""

import logging
import threading

from chat_app.chat.scoring import pending_scores, score_message
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError

_log = logging.getLogger(__name__)


class Scorer:
    """Measures what a conversation has unmeasured, in one thread a conversation.

    A reply that could not be measured is not tried again before the next start.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._given_up: set[str] = set()
        self._errors: dict[str, ValueflowError] = {}

    def ensure(self, conversation_id: str, studio: Studio | None = None) -> bool:
        """Begin to measure what is unmeasured; whether anything is being measured. ``studio``:
        whose conversation it is, where that is another database's.

        Raises, once, the error that ended an earlier attempt.
        """
        with self._lock:
            if conversation_id in self._errors:
                raise self._errors.pop(conversation_id)
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

    def _pending(self, studio: Studio, conversation_id: str) -> list[str]:
        if not self._studio.settings.scoring:
            return []
        waiting = pending_scores(studio, conversation_id)
        return [message_id for message_id in waiting if message_id not in self._given_up]

    def _run(self, studio: Studio, conversation_id: str, waiting: list[str]) -> None:
        try:
            for message_id in waiting:
                self._given_up.add(message_id)
                score_message(studio, message_id)
                self._given_up.discard(message_id)
        except ValueflowError as error:
            self._errors[conversation_id] = error
        except Exception:
            _log.exception("The replies of %s could not be measured", conversation_id)
        finally:
            with self._lock:
                self._busy.discard(conversation_id)
