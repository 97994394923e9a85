"""One question to an OpenAI-compatible endpoint, asked until it is answered or refused."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from chat_app.evaluation.ranking import RankerError

Message = dict[str, str]

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # states that waiting may mend
_SHOWN = 160  # characters of a server's own words in our sentence


@dataclass(frozen=True)
class Patience:
    """How long an endpoint is waited for; all but ``tries`` in seconds.

    After the n-th failure that waiting may mend the next try comes after what the server asks for
    (Retry-After), or else after ``first_wait`` x 2^(n-1), at most ``longest_wait``, shortened at
    random by up to a half so that many that wait do not come back at once. Where nobody takes the
    call, ``calls`` tries are enough: most often nothing runs there.
    """

    tries: int = 6
    calls: int = 3
    first_wait: float = 1.0
    longest_wait: float = 60.0
    connect: float = 10.0
    read: float = 120.0


class Stopped(Exception):
    """Another question has failed for good, so that this one is not asked any more."""


def web_address(url: str) -> httpx.URL:
    """``url`` taken apart; raises RankerError where it is no web address."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise RankerError(
            f"The judge's address {url!r} is none: it must look like https://host/v1 "
            "(VALUEFLOW_JUDGE_URL)."
        )
    return address


class Endpoint:
    """``model`` at ``url`` ("https://host/v1"). ``key`` goes into the request's header only.

    Threads may share it; nothing is sent before the first question. Raises RankerError for what
    is no web address and for a key that no header can hold.
    """

    def __init__(
        self, url: str, model: str, *, key: str | None = None, patience: Patience | None = None
    ) -> None:
        address = web_address(url)
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise RankerError(
                "The judge's key holds blanks or letters that no key has; set it again "
                "(VALUEFLOW_JUDGE_KEY)."
            )
        self.host = f"{address.host}:{address.port}" if address.port else address.host
        self.model = model
        base = address.path.rstrip("/").removesuffix("/chat/completions")
        self._address = address.copy_with(path=f"{base}/chat/completions")
        self._key = key
        self._patience = patience or Patience()
        self._temperature: float | None = 0.0
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._patience.read, connect=self._patience.connect),
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def ask(self, messages: Sequence[Message], stop: threading.Event) -> str:
        """The text that the model answers to ``messages``.

        Raises RankerError that says who refused what, or that nothing came after all tries;
        Stopped once ``stop`` is set.
        """
        for n in range(1, self._patience.tries + 1):
            if stop.is_set():
                raise Stopped
            wait, last = None, self._patience.tries
            try:
                response = self._post(messages)
            except httpx.TimeoutException:
                problem = "it took too long"
            except httpx.RequestError as error:
                problem = self._quoted(str(error)) or type(error).__name__
                if isinstance(error, httpx.ConnectError):
                    last = min(last, self._patience.calls)
            else:
                if response.is_success:
                    return self._answer(response)
                self._refusal(response)
                problem = f"{response.status_code} {self._words(response)}".strip()
                wait = _retry_after(response)
            if n >= last:
                break
            stop.wait(self._delay(n, wait, problem))
        raise RankerError(
            f"The judge at {self.host} did not answer in {n} tries: {problem}. "
            "Try again later, or check VALUEFLOW_JUDGE_URL."
        )

    def _post(self, messages: Sequence[Message]) -> httpx.Response:
        body: dict[str, Any] = {"model": self.model, "messages": list(messages)}
        temperature = self._temperature
        if temperature is None:
            return self._client.post(self._address, json=body)
        response = self._client.post(self._address, json=body | {"temperature": temperature})
        if response.status_code == 400 and "temperature" in self._words(response):
            # Models that think aloud first take no temperature but their own.
            self._temperature = None
            return self._client.post(self._address, json=body)
        return response

    def _answer(self, response: httpx.Response) -> str:
        try:
            content = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise RankerError(
                f"What {self.host} answers is no chat completion: {self._words(response)!r}. "
                "Check VALUEFLOW_JUDGE_URL."
            ) from None
        return content if isinstance(content, str) else ""

    def _refusal(self, response: httpx.Response) -> None:
        """Raise RankerError where asking again cannot help."""
        status, words = response.status_code, self._words(response)
        if status == 401 and self._key is None:
            raise RankerError(
                f"The judge at {self.host} wants a key and there is none: "
                "set VALUEFLOW_JUDGE_KEY (or OPENAI_API_KEY)."
            )
        if status in {401, 403}:
            raise RankerError(
                f"The judge at {self.host} refuses the key ({status}): {words}. "
                "Set VALUEFLOW_JUDGE_KEY to a valid one."
            )
        if status == 404:
            raise RankerError(
                f"{self.host} has no model {self.model!r}, or nothing at this address (404): "
                f"{words}. Check VALUEFLOW_JUDGE_MODEL and VALUEFLOW_JUDGE_URL."
            )
        if status not in _PASSING or "insufficient_quota" in response.text:
            raise RankerError(f"The judge at {self.host} refuses the request ({status}): {words}.")

    def _delay(self, n: int, asked: float | None, problem: str) -> float:
        longest = self._patience.longest_wait
        if asked is None:
            wait = min(longest, self._patience.first_wait * 2 ** (n - 1))
            return wait * random.uniform(0.5, 1.0)
        if asked > longest:
            raise RankerError(
                f"The judge at {self.host} asks to wait {asked:.0f} seconds: {problem}. "
                "Try again then."
            )
        return asked

    def _words(self, response: httpx.Response) -> str:
        """What the server says went wrong, on one line, without the key."""
        try:
            said = response.json()
        except ValueError:
            return self._quoted(response.text)
        if isinstance(said, dict):
            said = said.get("error", said)
        if isinstance(said, dict):
            said = said.get("message", said)
        return self._quoted(str(said))

    def _quoted(self, text: str) -> str:
        words = " ".join(text.split()).rstrip(".")
        if self._key:
            words = words.replace(self._key, "***")
        return words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from a number of them or a date; None where the header is missing or neither."""
    said = response.headers.get("Retry-After", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
