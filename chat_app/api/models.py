"""Models by the names that the API knows them by, and the change from one to another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_app.api.errors import ApiError
from chat_app.chat.models import known_models, remember_model
from chat_app.llm.sources import hub_source

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

HIVES = "hives"  # the encoder, for /v1/embeddings


def model_id(source: str) -> str:
    """ "builtin", a hub's "org/repo:Q4_K_M", or a file's name without its ending.

    >>> model_id("/home/me/models/qwen3-4b-q4_k_m.gguf")
    'qwen3-4b-q4_k_m'
    """
    hub = hub_source(source)
    return str(hub) if hub else Path(source).name.removesuffix(".gguf")


class Models:
    """Which model answers. ``switch``: a request for another known one has it loaded, once the
    replies under way have ended; without it such a request is refused."""

    def __init__(self, studio: "Studio", *, switch: bool) -> None:
        self._studio, self._switch = studio, switch
        self._turn = asyncio.Lock()  # requests begin one after another, in their order
        self._none = asyncio.Event()
        self._none.set()
        self._running = 0

    @property
    def current(self) -> str:
        """The id of the model that answers, loaded or not."""
        return model_id(self._studio.settings.model)

    def known(self) -> dict[str, str]:
        """{id: source}, the current one first; of two files of one name the first counts."""
        sources = [self._studio.settings.model]
        sources += [source for _, source in known_models(self._studio.settings)]
        found: dict[str, str] = {}
        for source in sources:
            found.setdefault(model_id(source), source)
        return found

    def described(self, id: str) -> dict[str, Any]:
        """One entry of the list."""
        info = self._studio.loaded_model if id == self.current else None
        about: dict[str, Any] = {"loaded": info is not None}
        if info:
            about |= {
                "sha256": info.sha256,
                "parameters": info.n_params,
                "context": min(self._studio.settings.n_ctx, info.n_ctx_train),
                "steerable": info.steerable,
            }
        return {"id": id, "object": "model", "created": 0, "owned_by": "local", "valueflow": about}

    @asynccontextmanager
    async def answering(self, wanted: str | None) -> AsyncIterator[None]:
        """The block's replies are written by the model ``wanted``, None for any. Raises ApiError
        where it is not loaded and may not be."""
        async with self._turn:
            await self._ensure(wanted)
            self._running += 1
            self._none.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._none.set()

    async def _ensure(self, wanted: str | None) -> None:
        if wanted is None or wanted == self.current:
            return
        source = self.known().get(wanted)
        if source is None or not self._switch:
            raise ApiError(404, self._not_loaded(wanted, source), "model_not_found", param="model")
        await self._none.wait()
        await asyncio.to_thread(self._studio.use_model, source)
        remember_model(self._studio.settings, source)

    def _not_loaded(self, wanted: str, source: str | None) -> str:
        if source is None:
            return f"There is no model {wanted!r} here; /v1/models lists those that there are."
        return (
            f"The model {wanted!r} is not loaded; {self.current!r} is. Load it on the page, or "
            "start the server with `valueflow serve --switch`, which loads what is asked for."
        )
