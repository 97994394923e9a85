"""Drawing tokens from the built-in model: bias, grammar, penalty, log-probabilities."""

import ctypes
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace

import llama_cpp.llama_cpp as lib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.errors import ValueflowError
from chat_app.llm.context import Context, EngineError, VectorBuffer
from chat_app.llm.engine import Engine, Turn
from chat_app.llm.grammar import CANDIDATE, GrammarError
from chat_app.llm.logprobs import likeliest, log_norm, top_log_probs
from chat_app.llm.model import ChatModel
from chat_app.llm.sampling import Drawn, ReplyText, Sampler, Sampling

JSON_GRAMMAR = r"""
root   ::= object
object ::= "{" ws (pair ("," ws pair)*)? "}" ws
pair   ::= string ":" ws value
value  ::= object | array | string | number | "true" | "false" | "null"
array  ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" ["\\/bfnrt])* "\"" ws
number ::= "-"? [0-9]{1,4} ("." [0-9]{1,3})? ws
ws     ::= " "?
"""
QUESTION = "Should I lend my brother money?"


@pytest.fixture(scope="module")
def context(chat_model: ChatModel) -> Iterator[Context]:
    opened = Context(chat_model, n_ctx=512)
    yield opened
    opened.close()


def _prompt(model: ChatModel) -> list[int]:
    text = model.render([{"role": "user", "content": QUESTION}], True)
    return model.tokenize(text, special=True)


def _read(context: Context) -> None:
    """Bring ``context`` to the first token of the answer to the question."""
    tokens = _prompt(context.model)
    context.trim(0)
    context.decode(tokens, range(len(tokens)), logits=[len(tokens) - 1])


def _draw(context: Context, sampling: Sampling) -> list[Drawn]:
    """The tokens of a reply, the last of which may be the one that ends it."""
    _read(context)
    at, found = len(_prompt(context.model)), []
    sampler = Sampler(sampling, context.model)
    for _ in range(sampling.max_tokens):
        found.append(sampler.sample(context))
        if context.model.ends_reply(found[-1].token):
            break
        context.decode([found[-1].token], [at], logits=[0])
        at += 1
    sampler.close()
    return found


def _text(model: ChatModel, drawn: list[Drawn]) -> str:
    text = ReplyText(model)
    for one in drawn:
        text.add(one.token)
    text.finish()
    return text.text


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_a_grammar_is_followed_to_its_end(
    context: Context, chat_model: ChatModel, seed: int, temperature: float
) -> None:
    sampling = Sampling(grammar='root ::= "yes" | "no"', seed=seed, temperature=temperature)
    drawn = _draw(context, sampling)
    assert _text(chat_model, drawn) in {"yes", "no"}
    assert chat_model.ends_reply(drawn[-1].token)


@pytest.mark.parametrize("seed", range(6))
def test_a_json_grammar_gives_json(context: Context, chat_model: ChatModel, seed: int) -> None:
    drawn = _draw(context, Sampling(grammar=JSON_GRAMMAR, seed=seed, max_tokens=300))
    text = _text(chat_model, drawn)
    if chat_model.ends_reply(drawn[-1].token):
        assert isinstance(json.loads(text), dict)
    else:  # cut off: what is there must still be the beginning of an object
        assert text.startswith("{")


def test_no_reply_ends_before_its_grammar_does(context: Context, chat_model: ChatModel) -> None:
    word = 'root ::= [a-z]{5} " " [0-9]{3}'
    for seed in range(5):
        drawn = _draw(context, Sampling(grammar=word, seed=seed, temperature=2.0, top_k=0))
        assert re.fullmatch(r"[a-z]{5} [0-9]{3}", _text(chat_model, drawn))


def _seq(parts: list[tuple[str, str]]) -> tuple[str, str]:
    return " ".join(gbnf for gbnf, _ in parts), "".join(regex for _, regex in parts)


def _either(parts: list[tuple[str, str]]) -> tuple[str, str]:
    gbnf, regex = zip(*parts, strict=True)
    return f"({' | '.join(gbnf)})", f"(?:{'|'.join(regex)})"


def _repeated(part: tuple[str, str], least: int, more: int) -> tuple[str, str]:
    times = f"{{{least},{least + more}}}"
    return f"({part[0]}){times}", f"(?:{part[1]}){times}"


_LEAVES = st.text("ab 日é", min_size=1, max_size=3).map(lambda t: (f'"{t}"', re.escape(t)))
_LEAVES |= st.sampled_from([("[a-z]", "[a-z]"), ("[^a-y]", "[^a-y]"), ("[0-9日]", "[0-9日]")])
_GRAMMARS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(_seq)
        | st.lists(inner, min_size=1, max_size=3).map(_either)
        | st.builds(_repeated, inner, st.integers(0, 2), st.integers(0, 2))
    ),
    max_leaves=6,
)


@given(both=_GRAMMARS, seed=st.integers(0, 100))
def test_what_is_drawn_matches_the_same_regular_expression(
    context: Context, chat_model: ChatModel, both: tuple[str, str], seed: int
) -> None:
    gbnf, regex = both
    sampling = Sampling(grammar=f"root ::= {gbnf}", seed=seed, temperature=3.0, max_tokens=40)
    drawn = _draw(context, sampling)
    if chat_model.ends_reply(drawn[-1].token):
        assert re.fullmatch(regex, _text(chat_model, drawn), re.DOTALL)


def test_names_of_control_tokens_are_no_way_around_a_grammar(
    context: Context, chat_model: ChatModel
) -> None:
    spelt = 'root ::= "<|im_start|>"'
    drawn = _draw(context, Sampling(grammar=spelt, max_tokens=40))
    assert _text(chat_model, drawn) == "<|im_start|>"
    assert {t.token for t in drawn}.isdisjoint(chat_model.silent_tokens.tolist())


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1, top_k=5),
        Sampling(seed=2, top_k=40, repeat_penalty=1.3, temperature=1.5),
        Sampling(seed=3, top_k=20, repeat_penalty=0.8, temperature=1.5),
        Sampling(seed=4, top_k=0, top_p=1.0, min_p=0.0, temperature=1.2),
        Sampling(temperature=0.0, repeat_penalty=1.2),
    ],
)
def test_asking_only_about_the_likeliest_changes_nothing(
    context: Context, chat_model: ChatModel, sampling: Sampling
) -> None:
    """Beside llama.cpp's own chain, which holds every token against the grammar first."""
    grammar = JSON_GRAMMAR
    sampling = replace(sampling, max_tokens=60, min_p=0.0 if sampling.top_k == 0 else 0.05)
    drawn = _draw(context, replace(sampling, grammar=grammar))
    assert _draw_by_llama(context, sampling, grammar) == [one.token for one in drawn]


def _draw_by_llama(context: Context, sampling: Sampling, grammar: str) -> list[int]:
    model = context.model
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    never = [(int(t), -math.inf) for t in model.silent_tokens]
    pairs = (lib.llama_logit_bias * len(never))(*never)
    for link in (
        lib.llama_sampler_init_logit_bias(model.n_vocab, len(never), pairs),
        lib.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root"),
        lib.llama_sampler_init_penalties(model.n_vocab, 64, sampling.repeat_penalty, 0.0, 0.0),
    ):
        lib.llama_sampler_chain_add(chain, link)
    if sampling.temperature == 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
    else:
        for link in (
            lib.llama_sampler_init_top_k(sampling.top_k),
            lib.llama_sampler_init_top_p(sampling.top_p, 1),
            lib.llama_sampler_init_min_p(sampling.min_p, 1),
            lib.llama_sampler_init_temp(sampling.temperature),
            lib.llama_sampler_init_dist(sampling.seed),
        ):
            lib.llama_sampler_chain_add(chain, link)
    _read(context)
    at, found = len(_prompt(model)), []
    for _ in range(sampling.max_tokens):
        found.append(int(lib.llama_sampler_sample(chain, context.handle, -1)))
        if model.ends_reply(found[-1]):
            break
        context.decode([found[-1]], [at], logits=[0])
        at += 1
    lib.llama_sampler_free(chain)
    return found


@pytest.mark.parametrize("top_k", [0, 1, 40])
def test_the_penalty_may_be_cut_short(context: Context, chat_model: ChatModel, top_k: int) -> None:
    """A penalty held against the likeliest tokens alone draws what llama.cpp's whole one does."""
    sampling = Sampling(seed=5, top_k=top_k, repeat_penalty=1.4, temperature=1.3, max_tokens=80)
    free = r"root ::= [^\x00]*"
    drawn = _draw(context, sampling)
    assert [one.token for one in drawn] == _draw_by_llama(context, sampling, free)


@pytest.mark.parametrize(
    ("grammar", "cause"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ('root = "yes"', 'expecting ::= at "= "yes""'),
        ('root ::= "yes', "unexpected end of input"),
        ("root ::= answer", "Undefined rule identifier 'answer'"),
        ('reply ::= "yes"', 'no rule "root"'),
        ('root ::= root "a" | "a"', "left recursion"),
        ('root ::= "a"{5000}', "repetitions"),
        ('root ::= "yes" |* "no"', "expecting preceding item"),
        ('root ::= "a\0b"', "NUL"),
        ('root ::= "\ud800"', "half a pair"),
        ("root ::= " + "(" * 5000 + '"a"' + ")" * 5000, "nests 5000 brackets"),
        ("root ::= " + '"a" ' * 30_000, "120,009 characters"),
        ('root ::= "a"{3,1}', "repeats something 3 to 1 times"),
        ('root ::= "a" # "\r{ 3 , 1 }', "repeats something 3 to 1 times"),
        ("root ::= <|im_end|>", "names a token"),
        ('root ::= "a" !<[3]>', "names a token"),
        ('root ::= <"> "a"{3,1} <">', "names a token"),
    ],
)
def test_a_bad_grammar_is_one_sentence(
    chat_model: ChatModel, capfd: pytest.CaptureFixture[str], grammar: str, cause: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        Sampler(Sampling(grammar=grammar), chat_model)
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_brackets_in_texts_and_sets_are_no_nesting(chat_model: ChatModel) -> None:
    many = "(" * 300
    grammar = f'root ::= "{many}{{3,1}}" [{many}{{3,1}}] # {many}{{3,1}}\n'
    Sampler(Sampling(grammar=grammar), chat_model).close()


def test_where_nothing_may_come_it_is_said(context: Context, chat_model: ChatModel) -> None:
    _read(context)
    everything = tuple((t, -math.inf) for t in range(chat_model.n_vocab))
    with pytest.raises(EngineError, match="logit_bias rules out all"):
        Sampler(Sampling(logit_bias=everything), chat_model).sample(context)
    for temperature in (0.0, 0.7):
        sampling = Sampling(
            grammar='root ::= "yes"', logit_bias=everything, temperature=temperature
        )
        with pytest.raises(EngineError, match="grammar allows none"):
            Sampler(sampling, chat_model).sample(context)


@pytest.mark.parametrize("grammar", [None, r"root ::= [^\x00]*"])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_what_is_ruled_out_is_never_drawn(
    context: Context, chat_model: ChatModel, grammar: str | None, temperature: float
) -> None:
    sampling = Sampling(seed=1, temperature=temperature, max_tokens=40, grammar=grammar)
    usual = {one.token for one in _draw(context, sampling)}
    never = tuple((t, -math.inf) for t in sorted(usual))
    drawn = _draw(context, replace(sampling, logit_bias=never))
    assert {one.token for one in drawn}.isdisjoint(usual)


def test_a_bias_moves_a_token_by_just_that(context: Context, chat_model: ChatModel) -> None:
    _read(context)
    logits = context.logits()
    best, second = (int(t) for t in np.argsort(-logits)[:2])
    gap = float(logits[best] - logits[second])
    for bias, wanted in ((gap - 0.01, best), (gap + 0.01, second)):
        sampling = Sampling(temperature=0.0, logit_bias=((second, bias),))
        assert Sampler(sampling, chat_model).sample(context).token == wanted


def test_tokens_that_there_are_not(chat_model: ChatModel) -> None:
    for token in (-1, chat_model.n_vocab):
        with pytest.raises(ValueflowError, match=f"names token {token}; the model has tokens 0"):
            Sampler(Sampling(logit_bias=((token, 1.0),)), chat_model)


@pytest.mark.parametrize("grammar", [None, JSON_GRAMMAR])
def test_log_probabilities_are_those_of_the_model(
    context: Context, chat_model: ChatModel, grammar: str | None
) -> None:
    sampling = Sampling(
        seed=2, temperature=2.0, top_k=5, repeat_penalty=1.5, grammar=grammar, max_tokens=20
    )
    plain = _draw(context, sampling)
    asked = _draw(context, replace(sampling, logprobs=4))
    assert [one.token for one in plain] == [one.token for one in asked]
    assert all(one.logprob is None and one.top == () for one in plain)
    _read(context)
    at = len(_prompt(chat_model))
    for one in asked:
        logits = context.logits().astype(np.float64)
        own = logits - logits.max()
        own -= math.log(np.exp(own).sum())
        assert one.logprob == pytest.approx(own[one.token], abs=1e-5)
        best = np.argsort(-own, kind="stable")[:4]
        assert [token for token, _ in one.top] == best.tolist()
        assert [p for _, p in one.top] == pytest.approx(own[best], abs=1e-5)
        if not chat_model.ends_reply(one.token):
            context.decode([one.token], [at], logits=[0])
            at += 1


def test_log_probabilities_of_the_drawn_token_alone(context: Context) -> None:
    (drawn,) = _draw(context, Sampling(max_tokens=1, logprobs=0))
    assert drawn.logprob is not None
    assert drawn.logprob < 0
    assert drawn.top == ()


@given(
    logits=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=80),
    count=st.integers(0, 50),
)
def test_the_likeliest_of_any_row(logits: list[float], count: int) -> None:
    row = np.array(logits, dtype=np.float32)
    norm = log_norm(row)
    found = top_log_probs(row, count, norm)
    assert len(found) == min(count, len(row))
    assert math.isclose(np.exp(row.astype(np.float64) - norm).sum(), 1.0, rel_tol=1e-3)
    assert [row[t] for t, _ in found] == sorted(row, reverse=True)[: len(found)]
    assert all(math.isclose(p, float(row[t]) - norm, abs_tol=1e-6) for t, p in found)


@pytest.mark.parametrize("count", [1, 5, 256, 4096])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_likeliest_of_a_large_vocabulary(count: int, spread: float) -> None:
    row = (np.random.default_rng(count).normal(size=50_021) * spread).astype(np.float32)
    found = likeliest(row, count)
    assert len(set(found.tolist())) == count
    assert sorted(row[found]) == sorted(row)[-count:]


@pytest.mark.parametrize("grammar", [None, JSON_GRAMMAR])
def test_the_same_seed_draws_the_same_reply(context: Context, grammar: str | None) -> None:
    sampling = Sampling(seed=7, temperature=1.5, repeat_penalty=1.2, grammar=grammar, max_tokens=40)
    first, again = _draw(context, sampling), _draw(context, sampling)
    assert first == again
    others = [_draw(context, replace(sampling, seed=seed)) for seed in range(8, 12)]
    assert any(other != first for other in others)


def test_the_coldest_temperatures_take_the_likeliest(context: Context) -> None:
    likeliest = _draw(context, Sampling(temperature=0.0, max_tokens=10))
    for temperature in (1e-30, 1e-9, 1e-5):
        cold = Sampling(temperature=temperature, max_tokens=10, top_p=1.0, min_p=0.0, top_k=0)
        assert _draw(context, cold) == likeliest


def test_each_row_of_a_batch_is_drawn_from(chat_model: ChatModel) -> None:
    tokens = _prompt(chat_model)
    context = Context(chat_model, n_ctx=512)
    context.decode(tokens, range(len(tokens)), logits=[0, len(tokens) - 1])
    for row in (0, len(tokens) - 1):
        for grammar in (None, r"root ::= [^\x00]*"):
            sampler = Sampler(Sampling(temperature=0.0, grammar=grammar, logprobs=1), chat_model)
            drawn = sampler.sample(context, row)
            logits = context.logits(row)
            logits[chat_model.silent_tokens] = -np.inf
            assert drawn.token == int(logits.argmax())
    context.close()


@pytest.mark.parametrize("grammar", [None, 'root ::= "yes" | "no"'])
def test_numbers_that_overflow_are_named(chat_model: ChatModel, grammar: str | None) -> None:
    context = Context(chat_model, n_ctx=64)
    rows, last = chat_model.n_layer - 1, chat_model.n_layer - 1
    huge = np.full((rows, chat_model.n_embd), np.nan, dtype=np.float32)
    context.set_vector(VectorBuffer(huge, 1, last, "nan"))
    context.decode([0, 1], [0, 1], logits=[1])
    with pytest.raises(EngineError, match="computes no numbers"):
        Sampler(Sampling(grammar=grammar), chat_model).sample(context, 1)
    context.close()


def test_llama_reads_our_candidates() -> None:
    assert CANDIDATE.fields
    for name, (_, offset, *_) in CANDIDATE.fields.items():
        assert getattr(lib.llama_token_data, name).offset == offset
    assert CANDIDATE.itemsize == ctypes.sizeof(lib.llama_token_data)


def test_the_engine_gives_the_log_probabilities_of_its_logits(engine: Engine) -> None:
    turns = [Turn("user", QUESTION)]
    reply = engine.reply(turns, Sampling(seed=3, temperature=1.5, max_tokens=4, logprobs=3))
    tokens = [drawn.token for drawn in reply.drawn]
    assert tuple(tokens) == reply.tokens
    logits = engine.next_logits(turns)
    first = reply.drawn[0]
    assert first.logprob == pytest.approx(float(logits[first.token]) - log_norm(logits), abs=1e-4)
    assert [token for token, _ in first.top] == np.argsort(-logits)[:3].tolist()
    spoken = engine.log_probs(turns, tokens)
    assert [drawn.logprob for drawn in reply.drawn] == pytest.approx(list(spoken), abs=1e-3)


def test_a_grammar_that_cannot_be_read_leaves_the_engine_as_it_was(engine: Engine) -> None:
    turns = [Turn("user", QUESTION)]
    before = engine.reply(turns, Sampling(seed=1, max_tokens=8))
    with pytest.raises(GrammarError, match="unexpected end of input"):
        engine.reply(turns, Sampling(grammar='root ::= "yes'))
    assert engine.reply(turns, Sampling(seed=1, max_tokens=8)).tokens == before.tokens
    assert engine.reply(turns, Sampling(seed=1, grammar='root ::= "yes" | "no"')).text in {
        "yes",
        "no",
    }
