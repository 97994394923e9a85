"""Replies: seeds, stops, cancelling, a full context, several threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chat_app.llm.engine import Engine, EngineError, Reply, Sampling, Turn, VectorBuffer
from chat_app.llm.model import ChatModel
from tests.conftest import forget
from tests.random_models import random_vector

QUESTION = [Turn("user", "Should I lend my brother money?")]
ENDLESS = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=60, seed=5)


def drain(engine: Engine, *args, **kwargs) -> tuple[list[str], Reply]:
    pieces, stream = [], engine.stream(*args, **kwargs)
    while True:
        try:
            pieces.append(next(stream).text)
        except StopIteration as end:
            return pieces, end.value


def test_streamed_pieces_are_the_reply(engine: Engine) -> None:
    pieces, reply = drain(engine, QUESTION, Sampling(seed=1))
    assert reply.text == "".join(pieces) != ""
    assert engine.model.tokenize(reply.text) or reply.tokens
    assert b"".join(map(engine.model.piece, reply.tokens)).decode() == reply.text
    assert reply.reply_tokens == len(reply.tokens)
    assert 0 < reply.ttft_s <= reply.seconds
    assert reply.tokens_per_s > 0


def test_same_seed_same_reply(engine: Engine) -> None:
    vector = random_vector(engine.model, 1)
    for under in (None, vector):
        found = []
        for seed in (3, 3, 4):
            forget(engine)
            sampling = Sampling(seed=seed, temperature=1.2)
            found.append(engine.reply(QUESTION, sampling, vector=under).tokens)
        assert found[0] == found[1] != found[2]


def test_temperature_zero_takes_the_likeliest(engine: Engine) -> None:
    logits = engine.next_logits(QUESTION)
    reply = engine.reply(QUESTION, Sampling(temperature=0, max_tokens=1, seed=1))
    assert reply.tokens == (int(logits.argmax()),)
    assert reply.finish == "length"


def test_a_vector_changes_the_reply_and_leaves_no_trace(engine: Engine) -> None:
    greedy = Sampling(temperature=0, max_tokens=30)
    plain = engine.reply(QUESTION, greedy)
    steered = engine.reply(QUESTION, greedy, vector=random_vector(engine.model, 2, 3.0))
    forget(engine)
    again = engine.reply(QUESTION, greedy)
    assert plain.tokens == again.tokens
    assert plain.tokens != steered.tokens


def test_repeat_penalty_is_heard(engine: Engine) -> None:
    free, penalised = (
        engine.reply(QUESTION, Sampling(temperature=0, max_tokens=60, repeat_penalty=p)).tokens
        for p in (1.0, 5.0)
    )
    assert len(set(penalised)) / len(penalised) > len(set(free)) / len(free)


def test_stop_text_ends_the_reply(engine: Engine) -> None:
    whole = engine.reply(QUESTION, ENDLESS).text
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    reply = engine.reply(QUESTION, Sampling(**{**vars(ENDLESS), "stop": (stop,)}))
    assert reply.finish == "stop"
    assert reply.text == whole[: whole.index(stop)]


def test_max_tokens(engine: Engine) -> None:
    reply = engine.reply(QUESTION, Sampling(max_tokens=3))
    assert (reply.finish, reply.reply_tokens) == ("length", 3)


def test_cancel_within_one_token(engine: Engine) -> None:
    cancel = threading.Event()
    stream = engine.stream(QUESTION, ENDLESS, cancel=cancel)
    seen = [next(stream) for _ in range(4)]
    cancel.set()
    with pytest.raises(StopIteration) as end:
        next(stream)
    reply: Reply = end.value.value
    assert reply.finish == "cancelled"
    assert reply.text == "".join(p.text for p in seen)
    assert reply.reply_tokens == 4


def test_cancelled_before_it_began(engine: Engine) -> None:
    cancel = threading.Event()
    cancel.set()
    reply = engine.reply(QUESTION, ENDLESS, cancel=cancel)
    assert (reply.finish, reply.tokens, reply.text) == ("cancelled", (), "")


def test_a_closed_stream_frees_the_engine_and_leaves_no_vector(engine: Engine) -> None:
    expected = engine.next_logits(QUESTION)
    vector = random_vector(engine.model, 3, 8.0)
    stream = engine.stream(QUESTION, ENDLESS, vector=vector)
    next(stream)
    stream.close()
    np.testing.assert_allclose(engine.next_logits(QUESTION), expected, atol=0.2)
    assert np.abs(engine.next_logits(QUESTION, vector=vector) - expected).max() > 1.0


def test_waiting_for_another_reply_can_be_cancelled(engine: Engine) -> None:
    stream = engine.stream(QUESTION, ENDLESS)
    next(stream)
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.reply, QUESTION, ENDLESS, cancel=cancel)
        cancel.set()
        assert waiting.result(timeout=5).finish == "cancelled"
    stream.close()


def test_a_full_context_drops_the_oldest_turns_whole(chat_model: ChatModel) -> None:
    engine = Engine(chat_model, n_ctx=256)
    system = Turn("system", "Answer kindly.")
    history: list[Turn] = []
    for i in range(12):
        history += [Turn("user", f"Tell me more, part {i}."), Turn("assistant", "Word " * 15)]
    last = Turn("user", "And now?")
    sampling = Sampling(temperature=0, max_tokens=40)
    reply = engine.reply([system, *history, last], sampling)
    assert reply.dropped_turns > 0
    assert reply.dropped_turns % 2 == 0
    kept = [system, *history[reply.dropped_turns :], last]
    assert engine.reply(kept, sampling).tokens == reply.tokens
    assert engine.reply([system, *history[-2:], last], sampling).dropped_turns == 0
    engine.close()


def test_a_message_longer_than_the_context_is_refused(chat_model: ChatModel) -> None:
    engine = Engine(chat_model, n_ctx=128)
    with pytest.raises(EngineError, match=r"too long: \d+ tokens, .* holds 128"):
        engine.reply([Turn("user", "why " * 300)], Sampling())
    assert engine.reply(QUESTION, Sampling(max_tokens=5)).reply_tokens > 0
    engine.close()


def test_the_context_s_end_ends_the_reply(chat_model: ChatModel) -> None:
    engine = Engine(chat_model, n_ctx=64)
    never = [Turn("user", "go on " * 20)]
    cells = engine.reply(never, Sampling(max_tokens=1)).prompt_tokens
    reply = engine.reply(never, Sampling(**{**vars(ENDLESS), "max_tokens": 500, "seed": 8}))
    assert reply.reply_tokens <= 64 - cells + 1
    engine.close()


def test_a_vector_of_another_model_is_refused(engine: Engine) -> None:
    data = np.ones((3, 64), np.float32)
    with pytest.raises(EngineError, match="4 layers of 64"):
        engine.reply(QUESTION, Sampling(), vector=VectorBuffer(data, 1, 2, "other"))
    assert engine.reply(QUESTION, Sampling(max_tokens=2)).reply_tokens > 0
