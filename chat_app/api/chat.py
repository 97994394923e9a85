"""``/v1/chat/completions``: a request read, its replies begun, and told whole or as a stream."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from chat_app.api.errors import GONE, ApiError, as_api_error, refused
from chat_app.api.pump import told
from chat_app.api.requests import ChatRequest, json_shape, read_as
from chat_app.api.wire import DONE, LogProbs, Measured, event, steering, usage
from chat_app.chat.completions import (
    Begun,
    Wish,
    asked_profile,
    begin,
    measure,
    values_to_measure,
)
from chat_app.chat.sampling import default_sampling
from chat_app.db.tables import new_id
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Piece, Reply, Sampling
from chat_app.llm.json_schema import json_grammar

if TYPE_CHECKING:
    from chat_app.api.service import Service
    from chat_app.settings import Settings

_STREAM = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def complete(service: "Service", request: Request) -> Response:
    """The answer to one request. Raises ApiError or ValueflowError before anything is sent."""
    asked = await read_as(ChatRequest, request)
    cancel = threading.Event()
    async with AsyncExitStack() as held:
        await held.enter_async_context(service.models.answering(asked.model))
        held.callback(cancel.set)
        answer = await service.in_thread(_begin, service, asked, cancel)
        if asked.stream:
            later = held.pop_all()
            later.callback(answer.closed)
            return _Events(answer.events(), later.aclose)
        async with _watched(request, cancel):
            whole = await answer.whole()
        if whole is None:
            service.metrics.hung_up.inc()
            return Response(status_code=GONE)
        return JSONResponse(whole)


class _Events(StreamingResponse):
    """``events`` as they come; ``ended`` is called when the last is sent or the client has gone."""

    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], Awaitable[None]]) -> None:
        super().__init__(events, headers=_STREAM, media_type="text/event-stream")
        self._ended = ended

    async def __call__(self, *connection: Any) -> None:
        try:
            await super().__call__(*connection)
        finally:
            await self._ended()


@asynccontextmanager
async def _watched(request: Request, cancel: threading.Event) -> AsyncIterator[None]:
    """Set ``cancel`` as soon as the client leaves within the block."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        cancel.set()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


def _begin(service: "Service", asked: ChatRequest, cancel: threading.Event) -> "_Answer":
    studio, wanted = service.studio, asked.valueflow
    if asked.n and asked.n > max(1, studio.settings.queue):
        raise refused(f"n is {asked.n}: {studio.settings.queue} is the most.", "n")
    profile, values = asked_profile(studio, None), list[str]()
    if wanted:
        profile = asked_profile(studio, wanted.profile, wanted.method, wanted.strength)
        values = values_to_measure(profile, wanted.score)
    turns = tuple(message.turn() for message in asked.messages)
    wish = Wish(turns, _sampling(asked, studio.settings), profile, asked.n or 1)
    return _Answer(service, asked, wish, values, begin(studio, wish, cancel), cancel)


def _sampling(asked: ChatRequest, settings: "Settings") -> Sampling:
    """How the replies are drawn; what the client leaves open is as the settings have it."""
    if asked.top_logprobs is not None and not asked.logprobs:
        raise refused("top_logprobs needs logprobs to be true.", "top_logprobs")
    shape = json_shape(asked.response_format)
    return default_sampling(
        settings,
        seed=asked.seed,
        temperature=asked.temperature,
        top_k=asked.top_k,
        top_p=asked.top_p,
        min_p=asked.min_p,
        repeat_penalty=asked.repeat_penalty,
        frequency_penalty=asked.frequency_penalty,
        presence_penalty=asked.presence_penalty,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        stop=asked.stops(),
        logit_bias=asked.biases(),
        logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        grammar=None if shape is None else json_grammar(shape),
        think=False,
    )


class _Answer:
    """The replies to one request as they come, and what is told with them."""

    def __init__(
        self,
        service: "Service",
        asked: ChatRequest,
        wish: Wish,
        values: list[str],
        begun: Begun,
        cancel: threading.Event,
    ) -> None:
        self._service, self._asked, self._wish = service, asked, wish
        self._values, self._begun, self._cancel = values, begun, cancel
        self._replies: dict[int, Reply] = {}
        self._all_told = False
        self._log_probs = [LogProbs(begun.model.piece) for _ in begun.streams]
        self._head = {
            "id": f"chatcmpl-{new_id()}",
            "object": "chat.completion.chunk" if asked.stream else "chat.completion",
            "created": int(time.time()),
            "model": service.models.current,
            "system_fingerprint": f"fp_{begun.model.info.sha256[:12]}",
        }

    def closed(self) -> None:
        """The stream is over: count a client that left before all was told."""
        if not self._all_told:
            self._service.metrics.hung_up.inc()

    async def whole(self) -> dict[str, Any] | None:
        """The answer in one piece; None where the client has gone meanwhile."""
        entries: list[list[dict[str, Any]]] = [[] for _ in self._begun.streams]
        async for events in told(self._begun.streams, self._cancel):
            for index, item in events:
                if isinstance(item, Piece):
                    entries[index] += self._log_probs[index].add(item)
                elif not self._ended(index, item):
                    return None
        replies = self._in_order()
        choices = [
            {
                "index": i,
                "message": {"role": "assistant", "content": reply.text, "refusal": None},
                "logprobs": {"content": found, "refusal": None} if self._asked.logprobs else None,
                "finish_reason": reply.finish,
            }
            for i, (reply, found) in enumerate(zip(replies, entries, strict=True))
        ]
        return {**self._head, "choices": choices, "usage": usage(replies), **await self._steered()}

    async def events(self) -> AsyncIterator[bytes]:
        """The answer as server-sent events: the text, then usage and scores, then [DONE]. What
        goes wrong on the way is an event too, and the last."""
        try:
            begun = {"role": "assistant", "content": "", "refusal": None}
            yield b"".join(self._chunk(i, begun) for i in range(self._wish.n))
            async for events in told(self._begun.streams, self._cancel):
                yield b"".join(self._told(index, item) for index, item in events)
            if len(self._replies) < self._wish.n:
                return  # the client has gone
            if last := await self._last():
                yield event({**self._head, "choices": [], **last})
            self._all_told = True
            yield DONE
        except Exception as error:
            self._all_told = True
            yield event(as_api_error(error).body())

    def _told(self, index: int, item: Piece | Reply) -> bytes:
        if isinstance(item, Reply):
            return self._chunk(index, {}, finish=item.finish) if self._ended(index, item) else b""
        entries = self._log_probs[index].add(item)
        return self._chunk(index, {"content": item.text}, entries) if item.text else b""

    def _chunk(
        self,
        index: int,
        delta: dict[str, Any],
        entries: list[dict[str, Any]] | None = None,
        finish: str | None = None,
    ) -> bytes:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": {"content": entries, "refusal": None} if entries else None,
            "finish_reason": finish,
        }
        rest = {"usage": None} if self._with_usage else {}
        return event({**self._head, "choices": [choice], **rest})

    @property
    def _with_usage(self) -> bool:
        return bool(self._asked.stream_options and self._asked.stream_options.include_usage)

    def _ended(self, index: int, reply: Reply) -> bool:
        """Note a reply's end; False where the client has left. Raises ApiError where the reply
        was cut because the model is no longer there."""
        if reply.finish == "cancelled":
            if self._cancel.is_set():
                return False
            raise ApiError(503, "The model was closed while it wrote; ask again.", "model_closed")
        self._replies[index] = reply
        self._service.metrics.replied(reply)
        return True

    def _in_order(self) -> list[Reply]:
        return [self._replies[i] for i in range(self._wish.n)]

    async def _last(self) -> dict[str, Any]:
        counted = {"usage": usage(self._in_order())} if self._with_usage else {}
        return {**counted, **await self._steered()}

    async def _steered(self) -> dict[str, Any]:
        """What is told of the steering, if the client asked for any; the scores are measured now,
        when the text has been sent."""
        if self._asked.valueflow is None:
            return {}
        profile, seed = self._wish.profile, self._wish.sampling.seed
        measured = [await self._measured(reply.text) for reply in self._in_order()]
        begun = self._begun
        return {"valueflow": steering(profile, begun.composition, begun.notes, seed, measured)}

    async def _measured(self, text: str) -> Measured:
        if not self._values:
            return Measured({})
        try:
            scores = await self._service.scored(measure, self._service.studio, text, self._values)
        except ValueflowError as error:
            return Measured({}, str(error))
        self._service.metrics.scores.inc(len(scores))
        return Measured(scores)
