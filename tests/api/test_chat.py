"""Replies as OpenAI's own client reads them: whole and streamed, alike and drawn as it asks."""

import asyncio
import json
from collections import Counter
from typing import Any

import openai
import pytest
from jsonschema import Draft202012Validator

from chat_app.chat.completions import joined
from chat_app.chat.profiles import save_profile
from chat_app.llm.engine import Turn
from chat_app.values.code import profile_code
from chat_app.values.profile import Profile
from tests.api.conftest import KIND, QUESTION
from tests.conftest import forget


def said(chunks, index: int = 0) -> str:
    return "".join(
        choice.delta.content or ""
        for chunk in chunks
        for choice in chunk.choices
        if choice.index == index
    )


def test_a_reply_is_told_whole(api):
    reply = api.ask(seed=1)
    (choice,) = reply.choices
    assert reply.object == "chat.completion"
    assert reply.id.startswith("chatcmpl-")
    assert reply.model == "builtin"
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert reply.usage.completion_tokens == 30
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 30
    assert "valueflow" not in reply.model_extra
    assert api.ask(max_tokens=400, seed=1).choices[0].finish_reason == "stop"


def test_the_stream_is_the_same_reply(api):
    whole = api.ask(seed=4)
    forget(api.engine)
    chunks = list(api.ask(seed=4, stream=True, stream_options={"include_usage": True}))
    assert said(chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks[:-1]][-1] == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_async_client_reads_both(api):
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{api.address}/v1", api_key="none") as client:
            asked: Any = {
                "model": "builtin",
                "messages": [{"role": "user", "content": QUESTION}],
                "seed": 3,
                "max_tokens": 20,
            }
            whole = await client.chat.completions.create(**asked)
            forget(api.engine)
            stream = await client.chat.completions.create(**asked, stream=True)
            return whole.choices[0].message.content, said([chunk async for chunk in stream])

    whole, streamed = asyncio.run(both())
    assert whole == streamed != ""


def test_an_answer_can_be_sent_back_as_it_came(api):
    """What was left out at first comes back as null, which says nothing here either."""
    answer = api.ask(seed=1).choices[0].message
    asked = {"role": "user", "content": QUESTION}
    for sent in (answer, answer.model_dump()):
        reply = api.ask(messages=[asked, sent, asked], extra_body={"tools": None}, max_tokens=5)
        assert reply.choices[0].message.content


def test_several_replies_to_one_prompt(api):
    """Drawn with seeds that count up, the prompt counted once."""
    reply = api.ask(n=3, seed=5)
    texts = [choice.message.content for choice in reply.choices]
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert reply.usage.completion_tokens == 90
    assert reply.usage.prompt_tokens == api.ask().usage.prompt_tokens
    forget(api.engine)
    chunks = list(api.ask(n=3, seed=5, stream=True))
    assert [said(chunks, i) for i in range(3)] == texts
    ends = Counter(c.index for chunk in chunks for c in chunk.choices if c.finish_reason)
    assert ends == {0: 1, 1: 1, 2: 1}


def test_the_seed_decides(api):
    first = api.ask(seed=11).choices[0].message.content
    forget(api.engine)
    assert api.ask(seed=11).choices[0].message.content == first
    assert api.ask(seed=12).choices[0].message.content != first


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_ends_the_reply_and_is_no_part_of_it(api, stream):
    text = api.ask(seed=1).choices[0].message.content
    stop = text.split()[3]
    forget(api.engine)
    asked = {"seed": 1, "stop": ["never said", stop], "logprobs": True, "stream": stream}
    if stream:
        chunks = list(api.ask(**asked))
        cut, ends = said(chunks), chunks[-1].choices[0].finish_reason
        entries = [
            e for chunk in chunks for c in chunk.choices if c.logprobs for e in c.logprobs.content
        ]
    else:
        (choice,) = api.ask(**asked).choices
        cut, ends, entries = choice.message.content, choice.finish_reason, choice.logprobs.content
    assert cut == text.partition(stop)[0]
    assert ends == "stop"
    told = "".join(entry.token for entry in entries)
    assert told.startswith(cut)
    assert len(told) <= len(cut) + len(stop)


def test_log_probabilities_are_those_of_the_tokens(api):
    (choice,) = api.ask(seed=2, logprobs=True, top_logprobs=3).choices
    entries = choice.logprobs.content
    assert "".join(entry.token for entry in entries) == choice.message.content
    assert len(entries) == 30
    for entry in entries:
        best = [top.logprob for top in entry.top_logprobs]
        assert len(best) == 3
        assert best == sorted(best, reverse=True)
        assert entry.logprob <= best[0] + 1e-6
        assert bytes(entry.bytes).decode() == entry.token
    forget(api.engine)
    (greedy,) = api.ask(temperature=0, logprobs=True, top_logprobs=1).choices
    assert all(e.token == e.top_logprobs[0].token for e in greedy.logprobs.content)
    assert api.ask(seed=2).choices[0].logprobs is None


def test_penalties_keep_words_from_coming_back(api):
    """Without an end to its reply, the likeliest words go round in circles."""
    asked = {"temperature": 0, **api.endless(60)}

    def repeated(**options) -> int:
        entries = api.ask(**asked, **options, logprobs=True).choices[0].logprobs.content
        return len(entries) - len({entry.token for entry in entries})

    plain = repeated()
    assert repeated(frequency_penalty=2.0) < plain
    assert repeated(presence_penalty=2.0) < plain
    assert repeated(presence_penalty=-2.0) >= plain


def test_a_token_of_bias_minus_100_never_comes(api):
    first = api.ask(temperature=0, logprobs=True, max_tokens=1).choices[0].logprobs.content[0]
    model = api.engine.model
    (token,) = [t for t in range(model.n_vocab) if model.piece(t) == bytes(first.bytes)][:1]
    other = api.ask(temperature=0, max_tokens=1, logit_bias={str(token): -100})
    assert other.choices[0].message.content != first.token


SCHEMA = {
    "type": "object",
    "properties": {
        "lend": {"type": "boolean"},
        "reasons": {
            "type": "array",
            "items": {"type": "string", "maxLength": 20},
            "minItems": 1,
            "maxItems": 2,
        },
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "mood": {"enum": ["calm", 'so "so"', None]},
    },
    "required": ["lend", "reasons", "stars"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(3))
def test_a_reply_follows_a_json_schema(api, seed):
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    (choice,) = api.ask(seed=seed, response_format=shape, max_tokens=300).choices
    assert choice.finish_reason == "stop"
    Draft202012Validator(SCHEMA).validate(json.loads(choice.message.content))


def test_a_reply_is_a_json_object(api):
    (choice,) = api.ask(seed=1, response_format={"type": "json_object"}, temperature=0).choices
    assert choice.message.content.startswith("{")


def test_parts_and_roles_are_joined_as_templates_take_them(api):
    parts = [{"type": "text", "text": "Should I lend"}, {"type": "text", "text": "money?"}]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello, what is on your mind?"},
        {"role": "user", "content": parts},
    ]
    assert api.ask(messages=messages).choices[0].message.content
    turns = [Turn("user", "a"), Turn("system", "x"), Turn("user", "b"), Turn("system", "y")]
    assert joined(turns, "z") == [Turn("system", "x\n\ny\n\nz"), Turn("user", "a\n\nb")]
    assert joined([Turn("user", "a")], None) == [Turn("user", "a")]


def test_a_profile_steers_and_the_answer_tells_the_scores(api):
    plain = api.ask(seed=1)
    steered = api.ask(seed=1, valueflow={"profile": KIND})
    assert steered.choices[0].message.content != plain.choices[0].message.content
    told = steered.model_extra["valueflow"]
    assert told["method"] == "vector"
    assert told["targets"] == KIND
    assert told["seed"] == 1
    assert len(told["vector"]) == 16
    assert any("share the reply" in note for note in told["notes"])
    assert set(told["scores"]) == set(KIND)
    for value, score in told["scores"].items():
        assert score["target"] == KIND[value]
        assert score["low"] <= score["intensity"] <= score["high"]
        assert score["stderr"] > 0
        assert score["vidb"] == api.studio.vidb.version
        assert score["ranker"].startswith("hives ")


def test_the_last_chunk_carries_the_scores(api):
    whole = api.ask(seed=1, valueflow={"profile": KIND})
    forget(api.engine)
    chunks = list(api.ask(seed=1, valueflow={"profile": KIND}, stream=True))
    assert [bool(chunk.model_extra.get("valueflow")) for chunk in chunks] == [
        *[False] * (len(chunks) - 1), True,
    ]  # fmt: skip
    assert chunks[-2].choices[0].finish_reason == "length"  # the text is out before it is measured
    assert said(chunks) == whole.choices[0].message.content
    assert chunks[-1].model_extra["valueflow"] == whole.model_extra["valueflow"]


def test_each_reply_has_its_own_scores(api):
    told = api.ask(seed=1, n=2, valueflow={"profile": KIND}).model_extra["valueflow"]
    first, second = told["choices"]
    assert (first["index"], second["index"]) == (0, 1)
    assert first["scores"] == told["scores"] != second["scores"]


def test_a_profile_comes_by_name_by_code_and_whole(api):
    profile = Profile("my kind", KIND)
    save_profile(api.studio.database, profile)
    ways = ["my kind", profile_code(profile), profile.to_json(), KIND]
    found = [
        api.ask(seed=1, valueflow={"profile": way, "score": False}).model_extra["valueflow"]
        for way in ways
    ]
    assert len({told["vector"] for told in found}) == 1
    assert [told["profile"] for told in found] == ["my kind"] * 3 + ["unnamed"]
    assert all(told["scores"] == {} for told in found)


def test_method_strength_and_values_to_score(api):
    def steered(**field):
        return api.ask(seed=1, valueflow=field).model_extra["valueflow"]

    words = steered(profile=KIND, method="prompt", score=["benevolence", "svt/face"])
    assert words["vector"] is None
    assert set(words["scores"]) == {"svt/benevolence", "svt/face"}
    assert words["scores"]["svt/face"]["target"] is None
    half = steered(profile=KIND, strength=0.5, score=False)
    assert half["targets"] == {"svt/benevolence": 4, "svt/power": -2}
    unsteered = steered(score=["svt/face"])
    assert unsteered["vector"] is None
    assert set(unsteered["scores"]) == {"svt/face"}


def test_a_model_takes_a_system_text_beside_the_methods_own(api):
    def prompt_tokens(**field) -> int:
        system = [{"role": "system", "content": "You are a pirate."}]
        messages = [*system, {"role": "user", "content": QUESTION}]
        return api.ask(messages=messages, max_tokens=1, valueflow=field).usage.prompt_tokens

    off = {"score": False}
    alone = prompt_tokens(**off)
    assert prompt_tokens(profile=KIND, method="prompt", **off) > alone + 10
    assert prompt_tokens(profile=KIND, **off) == alone
