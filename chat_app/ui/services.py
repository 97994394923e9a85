"""What all pages of one server share: the studio and what goes on behind them."""

from dataclasses import dataclass

from chat_app.chat.downloads import Downloads
from chat_app.chat.studio import Studio
from chat_app.ui.loading import Loading
from chat_app.ui.scorer import Scorer


@dataclass(frozen=True)
class Services:
    """One of each a process: the model is loaded once, a reply is measured once, and a download
    goes on whichever page is open."""

    studio: Studio
    loading: Loading
    scorer: Scorer
    downloads: Downloads


def services(studio: Studio) -> Services:
    """The services of ``studio``, whose progress is told to their ``loading`` from now on."""
    return Services(studio, Loading(studio), Scorer(studio), Downloads(studio))
