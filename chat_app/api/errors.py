"""Errors as OpenAI's clients expect them: ``{"error": {"message", "type", "param", "code"}}``."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from chat_app.chat.profiles import UnknownProfile
from chat_app.errors import ValueflowError
from chat_app.llm.context import EngineError
from chat_app.llm.grammar import GrammarError
from chat_app.llm.hub import HubError
from chat_app.llm.model import ModelError
from chat_app.llm.prompt import TooLongError
from chat_app.llm.scheduler import EngineBusyError
from chat_app.llm.template import TemplateRefused
from chat_app.values.custom import CustomValueError
from chat_app.values.profile import ProfileError
from chat_app.values.taxonomy import UnknownValue

_log = logging.getLogger(__name__)
_BUSY_S = 1  # what a client that is told to come back should wait, in seconds
GONE = 499  # as nginx notes a client that left; nobody is there to read it


class ApiError(Exception):
    """An answer that is an error. ``param``: the field of the request that is wrong."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": _kind(self.status),
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        return JSONResponse(self.body(), self.status, self.headers)


def _kind(status: int) -> str:
    if status == 401:
        return "authentication_error"
    if status == 403:
        return "permission_error"
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"


def refused(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """The request is wrong in the field ``param``."""
    return ApiError(400, message, code, param=param)


_UNEXPECTED = ApiError(
    500, "Something unexpected went wrong; the server's log says what.", "internal_error"
)
# The first that fits counts, so that a class stands before those it is made from.
_KNOWN: tuple[tuple[type[ValueflowError], int, str, str | None], ...] = (
    (TooLongError, 400, "context_length_exceeded", "messages"),
    (TemplateRefused, 400, "conversation_refused", "messages"),
    (GrammarError, 400, "invalid_json_schema", "response_format"),
    (UnknownProfile, 404, "profile_not_found", "valueflow.profile"),
    (ProfileError, 400, "invalid_profile", "valueflow.profile"),
    (CustomValueError, 400, "invalid_profile", "valueflow.profile"),
    (UnknownValue, 400, "unknown_value", "valueflow.score"),
    (ModelError, 503, "model_unavailable", "model"),
    (HubError, 503, "model_unavailable", "model"),
    (EngineError, 503, "engine_error", None),
    (ValueflowError, 400, "invalid_request", None),
)


def as_api_error(error: Exception) -> ApiError:
    """``error`` as an answer; what is no sentence for people stays in the log."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, EngineBusyError):
        return ApiError(429, str(error), "engine_busy", headers={"Retry-After": str(_BUSY_S)})
    for kind, status, code, param in _KNOWN:
        if isinstance(error, kind):
            return ApiError(status, str(error), code, param=param)
    _log.error("A request failed", exc_info=error)
    return _UNEXPECTED


def answer_in_form(app: FastAPI) -> None:
    """Let every error of ``app`` be answered in OpenAI's form."""

    async def told(_: Request, error: Exception) -> JSONResponse:
        return as_api_error(error).response()

    async def gone(_: Request, error: Exception) -> Response:
        return Response(status_code=GONE)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return _UNEXPECTED.response()  # the server logs it, with its trace

    async def by_route(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        path, method = request.url.path, request.method
        if error.status_code == 404:
            return ApiError(404, f"There is nothing at {path}.", "not_found").response()
        if error.status_code == 405:
            return ApiError(
                405, f"{path} does not take {method}.", "method_not_allowed", headers=error.headers
            ).response()
        return ApiError(error.status_code, str(error.detail)).response()

    app.add_exception_handler(Exception, unexpected)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(ApiError, told)
    app.add_exception_handler(ValueflowError, told)
    app.add_exception_handler(HTTPException, by_route)
