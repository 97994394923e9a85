"""Train the built-in chat model from scratch on composed dialogues.

``python -m training.train_chat --minutes 115 --out build/chat`` writes a checkpoint every 300
steps and goes on from it when started again; it logs the losses of prompted, injected and calm
replies apart. The learning rate follows the clock, not the step, so that a slower machine ends
with an annealed model too. Before a run on a CPU see training/README.md for the allocator.
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from training.dialogues import Composer, Part
from training.injection import FIRST, LAST, STRENGTH, plan, value_directions
from training.network import Chat, Shape
from training.tokens import PAD, Tokens, encode_dialogue, load_tokenizer, train_tokenizer

VIDB = Path(__file__).parent.parent / "models" / "vidb-seed.csv"
READING = 0.7  # weight of the reading loss beside the cross-entropy
# Weight decay of Muon's matrices. Without it their norms, and with them the hidden states, grow
# without end, and the steps become small beside them.
DECAY = 0.05
CALM, PROMPTED, INJECTED = 0, 1, 2


def read_vidb() -> list[dict[str, str]]:
    """The rows of the built-in VIDB."""
    with open(VIDB, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_tokenizer(path: Path, size: int) -> Tokenizer:
    """Load it, or train it on dialogues and save it."""
    if not path.exists():
        composer = Composer(random.Random(0), read_vidb())
        texts = [p.text for _ in range(40_000) for p in composer.dialogue()]
        roles = [f"{role}\n" for role in ("system", "user", "assistant")]
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer([*texts, *roles], size).save(str(path))
    return load_tokenizer(path)


def batches(
    composer: Composer, tokenizer: Tokenizer, tokens: int, pool: int = 1024, longest: int = 1024
) -> Iterator[list[Tokens]]:
    """Endless batches of about ``tokens`` tokens; dialogues of like length go together."""
    while True:
        drawn = [encode_dialogue(tokenizer, composer.dialogue()) for _ in range(pool)]
        drawn = sorted((d for d in drawn if len(d.ids) <= longest), key=lambda d: len(d.ids))
        groups: list[list[Tokens]] = [[]]
        for d in drawn:
            if groups[-1] and (len(groups[-1]) + 1) * len(d.ids) > tokens:
                groups.append([])
            groups[-1].append(d)
        composer.rng.shuffle(groups)
        yield from groups


def padded(group: list[Tokens]) -> tuple[Tensor, Tensor, Tensor, list[Part]]:
    """ids, segment and target, [b, t] each, and the batch's replies.

    Replies are numbered from 1 over the whole batch; segment 0 is "no reply here".
    """
    length = max(len(d.ids) for d in group)
    ids = torch.full((len(group), length), PAD)
    segment = torch.zeros((len(group), length), dtype=torch.long)
    target = torch.zeros((len(group), length), dtype=torch.bool)
    replies: list[Part] = []
    for i, d in enumerate(group):
        n = len(d.ids)
        ids[i, :n] = torch.tensor(d.ids)
        segment[i, :n] = torch.tensor([s + 1 + len(replies) if s >= 0 else 0 for s in d.segment])
        target[i, :n] = torch.tensor(d.target)
        replies += d.replies
    return ids, segment, target, replies


def forward(
    model: Chat, group: list[Tokens], directions: Tensor, norm: float, rng: random.Random
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Cross-entropy of each reply token, each token's channel, the reading loss, and the typical
    norm of the steered hidden states (``norm`` is the running one that vectors are scaled by)."""
    ids, segment, target, replies = padded(group)
    add, read, weight = plan(replies, directions, STRENGTH * norm, rng)
    table = torch.cat((torch.zeros_like(add[:, :1]), add), 1)
    added = {FIRST + j: table[j][segment] for j in range(len(table)) if table[j].any()}
    predicts = target[:, 1:]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        last, states = model(ids, added)
        logits = model.logits(last[:, :-1][predicts])
    loss = F.cross_entropy(logits.float(), ids[:, 1:][predicts], reduction="none")
    inside = segment > 0
    which = segment[inside] - 1
    reading, size = loss.new_zeros(()), 0.0
    for j in range(LAST - FIRST + 1):
        steered = states[FIRST + j][inside].float()
        size += steered.detach().norm(dim=1).mean().item() / len(weight)
        seen = steered @ directions.T / (STRENGTH * norm)
        reading = reading + (weight[j][which] * ((seen - read[j][which]) ** 2).sum(1)).mean()
    channels = [INJECTED if r.injected else PROMPTED if r.targets else CALM for r in replies]
    return loss, torch.tensor(channels)[segment[:, 1:][predicts] - 1], reading, size


def optimizers(model: Chat) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for the embedding and the norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=DECAY),
        torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def schedule(progress: float) -> float:
    """Warm up over 1%, hold, then fall linearly over the last half."""
    return min(1.0, progress / 0.01 + 0.02, 2 * (1 - progress) + 0.01)


class Run:
    """A training run: the model, its optimizers and how far it has come."""

    def __init__(self, out: Path, minutes: float, shape: Shape) -> None:
        self.out, self.minutes, self.shape = out, minutes, shape
        self.model, self.directions = Chat(shape), value_directions(shape.width)
        self.optims = optimizers(self.model)
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.optims]
        self.done: dict[str, Any] = {"step": 0, "seen": 0, "seconds": 0.0, "norm": 1.0}
        self.checkpoint = out / "checkpoint.pt"
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint)
            self.model.load_state_dict(saved["model"])
            for o, state in zip(self.optims, saved["optimizers"], strict=True):
                o.load_state_dict(state)
            self.done = saved["done"]

    @property
    def progress(self) -> float:
        """From 0 to 1, by the clock."""
        return float(self.done["seconds"]) / (self.minutes * 60)

    def save(self) -> None:
        """Replace the checkpoint whole."""
        fresh = self.checkpoint.with_suffix(".new")
        state = {"model": self.model.state_dict(), "shape": self.shape.json(), "done": self.done}
        torch.save({**state, "optimizers": [o.state_dict() for o in self.optims]}, fresh)
        fresh.replace(self.checkpoint)

    def step(self, group: list[Tokens], rng: random.Random) -> tuple[float, float, float]:
        """One step of the optimizers; the losses of prompted and injected replies, and reading."""
        began = time.monotonic()
        for o, rates in zip(self.optims, self.rates, strict=True):
            for g, rate in zip(o.param_groups, rates, strict=True):
                g["lr"] = rate * schedule(self.progress)
        norm = self.done["norm"]
        loss, channel, reading, size = forward(self.model, group, self.directions, norm, rng)
        (loss.mean() + READING * reading).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for o in self.optims:
            o.step()
            o.zero_grad()
        self.done["norm"] += (size - norm) * max(0.01, 1 / (self.done["step"] + 1))
        self.done["step"] += 1
        self.done["seen"] += sum(len(d.ids) for d in group)
        self.done["seconds"] += time.monotonic() - began
        by_channel = [loss[channel == c].detach() for c in (PROMPTED, INJECTED)]
        prompted, injected = (x.mean().item() if len(x) else float("nan") for x in by_channel)
        return prompted, injected, reading.item()

    @torch.no_grad()
    def evaluate(self, groups: list[list[Tokens]]) -> dict[str, float]:
        """Held-out loss of calm, prompted and injected replies, and the reading loss."""
        rng = random.Random(0)
        total: dict[int, list[float]] = defaultdict(list)
        reads = []
        for group in groups:
            loss, channel, reading, _ = forward(
                self.model, group, self.directions, self.done["norm"], rng
            )
            reads.append(reading.item())
            for c in (CALM, PROMPTED, INJECTED):
                total[c] += loss[channel == c].tolist()
        names = {"calm": CALM, "prompted": PROMPTED, "injected": INJECTED}
        out = {n: round(sum(total[c]) / max(1, len(total[c])), 4) for n, c in names.items()}
        return {**out, "reading": round(sum(reads) / len(reads), 4)}


def log(**line: Any) -> None:
    """One JSON object a line."""
    print(json.dumps(line), flush=True)


def train(run: Run, tokenizer: Tokenizer, tokens: int) -> None:
    """Until the clock runs out."""
    dev = batches(Composer(random.Random(5), read_vidb(), dev=True), tokenizer, tokens)
    dev_groups = [next(dev) for _ in range(8)]
    began_at = run.done["step"]
    composer = Composer(random.Random(f"train {began_at}"), read_vidb())
    rng = random.Random(f"vectors {began_at}")
    log(params=sum(p.numel() for p in run.model.parameters()), **run.shape.json())
    recent: list[tuple[float, float, float]] = []
    for group in batches(composer, tokenizer, tokens):
        if run.progress >= 1:
            break
        recent.append(run.step(group, rng))
        if run.done["step"] % 50 == 0:
            means = [round(m, 4) for m in torch.tensor(recent).nanmean(0).tolist()]
            recent.clear()
            names = ("prompted", "injected", "reading")
            log(**run.done, train=dict(zip(names, means, strict=True)))
        if run.done["step"] % 300 == 0:
            log(step=run.done["step"], dev=run.evaluate(dev_groups))
            run.save()
    run.save()
    log(**run.done, dev=run.evaluate(dev_groups))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--out", type=Path, default=Path("build/chat"))
    ap.add_argument("--minutes", type=float, default=115)
    ap.add_argument("--tokens", type=int, default=6144, help="tokens a step")
    ap.add_argument("--layers", type=int, default=6)
    ap.add_argument("--vocab", type=int, default=4096)
    ap.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    args = ap.parse_args()
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    if args.threads:
        torch.set_num_threads(args.threads)
    tokenizer = make_tokenizer(args.out / "tokenizer.json", args.vocab)
    shape = Shape(vocab=tokenizer.get_vocab_size(), layers=args.layers)
    train(Run(args.out, args.minutes, shape), tokenizer, args.tokens)


if __name__ == "__main__":
    main()
