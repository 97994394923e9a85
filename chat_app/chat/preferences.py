"""The settings that a person may change while the program runs, and when a change holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chat_app.settings import (
    EDITABLE,
    Settings,
    save_settings,
    saved_settings,
    settings,
    variable,
)

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

# What a model is loaded with; everything else is looked up for each reply.
AT_LOADING = frozenset({"n_ctx", "n_threads", "n_gpu_layers"})


@dataclass(frozen=True)
class Preference:
    """A setting as it is now; ``locked`` names the environment variable that rules over it."""

    name: str
    value: Any
    default: Any
    locked: str | None


@dataclass(frozen=True)
class Saved:
    """What a change came to: the names that changed, and those that hold only when the model is
    loaded next because it is loaded already."""

    changed: tuple[str, ...]
    waiting: tuple[str, ...]


def preferences(studio: "Studio") -> dict[str, Preference]:
    """{name: the setting} of all that can be changed."""
    fields = Settings.model_fields
    return {
        name: Preference(name, getattr(studio.settings, name), fields[name].default, variable(name))
        for name in EDITABLE
    }


def save_preferences(studio: "Studio", wanted: Mapping[str, Any]) -> Saved:
    """Go by ``wanted`` {name: value} from now on, and keep it for the next start.

    What an environment variable rules over is left alone. Raises ValueflowError, and changes
    nothing, where a value is out of its range or the file cannot be written.
    """
    known = preferences(studio)
    new = {name: value for name, value in wanted.items() if not known[name].locked}
    checked = settings(home=studio.settings.home, **new)
    new = {name: getattr(checked, name) for name in new}
    save_settings(studio.settings.home, saved_settings(studio.settings.home) | new)
    changed = tuple(name for name, value in new.items() if value != known[name].value)
    studio.use_settings(studio.settings.model_copy(update=new))
    waiting = [name for name in changed if name in AT_LOADING]
    return Saved(changed, tuple(waiting) if studio.loaded_model else ())
