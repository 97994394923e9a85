"""What all pages of one server share: the studio, the news of what it loads, its scorer."""

from dataclasses import dataclass

from chat_app.chat.studio import Studio
from chat_app.ui.loading import Loading
from chat_app.ui.scorer import Scorer


@dataclass(frozen=True)
class Services:
    """One of each a process: the model is loaded once, and a reply is measured once."""

    studio: Studio
    loading: Loading
    scorer: Scorer


def services(studio: Studio) -> Services:
    """The services of ``studio``, whose progress is told to their ``loading`` from now on."""
    return Services(studio, Loading(studio), Scorer(studio))
