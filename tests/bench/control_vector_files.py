"""Control-vector files against llama.cpp's tools: ``python -m tests.bench.control_vector_files``.

First ``sh tests/bench/llama_tools/build.sh``. Ours in llama.cpp: `llama-completion
--control-vector-scaled` writes the likeliest tokens under a value's exported direction; the same
prompt decoded here under the same vector gives how many of them agree. llama.cpp's here:
`llama-cvector-generator` makes a file, and it is read.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from chat_app.chat.studio import Studio
from chat_app.llm.context import Context
from chat_app.llm.model import ChatModel
from chat_app.settings import settings
from chat_app.steering.control_vector import ControlVector

ASKED = "Should I lend my brother money?"
LENGTH = 40  # tokens
CASES = (
    ("svt/benevolence", 0.4), ("svt/benevolence", -0.4), ("svt/power", 0.4), ("svt/power", -0.4),
)  # fmt: skip


def ours(model: ChatModel, prompt: str, vector: ControlVector) -> str:
    """The likeliest tokens, with the vector on from the first token, as llama-completion has it."""
    context = Context(model, n_ctx=512, n_threads=1)
    try:
        context.set_vector(vector.buffer())
        tokens = model.tokenize(prompt, special=True)
        context.decode(tokens, range(len(tokens)), logits=[len(tokens) - 1])
        written: list[int] = []
        while len(written) < LENGTH:
            token = int(np.argmax(context.logits()))
            if model.ends_reply(token):
                break
            context.decode([token], [len(tokens) + len(written)], logits=[0])
            written.append(token)
    finally:
        context.close()
    return b"".join(map(model.piece, written)).decode("utf-8", errors="replace")


def theirs(tools: Path, model: Path, prompt: str, file: Path) -> str:
    """The same from llama-completion, which reads the file."""
    command = [
        *(str(tools / "llama-completion"), "-m", str(model), "-p", prompt, "-n", str(LENGTH)),
        *("--control-vector-scaled", f"{file}:1", "--temp", "0", "-t", "1", "-c", "512"),
        *("-no-cnv", "--no-display-prompt", "--no-warmup"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def agreeing(a: str, b: str) -> int:
    """How many words two texts have in common from their beginning."""
    same = 0
    for x, y in zip(a.split(), b.split(), strict=False):
        if x != y:
            break
        same += 1
    return same


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--tools", type=Path, default=Path("build/llama-tools/bin"))
    tools = ap.parse_args().tools
    studio = Studio(settings().model_copy(update={"model": "builtin"}))
    model = studio.model
    prompt = model.render([{"role": "user", "content": ASKED}], open_reply=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "direction.gguf"
        for value, coefficient in CASES:
            vector = coefficient * studio.directions[value]
            vector.to_gguf(file)
            here = ours(model, prompt, vector)
            there = theirs(tools, model.info.path, prompt, file)
            print(f"{value} {coefficient:+g}: {agreeing(here, there)} of {len(here.split())} words")
            print(f"  here  {here!r}\n  there {there.strip()!r}")
        texts = {"positive": "I help my friends.\n", "negative": "I never help anybody.\n"}
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        made = Path(folder) / "made.gguf"
        command = [
            *(str(tools / "llama-cvector-generator"), "-m", str(model.info.path), "-t", "1"),
            *("--positive-file", str(Path(folder) / "positive"), "--method", "mean"),
            *("--negative-file", str(Path(folder) / "negative"), "-o", str(made)),
        ]
        subprocess.run(command, capture_output=True, check=True, timeout=300)
        read = ControlVector.from_gguf(made, model.info)
        read.check_fits(model.info)
        print(f"llama-cvector-generator's file: {read}, layers {read.layers}")


if __name__ == "__main__":
    main()
