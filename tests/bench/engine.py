"""The engine against llama.cpp's own tools: ``python -m tests.bench.engine --model FILE``.

First ``sh tests/bench/llama_tools/build.sh``, and for the model that the project's targets are set
for, ``python -m training.make_bench_model``. Each comparison runs both sides by turns, on the same
file and as many threads, and prints the medians and the ratio that a target is set for:

1. writing: one reply at a time against ``llama-bench -p 0 -n 64``, which draws no tokens, it only
   decodes; without a vector and with one; reading: against ``llama-bench -p 512 -n 0``.
2. The first token on the tenth turn against decoding its new tokens alone.
3. Tokens a second of 8 conversations against those of one.
4. The activation bank against ``llama-cvector-generator`` on the same texts; with the prompts
   before them, which they share and it reads each time, and without. Loading the model is left out
   on both sides: of its time, that of a run with one pair of texts is taken off.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from chat_app.chat.bench import BANK_TEXTS, Bench
from chat_app.llm.context import default_threads
from chat_app.llm.context_options import ContextOptions
from chat_app.llm.hidden_states import span_states
from chat_app.llm.model import ChatModel
from chat_app.llm.prompt import Turn
from chat_app.steering.bank import reading
from chat_app.steering.prompts import BANK_QUESTION, intensity_prompt
from chat_app.vidb.loading import Anchor, load_vidb


class Tools:
    """llama.cpp's tools in ``folder``, run on ``model`` with ``threads``."""

    def __init__(self, folder: Path, model: Path, threads: int) -> None:
        self._folder, self._model, self._threads = folder, model, threads

    def tokens_per_s(self, *, prompt: int = 0, reply: int = 0, flash: str = "auto") -> float:
        """llama-bench, once, after its own warm-up; ``flash`` attention as it is by default."""
        lengths = "-p", str(prompt), "-n", str(reply)
        done = self._run("llama-bench", *lengths, "-fa", flash, "-r", "1", "-o", "json")
        return float(json.loads(done)[0]["avg_ts"])

    def cvector_seconds(self, texts: Sequence[str], folder: Path) -> float:
        """llama-cvector-generator on ``texts``, of which neighbours become pairs."""
        for name, lines in (("positive", texts[::2]), ("negative", texts[1::2])):
            escaped = (line.replace("\\", "\\\\").replace("\n", "\\n") for line in lines)
            (folder / name).write_text("\n".join(escaped) + "\n", encoding="utf-8")
        begun = time.perf_counter()
        self._run(
            *("llama-cvector-generator", "--method", "mean", "-c", "1024"),
            *("--positive-file", str(folder / "positive")),
            *("--negative-file", str(folder / "negative"), "-o", str(folder / "out.gguf")),
        )
        return time.perf_counter() - begun

    def _run(self, tool: str, *args: str) -> str:
        command = [str(self._folder / tool), "-m", str(self._model), "-t", str(self._threads)]
        return subprocess.run([*command, *args], check=True, capture_output=True, text=True).stdout


def compare(what: str, ours: float, theirs: float, ratio: float, target: str = "") -> None:
    print(f"{what:<44} {ours:>9.3f} {theirs:>9.3f} {ratio:>7.3f}  {target}", flush=True)


def writing(bench: Bench, tools: Tools, runs: int) -> None:
    """Ratios are medians of each run's own."""
    plain, steered, theirs, alike = [], [], [], []
    for _ in range(runs):
        theirs.append(tools.tokens_per_s(reply=bench.lengths.reply))
        alike.append(tools.tokens_per_s(reply=bench.lengths.reply, flash="off"))
        found = bench.one_reply(1)
        plain.append(found["reply_tokens_per_s"])
        steered.append(found["reply_tokens_per_s_vector"])
    ratio = median(a / b for a, b in zip(plain, theirs, strict=True))
    compare("reply tokens/s, llama-bench tg", median(plain), median(theirs), ratio, ">= 0.95")
    ratio = median(a / b for a, b in zip(plain, alike, strict=True))
    compare("  the same without flash attention", median(plain), median(alike), ratio)
    ratio = median(a / b for a, b in zip(steered, plain, strict=True))
    compare("with a vector, without", median(steered), median(plain), ratio, ">= 0.98")


def reading_prompts(bench: Bench, tools: Tools, runs: int) -> None:
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(tools.tokens_per_s(prompt=bench.lengths.prompt))
        ours.append(bench.prompt(1)["prompt_tokens_per_s"])
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    compare("prompt tokens/s, llama-bench pp", median(ours), median(theirs), ratio)


def tenth_turn(bench: Bench) -> None:
    found = bench.tenth_turn()
    first, alone = found["turn10_ttft_s"], found["turn10_new_tokens_s"]
    compare("turn 10: first token s, new tokens alone s", first, alone, first / alone, "<= 1.3")


def conversations(bench: Bench) -> None:
    rates = bench.conversations()["conversations"]
    compare("tokens/s of 8 conversations, of 1", rates[8], rates[1], rates[8] / rates[1], ">= 3")


def bank(tools: Tools, model: ChatModel, runs: int) -> None:
    anchors = load_vidb().anchors[:BANK_TEXTS]
    alone = [model.tokenize(anchor.text) for anchor in anchors]
    in_dialogues, bare = (
        ([reading(model, anchor) for anchor in anchors], [in_dialogue(model, a) for a in anchors]),
        ([(tokens, (0, len(tokens))) for tokens in alone], [anchor.text for anchor in anchors]),
    )
    kinds = (
        ("bank s, llama-cvector-generator s", *in_dialogues, "<= 1"),
        ("  the same without the prompts before them", *bare, ""),
    )
    with tempfile.TemporaryDirectory() as folder:
        for what, readings, texts, target in kinds:
            tokens, spans = zip(*readings, strict=True)
            by_length = sorted(texts, key=lambda text: len(model.tokenize(text, special=True)))
            ours, theirs = [], []
            for _ in range(runs):
                loading = tools.cvector_seconds(by_length[:2], Path(folder))
                theirs.append(tools.cvector_seconds(by_length, Path(folder)) - loading)
                ours.append(seconds(lambda: span_states(model, tokens, spans)))  # noqa: B023
            ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
            compare(what, median(ours), median(theirs), ratio, target)


def in_dialogue(model: ChatModel, anchor: Anchor) -> str:
    """The text whose tokens ``reading`` gives."""
    turns = [
        Turn("system", intensity_prompt({anchor.value: anchor.intensity})),
        Turn("user", BANK_QUESTION),
    ]
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    return model.render(messages, open_reply=True) + anchor.text


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--model", type=Path, default=Path("build/bench-300m-q4_0.gguf"))
    ap.add_argument("--tools", type=Path, default=Path("build/llama-tools/bin"))
    ap.add_argument("--threads", type=int, help="default: as many as the chat takes")
    ap.add_argument("--runs", type=int, default=5)
    parts = ("writing", "reading", "turn10", "conversations", "bank")
    ap.add_argument("--flash", choices=("auto", "on", "off"), default="auto", help="ours")
    ap.add_argument("--parts", nargs="+", choices=parts, default=parts)
    args = ap.parse_args()
    model = ChatModel.load(args.model)
    threads = args.threads or default_threads(model.n_params)[0]
    bench, tools = (
        Bench(
            model,
            load_vidb(),
            n_threads=threads,
            options=ContextOptions(flash_attention=args.flash),
        ),
        Tools(args.tools, args.model, threads),
    )
    work = {
        "writing": lambda: writing(bench, tools, args.runs),
        "reading": lambda: reading_prompts(bench, tools, args.runs),
        "turn10": lambda: tenth_turn(bench),
        "conversations": lambda: conversations(bench),
        "bank": lambda: bank(tools, model, min(3, args.runs)),
    }
    print(f"{args.model.name}, {threads} threads, flash attention {args.flash}")
    print(f"{'':<44} {'ours':>9} {'other':>9} {'ratio':>7}  target")
    for part in args.parts:
        work[part]()


if __name__ == "__main__":
    main()
