"""What goes wrong is said in OpenAI's form, in one sentence, and never with a stack trace."""

import httpx
import openai
import pytest

from tests.api.conftest import KIND, QUESTION

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": QUESTION}]


def schema(**keywords) -> dict:
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "string", **keywords}},
        }
    }


@pytest.mark.parametrize(
    ("options", "kind", "code", "param", "said"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", "model", "gpt-9"),
        ({"messages": []}, openai.BadRequestError, "invalid_value", "messages", "empty"),
        ({"messages": [{"role": "tool", "content": "x"}]}, openai.BadRequestError,
         "invalid_value", "messages[0].role", "'tool'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
         openai.BadRequestError, "invalid_value", "messages[0].content", "text parts"),
        ({"temperature": 3}, openai.BadRequestError, "invalid_value", "temperature", "2"),
        ({"top_p": "high"}, openai.BadRequestError, "invalid_value", "top_p", "'high'"),
        ({"n": 0}, openai.BadRequestError, "invalid_value", "n", "0"),
        ({"n": 100}, openai.BadRequestError, None, "n", "32 is the most"),
        ({"stop": ""}, openai.BadRequestError, None, "stop", "empty"),
        ({"stop": list("abcde")}, openai.BadRequestError, "invalid_value", "stop", "4"),
        ({"top_logprobs": 2}, openai.BadRequestError, None, "top_logprobs", "logprobs"),
        ({"logit_bias": {"x": 1}}, openai.BadRequestError, None, "logit_bias", "'x'"),
        ({"logit_bias": {"9" * 5000: 1}}, openai.BadRequestError, None, "logit_bias", "number"),
        ({"logit_bias": {"999999": 1}}, openai.BadRequestError, "invalid_request", None, "999999"),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError,
         "unsupported_parameter", "tools", "calls no tools"),
        ({"extra_body": {"colour": 1}}, openai.BadRequestError,
         "unknown_parameter", "colour", "colour"),
        ({"messages": [{"role": "user", "content": "word " * 3000}]}, openai.BadRequestError,
         "context_length_exceeded", "messages", "too long"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x" * 65}}},
         openai.BadRequestError, "invalid_value", "response_format.json_schema.name",
         "it must have at most 64 characters"),
        (schema(pattern="^a$"), openai.BadRequestError, "invalid_json_schema", "response_format",
         "pattern"),
        (schema(format="email"), openai.BadRequestError, "invalid_json_schema", "response_format",
         "email"),
        ({"extra_body": {"valueflow": {"profile": "nobody"}}}, openai.NotFoundError,
         "profile_not_found", "valueflow.profile", "nobody"),
        ({"extra_body": {"valueflow": {"profile": {"benevolense": 3}}}}, openai.BadRequestError,
         "invalid_profile", "valueflow.profile", "svt/benevolence"),
        ({"extra_body": {"valueflow": {"profile": {"power": 11}}}}, openai.BadRequestError,
         "invalid_profile", "valueflow.profile", "11"),
        ({"extra_body": {"valueflow": {"profile": KIND, "method": "magic"}}},
         openai.BadRequestError, "invalid_profile", "valueflow.profile", "magic"),
        ({"extra_body": {"valueflow": {"score": ["svt/powr"]}}}, openai.BadRequestError,
         "unknown_value", "valueflow.score", "svt/power"),
        ({"extra_body": {"valueflow": {"strength": 3}}}, openai.BadRequestError,
         "invalid_value", "valueflow.strength", "3"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_request_is_told_what_is_wrong(api, options, kind, code, param, said, stream):
    with pytest.raises(kind) as told:
        api.ask(**options, stream=stream)
    error = told.value
    assert (error.code, error.param) == (code, param)
    assert error.type == "invalid_request_error"
    message = error.body["message"]
    assert said in message
    assert message[-1] in ".?"
    assert "Traceback" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("method", "path", "asked", "status", "code"),
    [
        ("GET", "/v1/nothing", {}, 404, "not_found"),
        ("GET", "/v1/models/nothing", {}, 404, "model_not_found"),
        ("GET", CHAT, {}, 405, "method_not_allowed"),
        ("DELETE", "/v1/models/builtin", {}, 405, "method_not_allowed"),
        ("POST", CHAT, {"content": "{}"}, 415, "unsupported_media_type"),
        ("POST", CHAT, {"data": {"a": "b"}}, 415, "unsupported_media_type"),
        ("POST", CHAT, {"json": []}, 400, None),
        ("POST", CHAT, {"json": {}}, 400, "missing_required_parameter"),
        ("POST", CHAT, {"content": '{"a": ', "headers": {"Content-Type": "application/json"}}, 400,
         None),
        ("POST", CHAT, {"json": {"messages": "x" * 9_000_000}}, 413, "too_large"),
        ("POST", "/v1/embeddings", {"json": {"input": [[1, 2]]}}, 400, "invalid_value"),
        ("POST", "/v1/embeddings", {"json": {"input": "a", "dimensions": 8}}, 400,
         "unsupported_parameter"),
        ("POST", "/v1/embeddings", {"json": {"input": " "}}, 400, None),
        ("POST", "/v1/embeddings", {"json": {"input": "a", "model": "ada"}}, 404,
         "model_not_found"),
        ("GET", "/v1/models", {"headers": {"Host": "attacker.example"}}, 403, "wrong_host"),
        ("GET", "/health", {"headers": {"Host": "attacker.example:80"}}, 403, "wrong_host"),
        ("GET", "/v1/models", {"headers": {"Host": "["}}, 403, "wrong_host"),
        ("POST", CHAT, {"json": {}, "headers": {"Origin": "http://localhost:3000"}}, 403,
         "wrong_origin"),
        ("GET", "/v1/models", {"headers": {"Origin": "http://["}}, 403, "wrong_origin"),
        ("GET", "/v1/models", {"headers": {"Origin": "null"}}, 403, "wrong_origin"),
        ("OPTIONS", CHAT, {"headers": {"Origin": "https://attacker.example",
                                       "Access-Control-Request-Method": "POST"}}, 403,
         "wrong_origin"),
    ],
)  # fmt: skip
def test_every_error_has_one_form(api, method, path, asked, status, code):
    answer = httpx.request(method, api.address + path, **asked)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_nobody_expected_is_an_error_without_a_trace(api, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("chat_app.api.chat.begin", broken)
    with pytest.raises(openai.InternalServerError) as told:
        api.ask()
    assert told.value.status_code == 500
    assert told.value.type == "server_error"
    assert "secret" not in str(told.value)


def test_a_score_that_fails_leaves_the_reply(api, monkeypatch):
    """The text has been sent by then; why there are no scores stands among the notes."""
    monkeypatch.setattr(api.studio, "settings", api.studio.settings.model_copy(
        update={"ranker": "remote", "judge_url": None}))  # fmt: skip
    reply = api.ask(valueflow={"profile": KIND})
    assert reply.choices[0].message.content
    told = reply.model_extra["valueflow"]
    assert told["scores"] == {}
    assert any("VALUEFLOW_JUDGE_URL" in note for note in told["notes"])
