"""The judge elsewhere: any model behind an OpenAI-compatible endpoint.

Only this ranker sends anything anywhere: the texts of each window, to the address that the user
set, when the user chose it.
"""

import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from chat_app.evaluation.endpoint import Endpoint, Message, Patience, Stopped, web_address
from chat_app.evaluation.judge_prompt import question, wording
from chat_app.evaluation.ranking import Lineup, NoOrder, Order, RankerError
from chat_app.settings import Settings

_FORM = "Answer with a JSON list of their numbers and nothing else."
_METHOD = 1  # goes up whenever the same answers would be read as another order
_AT_ONCE = 4
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```(?:json)?\s(.*)```", re.DOTALL)
_NUMBERS = re.compile(r"[0-9]{1,9}(?:[\s,;>]+[0-9]{1,9})*")
_NUMBER = re.compile(r"[0-9]{1,9}")
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class RemoteRanker:
    """Asks ``model`` at ``url`` for the order of each window, ``at_once`` windows at a time.

    Raises RankerError for what is no address.
    """

    name = "remote"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        at_once: int = _AT_ONCE,
        patience: Patience | None = None,
    ) -> None:
        self._endpoint = Endpoint(url, model, key=key, patience=patience)
        self._at_once = at_once
        self.version = f"{model}@{self._endpoint.host}-{wording(_FORM)}-{_METHOD}"

    def rank(self, windows: Sequence[Lineup]) -> list[Order]:
        """Orders of ``windows``; after one question has failed for good no other is asked.

        Raises RankerError: refused, out of reach, or twice an answer that is no order;
        UnknownValue for an unknown value.
        """
        asked = [_question(window) for window in windows]  # a wrong value costs no question
        stop = threading.Event()
        with ThreadPoolExecutor(self._at_once, "judge") as pool:
            orders = [
                pool.submit(self._order_or_stop, words, len(window.texts), stop)
                for words, window in zip(asked, windows, strict=True)
            ]
            try:
                wait(orders, return_when=FIRST_EXCEPTION)
                _raise_first(orders)
                return [order.result() for order in orders]
            except BaseException:  # an interrupt too
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _order_or_stop(self, words: str, n: int, stop: threading.Event) -> Order:
        try:
            return self._order(words, n, stop)
        except BaseException:
            stop.set()
            raise

    def _order(self, words: str, n: int, stop: threading.Event) -> Order:
        if n < 2:
            return tuple(range(n))
        messages: list[Message] = [{"role": "user", "content": words}]
        answer = self._endpoint.ask(messages, stop)
        order = parse_order(answer, n)
        if order is None:
            again = f"That is no order of the {n} texts: each of 1 to {n} must stand in it once. "
            messages.append({"role": "assistant", "content": answer})
            messages.append({"role": "user", "content": again + _FORM})
            answer = self._endpoint.ask(messages, stop)
            order = parse_order(answer, n)
        if order is None:
            shown = answer if len(answer) <= 80 else answer[:77] + "..."
            raise NoOrder(
                f"The judge {self._endpoint.model} at {self._endpoint.host} was asked twice for "
                f"an order of {n} texts and answered {shown!r}; choose another model "
                "(VALUEFLOW_JUDGE_MODEL)."
            )
        return order


def _question(window: Lineup) -> str:
    labels = [str(i + 1) for i in range(len(window.texts))]
    return question(window.value, window.texts, labels, _FORM)


def _raise_first(orders: Sequence["Future[Order]"]) -> None:
    """Raise what failed, not that others were stopped because of it."""
    failed = [order.exception() for order in orders if order.done()]
    for error in failed:
        if error is not None and not isinstance(error, Stopped):
            raise error


def parse_order(answer: str, n: int) -> Order | None:
    """The order that ``answer`` says with numbers 1 to n, as indices; None where it says none.

    It may be a JSON list, an object that holds one list, or bare numbers between commas, blanks
    or ">"; thoughts before it and a code fence around it are passed over, other words are not.

    >>> parse_order("[2, 3, 1]", 3), parse_order("2 > 3 > 1", 3), parse_order("2, 2, 1", 3)
    ((1, 2, 0), (1, 2, 0), None)
    """
    text = _THOUGHTS.sub("", answer).strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1].strip()
    numbers = _listed(text)
    if numbers is None or sorted(numbers) != list(range(1, n + 1)):
        return None
    return tuple(number - 1 for number in numbers)


def _listed(text: str) -> list[int] | None:
    if _NUMBERS.fullmatch(text.rstrip(".")):
        return [int(number) for number in re.findall("[0-9]+", text)]
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict) and len(said) == 1:
        (said,) = said.values()
    if not isinstance(said, list):
        return None
    numbers = [int(x) if isinstance(x, str) and _NUMBER.fullmatch(x) else x for x in said]
    return numbers if all(type(number) is int for number in numbers) else None


def remote_ranker(settings: Settings, environ: Mapping[str, str] = os.environ) -> RemoteRanker:
    """The judge of ``judge_url`` and ``judge_model``.

    Its key is ``VALUEFLOW_JUDGE_KEY``, or else ``OPENAI_API_KEY``, which goes only over https or
    to this computer: it was not set with this address in mind. Raises RankerError where address
    or model are not set.
    """
    if not settings.judge_url or not settings.judge_model:
        raise RankerError(
            "The remote ranker needs an address and a model: set VALUEFLOW_JUDGE_URL "
            "(https://host/v1) and VALUEFLOW_JUDGE_MODEL."
        )
    key = environ.get("VALUEFLOW_JUDGE_KEY")
    where = web_address(settings.judge_url)
    if not key and (where.scheme == "https" or where.host in _LOCAL):
        key = environ.get("OPENAI_API_KEY")
    return RemoteRanker(settings.judge_url, settings.judge_model, key=key or None)
