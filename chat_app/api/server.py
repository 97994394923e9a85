"""``valueflow serve``: the API on a port of its own, without the page."""

import asyncio
import socket

import uvicorn

from chat_app.api.app import create_app
from chat_app.api.guard import keys_of
from chat_app.chat.studio import Studio
from chat_app.errors import ValueflowError
from chat_app.ports import check_port, is_loopback
from chat_app.settings import Settings

_GRACE_S = 2  # for replies under way when the server is told to end


class _Server(uvicorn.Server):
    """Says where it is once it answers there, and ends what it writes when it is told to end."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self._studio = studio

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"The API is at http://{self.config.host}:{self.config.port}/v1", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Clients whose replies are under way are told that these end.
        await asyncio.to_thread(self._studio.engine.close)
        await super().shutdown(sockets)


def serve(settings: Settings, *, switch: bool) -> None:
    """Serve the API until interrupted; the model is loaded first.

    Raises ValueflowError where the model or the port cannot be had, and for an address that other
    computers can reach while there are no keys.
    """
    if not is_loopback(settings.host) and not keys_of(settings.api_keys):
        raise ValueflowError(
            f"Other computers can reach {settings.host}, so the API needs keys there: set "
            "VALUEFLOW_API_KEYS, or listen at 127.0.0.1."
        )
    check_port(settings.host, settings.port)
    studio = Studio(settings)
    try:
        _ = studio.engine
        config = uvicorn.Config(
            create_app(studio, switch=switch),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        _Server(config, studio).run()
    except KeyboardInterrupt:
        pass
    finally:
        studio.close()
