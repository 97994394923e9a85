"""Many replies at once: batches, turns, slots that are given up, readers that are slow or gone."""

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chat_app.llm.engine as engine_module
from chat_app.llm import kv
from chat_app.llm.context import Context
from chat_app.llm.engine import (
    Engine,
    EngineBusyError,
    EngineError,
    Reply,
    Request,
    Sampling,
    Spoken,
    Turn,
    VectorBuffer,
)
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import fit
from chat_app.settings import data_path
from tests.random_models import random_vector

GREEDY = Sampling(temperature=0, max_tokens=30)
LONG = [Turn("user", " ".join(f"word{i}" for i in range(200)))]

Batch = dict[int, int]  # sequence: tokens


def question(i: int) -> list[Turn]:
    return [Turn("user", f"Question {i}: should I lend my brother {i * 7} pounds?")]


@cache
def _never_over(path: Path) -> tuple[tuple[int, float], ...]:
    model = ChatModel.load(path)
    return tuple((t, -math.inf) for t in range(model.n_vocab) if model.ends_reply(t))


def endless(seed: int, tokens: int = 40) -> Sampling:
    """A reply of exactly so many tokens: those that would end it are never drawn."""
    return Sampling(
        temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, max_tokens=tokens, seed=seed,
        logit_bias=_never_over(data_path("models", "builtin-chat.gguf")),
    )  # fmt: skip


@pytest.fixture
def make(chat_model: ChatModel) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def one(**options: Any) -> Engine:
        made.append(Engine(chat_model, **{"n_ctx": 1024, **options}))
        return made[-1]

    yield one
    for engine in made:
        engine.close()


def recorded(engine: Engine) -> list[Batch]:
    """The batches that ``engine`` decodes from now on."""
    context, batches = engine._scheduler._context, list[Batch]()
    decode = context.decode

    def record(tokens, positions, *, sequences, logits):
        batches.append({s: sequences.count(s) for s in sorted(set(sequences))})
        decode(tokens, positions, sequences=sequences, logits=logits)

    context.decode = record  # type: ignore[method-assign, assignment]
    return batches


def together(engine: Engine, requests: list[Request]) -> list[tuple[int, ...]]:
    with ThreadPoolExecutor(len(requests)) as pool:
        asked = [pool.submit(engine.reply, r.turns, r.sampling, vector=r.vector) for r in requests]
        return [one.result().tokens for one in asked]


def test_replies_under_one_vector_share_their_batches(make: Callable[..., Engine]) -> None:
    engine = make()
    vector = random_vector(engine.model, 1)
    requests = [Request(question(i), endless(i), vector) for i in range(8)]
    batches = recorded(engine)
    replies = engine.replies(requests)
    assert [reply.reply_tokens for reply in replies] == [40] * 8
    assert sum(len(batch) == 8 for batch in batches) >= 35


def test_replies_under_several_vectors_take_turns(make: Callable[..., Engine]) -> None:
    engine = make()
    vectors = [None, random_vector(engine.model, 1), random_vector(engine.model, 2)]
    streams = [
        engine.stream(question(i), endless(i, 60), vector=vector)
        for i, vector in enumerate(vectors)
    ]
    for stream in streams:
        next(stream)
    batches = recorded(engine)
    for _ in range(20):
        for stream in streams:
            next(stream)
    served = [next(iter(batch)) for batch in batches if len(batch) == 1]
    assert len(served) == len(batches) > 40
    # nobody waits longer than two turns of four steps
    for start in range(len(served) - 12):
        assert set(served[start : start + 12]) == set(served)
    for stream in streams:
        stream.close()


def test_what_is_written_together_is_what_is_written_alone(make: Callable[..., Engine]) -> None:
    """Greedy, as far as the rounding of batches of another size lets the words be the same."""
    engine = make()
    vectors = [None, random_vector(engine.model, 1, 8.0), random_vector(engine.model, 2, 8.0)]
    requests = [Request(question(i), GREEDY, vectors[i % 3]) for i in range(9)]
    for i, tokens in enumerate(together(engine, requests)):
        turns, vector = requests[i].turns, requests[i].vector
        assert len(tokens) > 5
        assert short_of_best(engine.model, turns, tokens, vector).max() < 0.3
        # and this could fail: under another vector other words are best
        other = vectors[(i + 1) % 3]
        assert short_of_best(engine.model, turns, tokens, other).max() > 0.5


def short_of_best(model: ChatModel, turns, tokens, vector) -> np.ndarray:
    """float64 [n_tokens]: by how much the logit of each token is below the best at its place, when
    a context of its own reads them."""
    rows = np.array(logits_along(model, turns, tokens[:-1], vector))
    return rows.max(axis=1) - rows[np.arange(len(tokens)), list(tokens)]


def logits_along(model: ChatModel, turns, tokens, vector) -> list[np.ndarray]:
    """float64 [n_vocab] after the prompt and after each of ``tokens``, read at once."""
    context = Context(model, n_ctx=1024)
    cells = fit(model, turns, vector, n_ctx=1024, reserve=len(tokens)).cells
    start = len(cells) - 1
    context.decode([c.token for c in cells[:-1]], range(start))
    context.set_vector(vector)
    read = [cells[-1].token, *tokens]
    context.decode(read, range(start, start + len(read)), logits=range(len(read)))
    rows = [context.logits(i).astype(np.float64) for i in range(len(read))]
    context.close()
    return rows


def test_a_prompt_of_many_replies_is_read_once(make: Callable[..., Engine]) -> None:
    engine = make()
    batches = recorded(engine)
    replies = engine.replies([Request(LONG, endless(seed, 5)) for seed in range(16)])
    assert len({reply.tokens for reply in replies}) > 8
    read = sum(sum(batch.values()) for batch in batches)
    prompt = replies[0].prompt_tokens
    assert prompt > 400
    assert read <= prompt + 16 * 5
    assert sum(reply.reused_tokens >= prompt - 1 for reply in replies) == 15


def test_a_long_prompt_does_not_hold_a_stream_up(make: Callable[..., Engine]) -> None:
    engine = make()
    stream = engine.stream(question(1), endless(1, 300))
    next(stream)
    batches = recorded(engine)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.reply, LONG, endless(2, 1))
        while not waiting.done():
            next(stream)
    parts = [i for i, batch in enumerate(batches) if any(n > 1 for n in batch.values())]
    assert len(parts) >= 3
    # the stream's own token is in each of these batches, or in one between two of them
    assert all(any(1 in batch.values() for batch in batches[a : b + 1]) for a, b in pairwise(parts))
    assert waiting.result().reply_tokens == 1
    stream.close()


def test_the_longest_idle_slot_is_given_up_and_read_again(make: Callable[..., Engine]) -> None:
    engine = make(n_slots=2)
    first = engine.reply(question(1), GREEDY)
    engine.reply(question(2), GREEDY)
    assert engine.reply(question(1), GREEDY).reused_tokens == first.prompt_tokens - 1
    engine.reply(LONG, GREEDY)  # in the place of question 2
    assert engine.reply(question(1), GREEDY).reused_tokens == first.prompt_tokens - 1
    again = engine.reply(question(2), GREEDY)
    assert again.reused_tokens < again.prompt_tokens - 1
    assert engine.reply(question(1), GREEDY).tokens == first.tokens


def test_idle_conversations_do_not_slow_the_others(
    make: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_IDLE_CELLS", 100)
    engine = make()
    for i in range(8):
        engine.reply(question(i), endless(i, 20))
    held = [len(slot.held) for slot in engine._scheduler._slots._slots]
    assert sum(held) <= 100 + max(held)
    assert engine.reply(question(7), endless(7, 20)).reused_tokens > 10


def test_replies_that_do_not_fit_beside_each_other_wait(
    make: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv, "_SPARE_BYTES", 0)  # one conversation's cells, no more
    engine, roomy = make(n_ctx=256), make(n_slots=1)
    requests = [
        Request([Turn("user", f"{i} " + " ".join("word" for _ in range(100)))], endless(i, 60))
        for i in range(4)
    ]
    assert 4 * 160 > 256
    for request, tokens in zip(requests, together(engine, requests), strict=True):
        assert len(tokens) == 60
        read = roomy.log_probs(request.turns, tokens)
        assert np.isfinite(read).all()
    assert len(engine.reply(question(1), GREEDY).tokens) > 0


def test_too_many_are_told_that_it_is_busy(make: Callable[..., Engine]) -> None:
    engine = make(n_slots=1, queue=1)
    stream = engine.stream(question(1), endless(1, 500))
    next(stream)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.reply, question(2), endless(2, 2))
        while not engine._scheduler._people:
            time.sleep(0.01)
        with pytest.raises(EngineBusyError, match="busy: 1 replies wait"):
            engine.reply(question(3), GREEDY)
        stream.close()
        assert waiting.result(timeout=10).reply_tokens == 2
    assert engine.reply(question(3), GREEDY).tokens


def test_many_replies_leave_a_slot_to_people(make: Callable[..., Engine]) -> None:
    engine = make(n_slots=2)
    bulk = [Request(question(i), endless(i, 60)) for i in range(6)]
    ended: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(engine.replies, bulk, done=lambda i, reply: ended.append(i))
        while not engine._scheduler._active:
            time.sleep(0.001)
        assert engine.reply(question(9), endless(9, 5)).reply_tokens == 5
        assert len(ended) < 6
        assert [reply.reply_tokens for reply in work.result()] == [60] * 6
    assert sorted(ended) == list(range(6))


def test_many_replies_can_be_cancelled(make: Callable[..., Engine]) -> None:
    engine, cancel = make(), threading.Event()
    replies = engine.replies(
        [Request(question(i), endless(i, 50)) for i in range(30)],
        cancel=cancel,
        done=lambda i, reply: cancel.set(),
    )
    assert len(replies) == 30
    assert sum(reply.finish == "cancelled" for reply in replies) >= 10
    assert engine.reply(question(1), GREEDY).tokens


def test_a_reader_that_is_slow_is_waited_for_and_holds_nobody_up(
    make: Callable[..., Engine],
) -> None:
    engine = make()
    slow = engine.stream(question(1), endless(1, 300))
    next(slow)
    assert engine.reply(question(2), endless(2, 100)).reply_tokens == 100
    job = engine._scheduler._active[0]
    assert job.paused
    assert 30 <= len(job._text.tokens) <= 40  # type: ignore[attr-defined]
    batches = recorded(engine)
    engine.reply(question(2), endless(3, 50))
    assert all(len(batch) == 1 for batch in batches)
    assert sum(1 for _ in slow) + 1 >= 300


def test_a_reader_that_has_gone_frees_its_slot(make: Callable[..., Engine]) -> None:
    engine = make(n_slots=1)
    stream = engine.stream(question(1), endless(1, 500))
    next(stream)
    del stream
    assert engine.reply(question(2), endless(2, 3)).reply_tokens == 3


def test_what_is_stopped_is_what_was_read(make: Callable[..., Engine]) -> None:
    engine, cancel = make(), threading.Event()
    stream, seen = engine.stream(question(1), endless(1, 300), cancel=cancel), []
    for _ in range(7):
        seen.append(next(stream))
    time.sleep(0.2)  # the engine is ahead by now
    cancel.set()
    seen += stream_rest(stream, reply := list[Reply]())
    assert reply[0].finish == "cancelled"
    assert reply[0].text == "".join(piece.text for piece in seen)
    assert reply[0].reply_tokens == 7


def stream_rest(stream, reply: list) -> list:
    rest = []
    while True:
        try:
            rest.append(next(stream))
        except StopIteration as end:
            reply.append(end.value)
            return rest


def test_one_reply_s_trouble_is_not_another_s(make: Callable[..., Engine]) -> None:
    engine = make()
    stream = engine.stream(question(1), endless(1, 30))
    next(stream)
    wrong = VectorBuffer(np.ones((3, 64), np.float32), 1, 2, "other")
    with pytest.raises(EngineError, match="4 layers of 64"):
        engine.reply(question(2), GREEDY, vector=wrong)
    assert sum(1 for _ in stream) >= 28


def test_a_fault_of_the_engine_leaves_nobody_waiting(make: Callable[..., Engine]) -> None:
    engine = make()
    expected = engine.reply(question(1), GREEDY).tokens
    context = engine._scheduler._context
    decode = context.decode

    def fail(*args: Any, **options: Any) -> None:
        context.decode = decode  # type: ignore[method-assign]
        raise IndexError("a bug")

    context.decode = fail  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(engine.reply, question(i), GREEDY) for i in (1, 2)]
        errors = [each.exception(timeout=20) for each in asked]
    assert any(isinstance(error, IndexError) for error in errors)
    assert engine.reply(question(1), GREEDY).tokens == expected


def test_closing_the_engine_ends_its_streams(make: Callable[..., Engine]) -> None:
    engine = make()
    stream = engine.stream(question(1), endless(1, 500))
    first = next(stream)
    engine.close()
    rest = stream_rest(stream, reply := list[Reply]())
    assert reply[0].finish == "cancelled"
    assert reply[0].text == first.text + "".join(piece.text for piece in rest)
    with pytest.raises(EngineError, match="closed"):
        engine.reply(question(1), GREEDY)


def test_log_probs_are_those_of_the_next_logits(make: Callable[..., Engine]) -> None:
    engine = make()
    vector = random_vector(engine.model, 5, 4.0)
    tokens = engine.reply(question(1), endless(3, 12), vector=vector).tokens
    (many, plain) = engine.log_probs_of(
        [Spoken(question(1), tokens, vector), Spoken(question(1), tokens)]
    )
    assert many.shape == (12,)
    assert not np.allclose(many, plain, atol=0.1)
    for i, logits in enumerate(logits_along(engine.model, question(1), tokens[:-1], vector)):
        top = logits.max()
        expected = logits[tokens[i]] - top - np.log(np.exp(logits - top).sum())
        assert many[i] == pytest.approx(expected, abs=0.1)


def test_a_process_may_end_in_the_middle_of_a_reply(chat_model: ChatModel) -> None:
    program = f"""
from pathlib import Path
from typing import Any
from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.model import ChatModel
model = ChatModel.load(Path({str(chat_model.info.path)!r}))
engine = Engine(model, n_ctx=1024)
stream = engine.stream([Turn("user", "Hello?")], Sampling(max_tokens=900, temperature=2.0))
print(next(stream).token >= 0)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stdout.strip()) == (0, b"True"), ended.stderr
