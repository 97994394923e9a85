"""Train the built-in chat model from scratch on composed dialogues.

``python -m training.train_chat --minutes 100 --out build/chat`` writes checkpoints, a log of the
losses of prompted, injected and calm replies apart, and resumes where it stopped. The learning rate
follows the clock, not the step, so that a slower machine ends with an annealed model too.
On a CPU, set the allocator free first (page faults are 40% of a step otherwise): see training/README.md.
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F

from training.dialogues import Composer
from training.injection import FIRST, LAST, STRENGTH, plan, value_directions
from training.network import Chat, Shape
from training.tokens import PAD, Tokens, encode_dialogue, load_tokenizer, train_tokenizer

VIDB = Path(__file__).parent.parent / "models" / "vidb-seed.csv"
# of Muon's matrices: without it their norms, and with them the hidden states, grow without end and
# the steps become small beside them
DECAY = 0.05
READING = 0.7  # weight of the reading loss beside the cross-entropy


def read_vidb() -> list[dict]:
    """The rows of the built-in VIDB."""
    with open(VIDB, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def make_tokenizer(path: Path, size: int):
    """Load, or train on dialogues and save."""
    if not path.exists():
        composer = Composer(random.Random(0), read_vidb())
        texts = [p.text for _ in range(40_000) for p in composer.dialogue()]
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer([*texts, *(f"{r}\n" for r in ("system", "user", "assistant"))], size).save(str(path))
    return load_tokenizer(path)


def batches(composer: Composer, tokenizer, tokens: int, pool: int = 1024, longest: int = 1024):
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


def forward(model: Chat, group: list[Tokens], directions: torch.Tensor, norm: float, rng: random.Random):
    """Cross-entropy of each reply token, each token's channel, the reading loss, and the typical
    norm of the steered hidden states (``norm`` is the running one that the vectors are scaled by)."""
    length = max(len(d.ids) for d in group)
    ids = torch.full((len(group), length), PAD)
    segment = torch.full((len(group), length), 0)
    target = torch.zeros((len(group), length), dtype=torch.bool)
    replies = []
    for i, d in enumerate(group):
        ids[i, : len(d.ids)] = torch.tensor(d.ids)
        # replies are numbered from 1 over the batch; 0 is "no reply here"
        segment[i, : len(d.ids)] = torch.tensor([s + 1 + len(replies) if s >= 0 else 0 for s in d.segment])
        target[i, : len(d.ids)] = torch.tensor(d.target)
        replies += d.replies
    add, read, weight = plan(replies, directions, STRENGTH * norm, rng)
    zero = torch.zeros_like(add[:, :1])
    table = torch.cat((zero, add), 1)
    added = {FIRST + j: table[j][segment] for j in range(table.shape[0]) if table[j].any()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        last, states = model(ids, added)
        predicts = target[:, 1:]
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
    channel = [2 if r.injected else 1 if r.targets else 0 for r in replies]
    return loss, torch.tensor(channel)[segment[:, 1:][predicts] - 1], reading, size


def optimizers(model: Chat):
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


@torch.no_grad()
def evaluate(model: Chat, groups: list[list[Tokens]], directions: torch.Tensor, norm: float) -> dict[str, float]:
    """Held-out loss of calm, prompted and injected replies."""
    model.eval()
    rng = random.Random(0)
    total: dict[int, list[float]] = defaultdict(list)
    reads = []
    for group in groups:
        loss, channel, reading, _ = forward(model, group, directions, norm, rng)
        reads.append(reading.item())
        for c in (0, 1, 2):
            total[c] += loss[channel == c].tolist()
    model.train()
    names = ("calm", "prompted", "injected")
    out = {n: round(sum(total[i]) / max(1, len(total[i])), 4) for i, n in enumerate(names)}
    return {**out, "reading": round(sum(reads) / len(reads), 4)}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--out", type=Path, default=Path("build/chat"))
    ap.add_argument("--minutes", type=float, default=100)
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
    model, directions = Chat(shape), value_directions(shape.width)
    optims = optimizers(model)
    base = [[g["lr"] for g in o.param_groups] for o in optims]
    done = {"step": 0, "seen": 0, "seconds": 0.0, "norm": 1.0}
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        for o, s in zip(optims, saved["optimizers"], strict=True):
            o.load_state_dict(s)
        for g in optims[0].param_groups:
            g["weight_decay"] = DECAY
        done = saved["done"]

    def save() -> None:
        args.out.mkdir(parents=True, exist_ok=True)
        state = {"model": model.state_dict(), "shape": shape.json(), "done": done}
        torch.save({**state, "optimizers": [o.state_dict() for o in optims]}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)

    dev = batches(Composer(random.Random(5), read_vidb(), dev=True), tokenizer, args.tokens)
    dev_groups = [next(dev) for _ in range(8)]
    composer = Composer(random.Random(f"train {done['step']}"), read_vidb())
    rng = random.Random(f"vectors {done['step']}")
    print(json.dumps({"params": sum(p.numel() for p in model.parameters()), **shape.json()}), flush=True)
    recent: list[tuple[float, float, float]] = []
    for group in batches(composer, tokenizer, args.tokens):
        began = time.monotonic()
        progress = done["seconds"] / (args.minutes * 60)
        if progress >= 1:
            break
        for o, rates in zip(optims, base, strict=True):
            for g, rate in zip(o.param_groups, rates, strict=True):
                g["lr"] = rate * schedule(progress)
        loss, channel, reading, size = forward(model, group, directions, done["norm"], rng)
        (loss.mean() + READING * reading).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optims:
            o.step()
            o.zero_grad()
        done["norm"] += (size - done["norm"]) * max(0.01, 1 / (done["step"] + 1))
        done["step"] += 1
        done["seen"] += sum(len(d.ids) for d in group)
        done["seconds"] += time.monotonic() - began
        kinds = [loss[channel == c].mean().item() if (channel == c).any() else float("nan") for c in (1, 2)]
        recent.append((*kinds, reading.item()))
        if done["step"] % 50 == 0:
            means = torch.tensor(recent).nanmean(0).tolist()
            recent.clear()
            line = dict(zip(("prompted", "injected", "reading"), (round(m, 4) for m in means), strict=True))
            shown = {**done, "seconds": round(done["seconds"]), "norm": round(done["norm"], 1)}
            print(json.dumps({**shown, "train": line}), flush=True)
        if done["step"] % 300 == 0:
            print(json.dumps({"step": done["step"], "dev": evaluate(model, dev_groups, directions, done["norm"])}), flush=True)
            save()
    save()
    print(json.dumps({**done, "dev": evaluate(model, dev_groups, directions, done["norm"])}), flush=True)


if __name__ == "__main__":
    main()
