"""Serving the page: the port, the security policy, and nothing from anywhere else."""

import gc
import logging
import re
import threading
import webbrowser

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_app.api.app import Before, create_app
from chat_app.chat.studio import Studio
from chat_app.ports import check_port, is_loopback, names_loopback
from chat_app.settings import Settings, data_path
from chat_app.ui.page import build_page
from chat_app.ui.theme import head, theme

_log = logging.getLogger(__name__)

# Gradio's own scripts stand inline and compile templates, hence the two unsafe-* words; what
# matters is that no source but this server is ever named.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
]
# The template's cards for social networks: links to elsewhere that a private page has no use for.
_CARDS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


_NOT_HERE = (
    "Valueflow Chat answers at this computer's own address only, such as http://127.0.0.1:7860. "
    "A proxy before it has to pass that on as the Host.\n"
)


class Private:
    """ASGI middleware: the headers that keep the page at home, on each answer; on HTML answers
    also the removal of links to elsewhere. A page that leaves is no error."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def guarded(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
                kind = dict(message["headers"]).get(b"content-type", b"")
                if kind.startswith(b"text/html"):
                    start = message  # held back until the body's new length is known
                    return
            elif start is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                page = _CARDS.sub(b"", body)
                length = (b"content-length", str(len(page)).encode())
                others = [h for h in start["headers"] if h[0] != b"content-length"]
                await send({**start, "headers": [*others, length]})
                await send({"type": "http.response.body", "body": page})
                start = None
                return
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        except RuntimeError as error:
            # What Gradio says, too late for an answer, to a page that was closed or loaded again.
            if not isinstance(error.__cause__, HTTPException):
                raise
            _log.debug("A page left while it was written to.", exc_info=error)


class AtHome:
    """ASGI middleware of a server for this computer alone: it answers at its own address only, not
    to web pages that have their own name point here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http" and not names_loopback(Headers(scope=scope).get("host", "")):
            app = PlainTextResponse(_NOT_HERE, 403)
        await app(scope, receive, send)


def serve(settings: Settings, *, open_browser: bool) -> None:
    """Serve the page at the settings' host and port until interrupted."""
    check_port(settings.host, settings.port)
    studio = Studio(settings)
    page = build_page(studio)
    page.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        ssr_mode=False,
        favicon_path=data_path("static", "icon.svg"),
        theme=theme(),
        head=head(),
        app_kwargs={
            "middleware": [
                Middleware(Before, api=create_app(studio)),
                *([Middleware(AtHome)] if is_loopback(settings.host) else []),
                Middleware(Private),
            ],
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
        },
    )
    gc.freeze()  # nor is any looked for there later
    gc.enable()
    address = f"http://{settings.host}:{settings.port}"
    print(f"Valueflow Chat is at {address}", flush=True)
    if open_browser:
        webbrowser.open(address)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)
