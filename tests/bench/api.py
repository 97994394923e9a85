"""What the API costs: ``python -m tests.bench.api [--model FILE]``.

Replies of a fixed length, to questions of their own, from 1 client and from 16 at once: streamed by
the engine itself into as many threads, and by ``valueflow serve`` in a process of its own to as
many connections. Both by turns; printed are the medians and the ratio of API to engine. The first
token is timed from the call, or the request, to the first piece of text.
"""

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from chat_app.llm.engine import Engine, Sampling, Turn
from chat_app.llm.model import ChatModel
from chat_app.settings import data_path

TOKENS = 64
CLIENTS = (1, 16)

# A question's number in, (seconds to the first text, seconds in all) of its reply out.
Ask = Callable[[int], tuple[float, float]]


def question(i: int) -> str:
    return f"Question {i}: should I lend my brother {i * 7} pounds, or keep them?"


def by_engine(engine: Engine, ends: list[int]) -> Ask:
    bias = tuple((token, -math.inf) for token in ends)

    def ask(i: int) -> tuple[float, float]:
        sampling = Sampling(seed=i, max_tokens=TOKENS, logit_bias=bias)
        return timed(piece.text for piece in engine.stream([Turn("user", question(i))], sampling))

    return ask


def by_api(client: httpx.Client, ends: list[int]) -> Ask:
    bias = {str(token): -100 for token in ends}

    def ask(i: int) -> tuple[float, float]:
        body = {
            "messages": [{"role": "user", "content": question(i)}],
            "seed": i, "max_tokens": TOKENS, "logit_bias": bias, "stream": True,
        }  # fmt: skip
        return timed(texts(client, body))

    return ask


def texts(client: httpx.Client, body: dict) -> Iterator[str]:
    """The pieces of text of a streamed answer."""
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""


def timed(pieces: Iterator[str]) -> tuple[float, float]:
    begun, first = time.perf_counter(), 0.0
    for text in pieces:
        if text and not first:
            first = time.perf_counter() - begun
    return first, time.perf_counter() - begun


def measure(ask: Ask, clients: int, start: int) -> tuple[float, float]:
    """(median seconds to the first text, tokens a second of all together)."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(ask, range(start, start + clients)))
    took = time.perf_counter() - begun
    return median(first for first, _ in found), clients * TOKENS / took


@contextmanager
def served(model: Path, threads: int | None) -> Iterator[httpx.Client]:
    """A client of ``valueflow serve`` with ``model``, which has been loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as home:
        env = {**os.environ, "VALUEFLOW_HOME": home}
        if threads:
            env["VALUEFLOW_N_THREADS"] = str(threads)
        command = [sys.executable, "-m", "chat_app", "serve", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--model", str(model)], env=env, stdout=subprocess.PIPE
        )
        try:
            assert process.stdout
            process.stdout.readline()  # it says where it is
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--model", type=Path, default=data_path("models", "builtin-chat.gguf"))
    ap.add_argument("--threads", type=int, help="default: as many as the chat takes")
    ap.add_argument("--runs", type=int, default=5)
    args = ap.parse_args()
    model = ChatModel.load(args.model)
    ends = [token for token in range(model.n_vocab) if model.ends_reply(token)]
    engine = Engine(model, n_threads=args.threads)
    with served(args.model, args.threads) as client:
        ways = {"engine": by_engine(engine, ends), "API": by_api(client, ends)}
        print(f"{args.model.name}, {args.runs} runs of {TOKENS} tokens a reply")
        print(f"{'':<34} {'engine':>9} {'API':>9} {'ratio':>7}")
        for clients in CLIENTS:
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for ask in ways.values():
                measure(ask, clients, 0)  # to warm up
            for run in range(args.runs):
                for way, ask in ways.items():
                    found[way].append(measure(ask, clients, 1000 * clients + 100 * run))
            for i, what in enumerate(("first token, ms", "tokens/s together")):
                scale = 1000 if i == 0 else 1
                ours, theirs = (
                    median(each[i] for each in found[way]) * scale for way in ("engine", "API")
                )
                name = f"{what}, {clients} client{'s' * (clients > 1)}"
                print(f"{name:<34} {ours:>9.1f} {theirs:>9.1f} {theirs / ours:>7.2f}", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
