"""What ``/metrics`` tells, in Prometheus's text format; a registry of its own for each server."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from chat_app.llm.engine import Reply

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """Counters of one server. Running and waiting replies are asked of the studio's engine, and
    so include those of the page."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "valueflow_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self.hung_up = Counter(
            "valueflow_clients_gone", "Clients that left before their answer.", registry=registry
        )
        self.scores = Counter("valueflow_scores", "Replies' scores measured.", registry=registry)
        self._tokens = Counter(
            "valueflow_tokens",
            "Tokens of prompts that were read, of prompts found in the cache, and of replies.",
            ["kind"],
            registry=registry,
        )
        self._first = Histogram(
            "valueflow_time_to_first_token_seconds",
            "From the request to a reply's first token.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._speed = Histogram(
            "valueflow_reply_tokens_per_second",
            "Speed of each reply after its first token.",
            buckets=_SPEEDS,
            registry=registry,
        )
        load = Gauge("valueflow_replies", "Replies at this moment.", ["state"], registry=registry)
        load.labels("running").set_function(lambda: self._load()[0])
        load.labels("waiting").set_function(lambda: self._load()[1])
        loaded = Gauge("valueflow_model_loaded", "1 once the model is loaded.", registry=registry)
        loaded.set_function(lambda: float(studio.loaded_model is not None))

    def replied(self, reply: Reply) -> None:
        """Count a reply that came to an end."""
        self._tokens.labels("prompt").inc(reply.prompt_tokens - reply.reused_tokens)
        self._tokens.labels("prompt_cached").inc(reply.reused_tokens)
        self._tokens.labels("reply").inc(reply.reply_tokens)
        if reply.reply_tokens:
            self._first.observe(reply.ttft_s)
        if reply.tokens_per_s:
            self._speed.observe(reply.tokens_per_s)

    def text(self) -> bytes:
        """The whole page."""
        return generate_latest(self._registry)

    def _load(self) -> tuple[int, int]:
        return self._studio.engine.load if self._studio.ready else (0, 0)
