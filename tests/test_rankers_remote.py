"""The remote judge, against a real server on this computer that answers well, badly or not."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.chat.studio import Studio
from chat_app.evaluation.endpoint import Patience
from chat_app.evaluation.ranker_remote import RemoteRanker, parse_order, remote_ranker
from chat_app.evaluation.rankers import make_ranker
from chat_app.evaluation.ranking import RankerError
from chat_app.settings import settings
from chat_app.values.taxonomy import UnknownValue
from tests.judge_server import HANG_UP, STALL, Judge, Say, completion, judging
from tests.rankings import Texts

HASTY = Patience(tries=4, first_wait=0.01, longest_wait=3.0, read=30.0)
HASTIEST = replace(HASTY, read=0.3)
WINDOW = Texts("svt/power", ("I lead.", "I would rather lead than follow.", "I follow her."))
LONGEST_FIRST = (1, 2, 0)
KEY = "sk-secret-1234"
BUSY = Say(429, {"error": {"message": "slow down"}})


@pytest.fixture
def judge() -> Iterator[Judge]:
    with judging(Judge()) as running:
        yield running


def ranker_at(judge: Judge, **given: Any) -> RemoteRanker:
    return RemoteRanker(judge.url, "some-model", **{"patience": HASTY, **given})


def test_each_window_is_one_question(judge: Judge) -> None:
    windows = [WINDOW, Texts("svt/benevolence", ("I give what I have.", "Mine."))]
    assert ranker_at(judge, key=KEY).rank(windows) == [LONGEST_FIRST, (0, 1)]
    assert sorted(q["model"] for q in judge.questions) == ["some-model"] * 2
    assert {q["temperature"] for q in judge.questions} == {0}
    assert judge.keys == [f"Bearer {KEY}"] * 2
    asked = next(q for q in judge.questions if "follow" in str(q))["messages"]
    assert [m["role"] for m in asked] == ["user"]
    assert "The value: Power. " in asked[0]["content"]
    assert (
        "\n1. I lead.\n2. I would rather lead than follow.\n3. I follow her.\n"
        in (asked[0]["content"])
    )


def test_what_needs_no_judge_is_not_sent(judge: Judge) -> None:
    ranker = ranker_at(judge)
    assert ranker.rank([]) == []
    assert ranker.rank([Texts("svt/power", ("I lead.",)), Texts("svt/power", ())]) == [(0,), ()]
    with pytest.raises(UnknownValue):
        ranker.rank([WINDOW, Texts("svt/greatness", ("I lead.", "I follow."))])
    assert judge.questions == []


@pytest.mark.parametrize(
    "trouble",
    [BUSY, Say(500, "oops"), Say(503), Say(529), HANG_UP],
    ids=["429", "500", "503", "529", "hang up"],
)
def test_what_passes_is_waited_out(judge: Judge, trouble: Say | str) -> None:
    judge.script = [trouble, trouble]
    assert ranker_at(judge).rank([WINDOW]) == [LONGEST_FIRST]
    assert len(judge.questions) == 3


def test_who_says_nothing_is_asked_again(judge: Judge) -> None:
    judge.script = [STALL]
    assert ranker_at(judge, patience=HASTIEST).rank([WINDOW]) == [LONGEST_FIRST]
    assert len(judge.questions) > 1


@pytest.mark.parametrize("as_date", [False, True])
def test_a_wait_that_is_asked_for_is_kept(judge: Judge, as_date: bool) -> None:
    begun, soon = time.time(), int(time.time()) + 2
    date = format_datetime(datetime.fromtimestamp(soon, UTC), usegmt=True)
    judge.script = [Say(429, "", {"Retry-After": date if as_date else "1"})]
    assert ranker_at(judge).rank([WINDOW]) == [LONGEST_FIRST]
    assert time.time() >= (soon if as_date else begun + 1)


def test_a_wait_that_is_too_long_is_said_instead(judge: Judge) -> None:
    judge.script = [Say(429, {"error": {"message": "come back."}}, {"Retry-After": "3600"})]
    with pytest.raises(RankerError, match=r"wait 3600 seconds: 429 come back\. Try again then"):
        ranker_at(judge).rank([WINDOW])
    assert len(judge.questions) == 1


def test_what_does_not_pass_ends_in_one_sentence(judge: Judge) -> None:
    judge.script = [Say(502, "<h1>Bad\ngateway</h1>")] * 4
    with pytest.raises(RankerError, match=r"in 4 tries: 502 <h1>Bad gateway</h1>\. Try") as caught:
        ranker_at(judge).rank([WINDOW])
    assert judge.url.split("/")[2] in str(caught.value)
    judge.script = [STALL] * 4
    with pytest.raises(RankerError, match="in 4 tries: it took too long"):
        ranker_at(judge, patience=HASTIEST).rank([WINDOW])


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ranker = RemoteRanker(f"http://127.0.0.1:{free.getsockname()[1]}/v1", "m", patience=HASTY)
        with pytest.raises(RankerError, match=r"did not answer in 3 tries: .*refused"):
            ranker.rank([WINDOW])


@pytest.mark.parametrize(
    ("said", "key", "sentence"),
    [
        (Say(401, "who?"), None, "wants a key and there is none: set VALUEFLOW_JUDGE_KEY"),
        (
            Say(401, {"error": {"message": f"bad {KEY}."}}),
            KEY,
            r"the key \(401\): bad \*\*\*\. Set",
        ),
        (Say(403, {"error": "no"}), KEY, r"the key \(403\): no\. Set"),
        (Say(404, {"error": {"message": "no such"}}), KEY, r"model 'some-model'.*\(404\): no such"),
        (Say(400, {"detail": "too long"}), KEY, r"request \(400\): \{'detail': 'too long'\}"),
        (Say(301, "", {"Location": "/v2"}), KEY, r"refuses the request \(301\)"),
        (Say(429, {"error": {"code": "insufficient_quota", "message": "pay"}}), KEY, "429.*: pay"),
        (Say(200, "<html>hello</html>"), KEY, "no chat completion: '<html>hello</html>'"),
        (Say(200, {"choices": []}), KEY, "no chat completion"),
        (Say(200, [1]), KEY, r"no chat completion: '\[1\]'"),
    ],
)
def test_a_refusal_is_final_and_clear(
    judge: Judge, said: Say, key: str | None, sentence: str
) -> None:
    judge.script = [said] * 3
    with pytest.raises(RankerError, match=sentence) as caught:
        ranker_at(judge, key=key).rank([WINDOW])
    assert len(judge.questions) == 1
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_after_a_refusal_nothing_else_is_asked(judge: Judge) -> None:
    judge.script = [Say(401, "no")] * 100
    with pytest.raises(RankerError, match="refuses the key"):
        ranker_at(judge, key=KEY, at_once=2).rank([WINDOW] * 40)
    assert len(judge.questions) <= 2


def test_a_wait_ends_when_another_question_is_refused(judge: Judge) -> None:
    judge.script = [Say(429, "", {"Retry-After": "600"}), Say(404, "no")]
    begun = time.monotonic()
    with pytest.raises(RankerError, match="404"):
        ranker_at(judge, at_once=2, patience=Patience(longest_wait=900)).rank([WINDOW] * 2)
    assert time.monotonic() - begun < 300


def test_no_more_are_asked_at_once_than_allowed() -> None:
    together = threading.Barrier(3)

    def answer(texts: list[str]) -> str:
        together.wait(timeout=20)  # passes only when three questions are there
        return json.dumps(list(range(1, len(texts) + 1)))

    with judging(Judge(answer)) as judge:
        assert ranker_at(judge, at_once=3).rank([WINDOW] * 9) == [(0, 1, 2)] * 9
    assert judge.most_at_once == 3
    assert len(judge.questions) == 9


@pytest.mark.parametrize("nonsense", ["I like the second.", "[1, 2]", "[1, 1, 2]", "[0, 1, 2]", ""])
def test_nonsense_is_asked_about_once(judge: Judge, nonsense: str) -> None:
    judge.script = [nonsense]
    assert ranker_at(judge).rank([WINDOW]) == [LONGEST_FIRST]
    first, second = (q["messages"] for q in judge.questions)
    assert second[:1] == first
    assert second[1] == {"role": "assistant", "content": nonsense}
    assert second[2]["content"].startswith("That is no order of the 3 texts")


def test_nonsense_twice_is_an_error(judge: Judge) -> None:
    judge.script = ["yes", "n" * 200]
    with pytest.raises(RankerError, match=r"asked twice for an order of 3 .* 'n{77}\.\.\.'"):
        ranker_at(judge).rank([WINDOW])


def test_a_refused_answer_without_content_is_nonsense(judge: Judge) -> None:
    empty = Say(200, {"choices": [{"message": {"content": None, "refusal": "I will not."}}]})
    judge.script = [empty, completion("3, 2, 1")]
    assert ranker_at(judge).rank([WINDOW]) == [(2, 1, 0)]


def test_a_model_that_takes_no_temperature_gets_none(judge: Judge) -> None:
    judge.script = [Say(400, {"error": {"message": "Unsupported value: 'temperature'"}})]
    ranker = ranker_at(judge)
    assert ranker.rank([WINDOW]) == [LONGEST_FIRST]
    assert ranker.rank([WINDOW]) == [LONGEST_FIRST]
    assert [("temperature" in q) for q in judge.questions] == [True, False, False]


def test_the_key_is_in_no_log_and_no_repr(judge: Judge, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx")  # other code may have silenced it
    ranker = ranker_at(judge, key=KEY)
    judge.script = [BUSY]
    ranker.rank([WINDOW])
    assert "chat/completions" in caplog.text  # httpx does log its requests
    assert KEY not in caplog.text
    assert KEY not in repr(ranker) + ranker.version


def test_settings_make_the_ranker(judge: Judge, home: Path, monkeypatch) -> None:
    for name in ("VALUEFLOW_JUDGE_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    studio = Studio(settings(home=home, judge_url=judge.url + "/", judge_model="m"))
    assert studio.ranker("remote").rank([WINDOW]) == [LONGEST_FIRST]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    remote_ranker(studio.settings).rank([WINDOW])
    monkeypatch.setenv("VALUEFLOW_JUDGE_KEY", KEY)
    remote_ranker(studio.settings).rank([WINDOW])
    assert judge.keys == [None, "Bearer sk-other", f"Bearer {KEY}"]
    assert set(studio._parts) == {"ranker remote"}  # nothing else was loaded


def test_a_key_for_another_address_stays_at_home() -> None:
    """OPENAI_API_KEY goes over https or to this computer; a key for the judge goes to it."""

    def sent(url: str, **environ: str) -> str | None:
        ranker = remote_ranker(settings(judge_url=url, judge_model="m"), environ)
        authorization = ranker._endpoint._client.headers.get("Authorization")
        return authorization.removeprefix("Bearer ") if authorization else None

    assert sent("https://judge.example/v1", OPENAI_API_KEY="a") == "a"
    assert sent("http://localhost:8000/v1", OPENAI_API_KEY="a") == "a"
    assert sent("http://judge.example/v1", OPENAI_API_KEY="a") is None
    assert sent("http://judge.example/v1", OPENAI_API_KEY="a", VALUEFLOW_JUDGE_KEY="b") == "b"
    assert sent("https://judge.example/v1", OPENAI_API_KEY="a", VALUEFLOW_JUDGE_KEY="") == "a"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "set VALUEFLOW_JUDGE_URL"),
        ({"judge_url": "https://judge.example/v1"}, "VALUEFLOW_JUDGE_MODEL"),
        ({"judge_url": "judge.example", "judge_model": "m"}, "'judge.example' is none"),
        ({"judge_url": "ftp://judge.example", "judge_model": "m"}, "is none"),
        ({"judge_url": "https:///v1", "judge_model": "m"}, "is none"),
        ({"judge_url": "https://judge:x/v1", "judge_model": "m"}, "is none"),
    ],
)
def test_settings_that_name_no_judge(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(RankerError, match=sentence):
        remote_ranker(settings(**given), {})


def test_a_key_that_is_none_is_not_shown() -> None:
    with pytest.raises(RankerError) as caught:
        RemoteRanker("https://judge.example/v1", "m", key="sk-täst 1")
    assert "täst" not in str(caught.value)


def test_the_version_tells_judges_apart() -> None:
    def version(url: str, model: str) -> str:
        return RemoteRanker(url, model).version

    ours = version("https://judge.example/v1", "m")
    assert ours == version("https://judge.example/v1/", "m")
    assert len({ours, version("https://judge.example:8/v1", "m")}) == 2
    assert ours != version("https://judge.example/v1", "m2")


def test_there_is_no_other_ranker() -> None:
    def not_needed() -> Any:
        raise AssertionError("loaded for nothing")

    with pytest.raises(RankerError, match=r"no ranker 'gpt': .* hives, llm, remote"):
        make_ranker("gpt", settings=settings(), space=not_needed, judge=not_needed)


@given(st.permutations(range(6)), st.sampled_from(["json", ", ", " > ", "\n", "fence", "think"]))
def test_an_order_is_read_in_whatever_form(order: list[int], form: str) -> None:
    numbers = [i + 1 for i in order]
    listed = json.dumps(numbers)
    answer = {
        "json": listed,
        "fence": f"```json\n{listed}\n```",
        "think": f"<think>\nFirst [1, 2], then...\n</think>\n\n{listed}",
    }.get(form) or form.join(map(str, numbers))
    assert parse_order(answer, 6) == tuple(order)


@given(st.text() | st.text(alphabet='[]{}0123456789," :>'), st.integers(2, 6))
def test_no_answer_is_read_as_what_is_no_order(answer: str, n: int) -> None:
    order = parse_order(answer, n)
    assert order is None or sorted(order) == list(range(n))


@pytest.mark.parametrize(
    ("answer", "order"),
    [
        ('{"order": [2, 1, 3]}', (1, 0, 2)),
        ('["2", "1", "3"]', (1, 0, 2)),
        ("2, 1, 3.", (1, 0, 2)),
        ("[true, 2, 3]", None),
        ("[1.0, 2.0, 3.0]", None),
        ("[[1, 2, 3]]", None),
        ("The order is [1, 2, 3]", None),
        ("1, 2, 3, 4", None),
        ("[" * 100_000, None),
        ("9" * 5000, None),
        ("[" + "9" * 5000 + "]", None),
    ],
)
def test_answers_by_hand(answer: str, order: tuple[int, ...] | None) -> None:
    assert parse_order(answer, 3) == order
