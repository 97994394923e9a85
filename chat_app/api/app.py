"""The routes, as an ASGI application that stands alone or before the page's own."""

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_app import __version__
from chat_app.api.chat import complete
from chat_app.api.embeddings import embed
from chat_app.api.errors import ApiError, answer_in_form
from chat_app.api.guard import Guard, keys_of
from chat_app.api.metrics import CONTENT_TYPE_LATEST, Metrics
from chat_app.api.requests import EmbeddingsRequest, read_as
from chat_app.api.service import Service

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio


def create_app(studio: "Studio", *, switch: bool = False) -> ASGIApp:
    """The API of ``studio``, guarded as its settings' host and keys ask for. ``switch``: whether
    asking for a model that is not loaded loads it."""
    service = Service(studio, switch=switch)
    routes = _routes(service)
    guarded = Guard(routes, studio.settings.host, keys_of(studio.settings.api_keys))
    return _Counted(guarded, service.metrics)


def _routes(service: Service) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    studio, models = service.studio, service.models
    answer_in_form(app)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        return await complete(service, request)

    @app.post("/v1/embeddings")
    async def embeddings(request: Request) -> Response:
        asked = await read_as(EmbeddingsRequest, request)
        return JSONResponse(await service.in_thread(embed, studio, asked))

    @app.get("/v1/models")
    async def list_models() -> Response:
        data = [models.described(id) for id in models.known()]
        return JSONResponse({"object": "list", "data": data})

    @app.get("/v1/models/{id:path}")
    async def one_model(id: str) -> Response:
        if id not in models.known():
            raise ApiError(404, f"There is no model {id!r} here.", "model_not_found", param="model")
        return JSONResponse(models.described(id))

    @app.get("/health")
    async def health() -> Response:
        model = {"id": models.current, "loaded": studio.loaded_model is not None}
        return JSONResponse({"status": "ok", "version": __version__, "model": model})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return app


class _Counted:
    """ASGI middleware: counts requests by route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # nothing here speaks another protocol
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, status).inc()


class Before:
    """ASGI middleware: the API's paths are the API's, all others those of the page behind it."""

    def __init__(self, app: ASGIApp, api: ASGIApp) -> None:
        self._app, self._api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = path.startswith("/v1/") or path in ("/v1", "/health", "/metrics")
        await (self._api if ours and scope["type"] == "http" else self._app)(scope, receive, send)
