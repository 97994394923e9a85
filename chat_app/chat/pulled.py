"""A note of the models that this data folder fetched, so that only they are ever removed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from chat_app.errors import ValueflowError
from chat_app.files import written_whole
from chat_app.settings import Settings

_FILE = "pulled-models.json"


@dataclass(frozen=True)
class Pulled:
    """A model that was fetched: its ``files`` in ``repo`` at ``commit``, the first one first."""

    repo: str
    commit: str
    files: tuple[str, ...]

    @property
    def source(self) -> str:
        return f"{self.repo}:{self.files[0]}"


def pulled_models(settings: Settings) -> list[Pulled]:
    """As noted, the latest last; a note that cannot be read is none."""
    try:
        noted = json.loads(_path(settings).read_text(encoding="utf-8"))
        return [
            Pulled(str(each["repo"]), str(each["commit"]), tuple(map(str, each["files"])))
            for each in noted
            if each["files"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def note_pulled(settings: Settings, model: Pulled) -> None:
    """Add ``model`` to the note. Raises ValueflowError where it cannot be written."""
    _write(settings, [*(each for each in pulled_models(settings) if each != model), model])


def forget_pulled(settings: Settings, model: Pulled) -> None:
    """Take ``model`` off the note. Raises ValueflowError where it cannot be written."""
    _write(settings, [each for each in pulled_models(settings) if each != model])


def _write(settings: Settings, models: list[Pulled]) -> None:
    try:
        with written_whole(_path(settings)) as fresh:
            fresh.write_text(json.dumps([asdict(each) for each in models], indent=1))
    except OSError as error:
        raise ValueflowError(
            f"{_path(settings)} cannot be written: {error.strerror or error}."
        ) from error


def _path(settings: Settings) -> Path:
    return settings.home / _FILE
