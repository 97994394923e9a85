"""Who may ask: holders of a key, or, where there are none, programs of this computer alone.

A web page that is open in this computer's browser is no such program. It cannot send JSON to
another origin without leave, which nothing here gives; one that has its own name point at this
computer (DNS rebinding) is told by the Host header, and one of another port by its Origin.
"""

import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chat_app.api.errors import ApiError
from chat_app.ports import is_loopback, names_loopback

OPEN = "/health"  # says nothing that is private, and is asked by what watches a server


def keys_of(given: SecretStr | None) -> tuple[str, ...]:
    """The keys in a comma-separated list."""
    words = given.get_secret_value().split(",") if given else ()
    return tuple(word.strip() for word in words if word.strip())


class Guard:
    """ASGI middleware: refuses what is not allowed. ``host``: where the server listens."""

    def __init__(self, app: ASGIApp, host: str, keys: tuple[str, ...]) -> None:
        self.app = app
        self._local = is_loopback(host)
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope["path"], Headers(scope=scope))
        app = refusal.response() if refusal else self.app
        await app(scope, receive, send)

    def _refusal(self, path: str, headers: Headers) -> ApiError | None:
        if self._keys:
            return None if path == OPEN else self._without_key(headers)
        if not self._local:
            return None if path == OPEN else ApiError(
                403, "The API of a server that other computers can reach needs keys: set "
                "VALUEFLOW_API_KEYS.", "api_keys_needed",
            )  # fmt: skip
        host, origin = headers.get("host", ""), headers.get("origin")
        if not names_loopback(host):
            return ApiError(403, "This server answers at this computer's own address only, such "
                            "as http://127.0.0.1.", "wrong_host")  # fmt: skip
        if origin is not None and origin.partition("//")[2] != host:
            return ApiError(403, "This server does not answer web pages of another address.",
                            "wrong_origin")  # fmt: skip
        return None

    def _without_key(self, headers: Headers) -> ApiError | None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        said = given.strip().encode() if kind.lower() == "bearer" else b""
        # Each is compared, in the same time whatever is right of it.
        right = [hmac.compare_digest(said, key) for key in self._keys]
        if any(right):
            return None
        what = "is not one of its keys" if said else "is missing"
        return ApiError(
            401, f"This server needs an API key (Authorization: Bearer ...), and yours {what}.",
            "invalid_api_key", headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
