"""Another chat model, now and at the next start."""

from typing import TYPE_CHECKING

from chat_app.chat.model_library import choose_model
from chat_app.chat.models import remember_model
from chat_app.settings import variable

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


def switch_model(studio: "Studio", source: str) -> str:
    """Chat with the model ``source`` from now on, also after the next start; what the person must
    know of that, "" for nothing.

    Raises ValueflowError, and changes nothing, where it cannot be loaded.
    """
    studio.use_model(source)
    if name := variable("model"):
        remember_model(studio.settings, source)
        return f"The next start goes by {name} again."
    choose_model(studio.settings, source)
    return ""
