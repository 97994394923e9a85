"""The encoder (HIVES) and the anchors (VIDB) that are measured and steered with: choosing others.

Scores that are stored keep the versions of what measured them; a reply is measured again by the
new ones when its scores are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.errors import ValueflowError
from chat_app.settings import Settings, save_settings, saved_settings, variable

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

PAPER_HIVES, PAPER_VIDB = "snu-aidas/HiVES-2", "snu-aidas/vidb-filtered"


@dataclass(frozen=True)
class ToFetch:
    """``id`` on Hugging Face that is not on this computer yet, and what to tell a person of its
    licence before it is fetched."""

    id: str
    licence: str


def to_fetch(settings: Settings) -> list[ToFetch]:
    """What of the chosen encoder and anchors must be fetched first. Asks nobody."""
    return list(_missing(settings))


def _missing(settings: Settings) -> Iterator[ToFetch]:
    if "/" in settings.hives:
        from chat_app.hives import encoder_files
        from chat_app.llm.snapshot import licence_words

        if encoder_files.is_hub_id(settings.hives) and not encoder_files.local_encoder(
            settings.hives
        ):
            yield ToFetch(settings.hives, licence_words(settings.hives, "model"))
    if "/" in settings.vidb:
        from chat_app.llm.snapshot import licence_words
        from chat_app.vidb import sources

        if sources.is_hub_id(settings.vidb) and not sources.local_tables(settings.vidb):
            yield ToFetch(settings.vidb, licence_words(settings.vidb, "dataset"))


def use_artefacts(studio: "Studio", *, hives: str, vidb: str) -> None:
    """Measure and steer with the encoder ``hives`` and the anchors ``vidb`` from now on, and at
    the next start; each a name as the settings take it ("auto", "builtin", a path, an id).

    What is not here is fetched, ``studio.progress`` is told. Raises ValueflowError, and changes
    nothing, where one cannot be had or loaded, or an environment variable rules over the choice.
    """
    given = {"hives": hives, "vidb": vidb}
    for name, value in given.items():
        ruling = variable(name)
        if ruling and value != getattr(studio.settings, name):
            raise ValueflowError(f"{ruling} chooses here: unset it, or set it to {value}.")
    studio.use_artefacts(**given)
    kept = saved_settings(studio.settings.home)
    new = {name: value for name, value in given.items() if not variable(name)}
    save_settings(studio.settings.home, kept | new)
