"""Models, embeddings, health and metrics; who may ask; the model that a request names."""

import base64
import threading
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from chat_app.chat.studio import Studio
from chat_app.settings import settings
from tests.api.conftest import Api, serving


def test_models_are_those_on_this_computer(api):
    client = api.client()
    api.ask(max_tokens=1)
    (builtin, *_) = client.models.list().data
    assert builtin.id == "builtin"
    assert builtin.owned_by == "local"
    about = builtin.model_extra["valueflow"]
    assert about["loaded"]
    assert about["steerable"]
    assert len(about["sha256"]) == 64
    assert client.models.retrieve("builtin") == builtin


def test_embeddings_are_those_of_the_encoder(api):
    texts = ["I help whoever is in need.", "I care for my neighbours.", "I want to rule them all."]
    found = api.client().embeddings.create(model="hives", input=texts)  # base64, by default
    rows = np.array([row.embedding for row in found.data])
    assert found.usage.prompt_tokens > 10
    encoder = api.studio.word_space.encoder
    np.testing.assert_allclose(rows, encoder.encode(texts), atol=1e-5)
    assert found.model_extra["valueflow"] == {"encoder": encoder.name, "version": encoder.version}

    def first(**asked) -> Any:
        body = {"input": texts[0], **asked}
        return httpx.post(f"{api.address}/v1/embeddings", json=body).json()["data"][0]["embedding"]

    np.testing.assert_allclose(first(), rows[0], atol=1e-5)
    packed = base64.b64decode(first(encoding_format="base64"))
    np.testing.assert_allclose(np.frombuffer(packed, "<f4"), rows[0], atol=1e-5)


def test_health_and_metrics(api):
    said = httpx.get(f"{api.address}/health")
    assert said.status_code == 200
    assert said.json()["model"] == {"id": "builtin", "loaded": True}

    answered = 'valueflow_requests_total{route="/v1/chat/completions",status="200"}'
    written = 'valueflow_tokens_total{kind="reply"}'
    before = api.metric(answered), api.metric(written), api.metric("valueflow_scores_total")
    firsts = api.metric("valueflow_time_to_first_token_seconds_count")
    api.ask(max_tokens=7, valueflow={"profile": {"svt/face": 5}})
    assert api.metric(answered) == before[0] + 1
    assert api.metric(written) == before[1] + 7
    assert api.metric("valueflow_scores_total") == before[2] + 1
    assert api.metric("valueflow_time_to_first_token_seconds_count") == firsts + 1
    assert api.metric("valueflow_model_loaded") == 1
    running = 'valueflow_replies{state="running"}'
    assert api.metric(running) == 0
    with api.ask(**api.endless(), stream=True) as stream:
        next(iter(stream))
        assert api.metric(running) == 1
    assert api.metric('valueflow_requests_total{route="other",status="404"}') == 0
    httpx.get(f"{api.address}/v1/nothing")
    assert api.metric('valueflow_requests_total{route="other",status="404"}') == 1


def test_keys_are_asked_for_where_there_are_any(whole_studio, monkeypatch):
    keys = settings(api_keys="first, second").api_keys
    given = whole_studio.settings.model_copy(update={"api_keys": keys, "host": "0.0.0.0"})
    monkeypatch.setattr(whole_studio, "settings", given)
    assert "second" not in repr(given)
    with serving(whole_studio) as api:
        for key in ("first", "second"):
            assert api.client(key).models.list().data
        for wrong in ("third", "firs", "first,second", "fïrst"):
            header = {b"Authorization": f"Bearer {wrong}".encode()}
            answer = httpx.get(f"{api.address}/v1/models", headers=header)
            assert answer.status_code == 401, wrong
        with pytest.raises(openai.AuthenticationError, match="API key"):
            api.client("third").models.list()
        assert httpx.get(f"{api.address}/v1/models").json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{api.address}/metrics").status_code == 401
        assert httpx.get(f"{api.address}/health").status_code == 200


def test_without_keys_other_computers_are_told_of_health_alone(whole_studio, monkeypatch):
    """As for the page in a container: it listens everywhere, and the API is closed there."""
    given = whole_studio.settings.model_copy(update={"host": "0.0.0.0"})
    monkeypatch.setattr(whole_studio, "settings", given)
    with serving(whole_studio) as api:
        answer = httpx.get(f"{api.address}/v1/models")
        assert answer.status_code == 403
        assert "VALUEFLOW_API_KEYS" in answer.json()["error"]["message"]
        assert httpx.get(f"{api.address}/metrics").status_code == 403
        assert httpx.get(f"{api.address}/health").status_code == 200


@pytest.fixture
def two_models(home, random_model_path, chat_model):
    """A studio that knows another model beside the built-in one, which is loaded."""
    folder = home / "models"
    folder.mkdir()
    (folder / "other.gguf").symlink_to(random_model_path)
    studio = Studio(settings(home=home, n_ctx=1024))
    yield studio
    studio.close()


def ask(api: Api, model: str, **options) -> str:
    reply = api.ask(model=model, **{"max_tokens": 5, "seed": 1, **options})
    assert reply.model == model
    return reply.choices[0].message.content


def test_a_known_model_that_is_not_loaded_is_refused_with_the_way_to_load_it(two_models):
    with serving(two_models) as api:
        assert [model.id for model in api.client().models.list()] == ["builtin", "other"]
        with pytest.raises(openai.NotFoundError, match="valueflow serve --switch"):
            ask(api, "other")
        assert two_models.loaded_model is None


def test_switching_loads_the_model_that_is_asked_for_once_others_are_done(two_models):
    with serving(two_models, switch=True) as api:
        stream = api.ask(**api.endless(300), stream=True)
        next(iter(stream))
        found: list[str] = []
        waiting = threading.Thread(target=lambda: found.append(ask(api, "other")))
        waiting.start()
        ends = [c.finish_reason for chunk in stream for c in chunk.choices if c.finish_reason]
        assert ends == ["length"]  # it was not cut
        waiting.join()
        assert len(found) == 1
        assert two_models.loaded_model.name == "other"
        assert httpx.get(f"{api.address}/health").json()["model"]["id"] == "other"
        assert ask(api, "builtin")


def test_a_reply_whose_model_is_taken_away_ends_with_an_error(two_models, random_model_path):
    """As when somebody chooses another model on the page."""
    with serving(two_models) as api:
        stream = iter(api.ask(**api.endless(), stream=True))
        next(stream)
        next(stream)
        two_models.use_model(str(random_model_path))
        with pytest.raises(openai.APIError, match="closed"):
            list(stream)
