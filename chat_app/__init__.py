"""Valueflow Chat: a private chat steered by value and by intensity, with the result measured."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chat_app.session import Session

__version__ = "0.1.0"
__all__ = ["Session", "__version__"]


def __getattr__(name: str) -> Any:
    """``Session``, imported when it is first asked for: the package itself stays light."""
    if name == "Session":
        from chat_app.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
