"""A reply that was cut goes on as if it had not been."""

import pytest

from chat_app.llm.engine import Engine, EngineError, Sampling, Turn
from tests.conftest import forget
from tests.random_models import random_vector

QUESTION = [Turn("user", "Should I lend my brother money?")]
YES_NO = 'root ::= ("yes" | "no") (" and " ("yes" | "no"))+'


@pytest.mark.parametrize("steered", [False, True])
@pytest.mark.parametrize(
    "extra",
    [{}, {"repeat_penalty": 1.4}, {"grammar": YES_NO}, {"stop": ("\n\n\n",)}],
    ids=["plain", "penalty", "grammar", "stop"],
)
def test_a_reply_that_was_cut_goes_on_as_the_uncut_one(
    engine: Engine, steered: bool, extra: dict
) -> None:
    vector = random_vector(engine.model, 4, 2.0) if steered else None
    whole = engine.reply(QUESTION, Sampling(temperature=0, max_tokens=40, **extra), vector=vector)
    assert len(whole.tokens) > 8
    for cut in (1, 7, len(whole.tokens) - 1):
        short = Sampling(temperature=0, max_tokens=cut, **extra)
        first = engine.reply(QUESTION, short, vector=vector)
        assert first.tokens == whole.tokens[:cut]
        forget(engine)  # the cells are read anew, from the tokens that are stored
        rest = Sampling(temperature=0, max_tokens=40 - cut, **extra)
        pieces = engine.stream(QUESTION, rest, vector=vector, written=first.tokens)
        said = first.text
        while True:
            try:
                said += next(pieces).text
            except StopIteration as end:
                reply = end.value
                break
        assert reply.text == said == whole.text
        assert reply.tokens == whole.tokens
        assert reply.finish == whole.finish
        assert reply.reply_tokens == whole.reply_tokens - cut
        assert reply.prompt_tokens == whole.prompt_tokens + cut


def test_what_is_in_the_cache_is_not_read_again(engine: Engine) -> None:
    vector = random_vector(engine.model, 5)
    first = engine.reply(QUESTION, Sampling(seed=1, max_tokens=20), vector=vector)
    on = engine.reply(QUESTION, Sampling(seed=2), vector=vector, written=first.tokens)
    assert on.tokens[: len(first.tokens)] == first.tokens
    assert on.reused_tokens >= on.prompt_tokens - 2
    plain = engine.reply(QUESTION, Sampling(seed=2), written=first.tokens)
    assert plain.reused_tokens < first.prompt_tokens  # nor is it taken for what it is not


def test_a_reply_that_fills_the_context_cannot_go_on(engine: Engine) -> None:
    token = engine.model.tokenize("home")[0]
    with pytest.raises(EngineError, match="cannot go on"):
        engine.reply(QUESTION, Sampling(), written=(token,) * engine.n_ctx)
