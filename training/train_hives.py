"""Train models/hives-general: `python -m training.train_hives general|teacher|student`.

Three steps. *general*: a small encoder from nothing learns to place ordinary English where a
public sentence encoder places it. *teacher*: that public encoder is fine-tuned on the labelled
texts. *student*: the small encoder learns the labels and what the teacher makes of every text.
None of the public encoder's weights are in the result; training/README.md has the commands.

A fixed fifth of VIDB's texts (``hives.dataset.held_out``) is left out of all three, to measure
on: `valueflow hives evaluate general`.
"""

import argparse
import json
import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from chat_app.hives.dataset import held_out
from chat_app.hives.encoder_files import NOTES
from chat_app.hives.loop import Optimisation, optimise
from chat_app.hives.saving import folder_bytes, save_whole
from chat_app.hives.scratch import MAX_PIECES, train_tokenizer, untrained_encoder
from chat_app.hives.train import hide_pieces
from chat_app.vidb.loading import load_vidb
from training.hives_objective import (
    Intensities,
    embed,
    embeddings,
    hierarchy_loss,
    imitation_loss,
    like_lengths,
    told_intensities,
)
from training.hives_pool import pool
from training.hives_texts import Composer, Example

log = logging.getLogger("train_hives")

WIDTH, LAYERS, PIECES = 256, 3, 16_000
# Weights of the losses.
INTENSITY, HIERARCHY, TOLD = 10.0, 0.3, 10.0
OWN = 0.5  # of the label losses of the student, which has the teacher's word besides
IMITATED, IMITATION = ("teacher", "public"), (4.0, 1.0)
_HELP = {
    "public": "the folder of a public sentence encoder",
    "general": "what the step general made",
    "teacher": "what the step teacher made",
    "texts": "files of ordinary English, a sentence a line",
}
HELD_OUT = 0.2  # share of VIDB's texts
HIDDEN = 0.1  # share of word pieces hidden in half of the texts


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    _STEPS[arguments.step](arguments)
    log.info("saved %s, %.1f MB", arguments.out, folder_bytes(arguments.out) / 1e6)


def _general(arguments: argparse.Namespace) -> None:
    own = [e.text for e in _pool(arguments.seed)]
    texts = list(dict.fromkeys(own + _lines(arguments.texts)))
    public = SentenceTransformer(str(arguments.public), device="cpu")
    tokenizer = train_tokenizer(own * 3 + texts, PIECES)
    model = untrained_encoder(
        tokenizer, dim=WIDTH, layers=LAYERS, heads=WIDTH // 64, inner=4 * WIDTH
    )
    pieces = [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))]
    _start_from(
        model, embeddings(public, [piece.removeprefix("##") for piece in pieces], arguments.half)
    )
    goal = torch.from_numpy(embeddings(public, texts, arguments.half))
    guess = nn.Linear(WIDTH, goal.shape[1])
    batches = _endless(texts, arguments)

    def loss_of(step: int) -> dict[str, Tensor]:
        rows = next(batches)
        z = nn.functional.normalize(guess(_read(model, [texts[i] for i in rows])), dim=-1)
        return {"imitation": imitation_loss(z, goal[rows].float())}

    _train(model, [guess], loss_of, arguments)


def _teacher(arguments: argparse.Namespace) -> None:
    model = SentenceTransformer(str(arguments.public), device="cpu").float()
    model.max_seq_length = MAX_PIECES
    head = Intensities(model.get_embedding_dimension() or 0)
    drawn = _draws(arguments)

    def loss_of(step: int) -> dict[str, Tensor]:
        examples = next(drawn)
        return _labelled(_read(model, [e.text for e in examples]), examples, head)

    _train(model, [head], loss_of, arguments)


def _student(arguments: argparse.Namespace) -> None:
    model = SentenceTransformer(str(arguments.general), device="cpu")
    teacher = SentenceTransformer(str(arguments.teacher), device="cpu")
    examples = [e for draw in range(arguments.draws) for e in _pool(arguments.seed + draw)]
    texts = [e.text for e in examples] + _lines(arguments.texts)
    log.info("%d texts, %d of them labelled", len(texts), len(examples))
    # The teacher knows the values; the public encoder still knows the rest of the language, which
    # values in one's own words need.
    public = SentenceTransformer(str(arguments.public), device="cpu")
    goals = [
        torch.from_numpy(embeddings(model, texts, arguments.half)) for model in (teacher, public)
    ]
    guesses = [nn.Linear(WIDTH, goal.shape[1]) for goal in goals]
    told = torch.from_numpy(told_intensities(goals[0].float().numpy(), examples))
    head = Intensities(WIDTH)
    batches = _endless(texts, arguments)

    def loss_of(step: int) -> dict[str, Tensor]:
        rows = next(batches)
        z = _read(model, [texts[i] for i in rows])
        losses = {}
        if known := [i for i, row in enumerate(rows) if row < len(examples)]:
            losses = _labelled(z[known], [examples[rows[i]] for i in known], head)
            losses["intensity"] = OWN * losses["intensity"]
        losses["told"] = TOLD * ((head(z) - told[rows]) ** 2).sum(dim=1).mean()
        for name, weight, guess, goal in zip(IMITATED, IMITATION, guesses, goals, strict=True):
            imitated = nn.functional.normalize(guess(z), dim=-1)
            losses[name] = weight * imitation_loss(imitated, goal[rows].float())
        return losses

    _train(model, [head, *guesses], loss_of, arguments)


def _pool(seed: int) -> list[Example]:
    """One draw of the labelled texts, without the fifth of VIDB that is measured on."""
    known = [a for a in load_vidb().anchors if not held_out(a.text, HELD_OUT)]
    return pool(Composer(random.Random(seed)), known)


def _lines(files: Sequence[Path]) -> list[str]:
    return [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _start_from(model: SentenceTransformer, z: np.ndarray) -> None:
    """Word pieces begin at the principal components of their vectors z [pieces, d]."""
    centred = z.astype(np.float64) - z.astype(np.float64).mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    start = centred @ axes[:WIDTH].T
    table = model[0].auto_model.get_input_embeddings()
    with torch.no_grad():
        table.weight.copy_(torch.from_numpy(0.02 * start / start.std()))
        table.weight[table.padding_idx] = 0


def _endless(texts: Sequence[str], arguments: argparse.Namespace) -> Iterator[list[int]]:
    rng = np.random.default_rng(arguments.seed)
    while True:
        yield from like_lengths(texts, arguments.batch, rng)


def _draws(arguments: argparse.Namespace) -> Iterator[list[Example]]:
    """Batches of labelled texts; what is drawn is drawn anew in each pass."""
    rng = np.random.default_rng(arguments.seed)
    draw = arguments.seed
    while True:
        examples = _pool(draw)
        for rows in like_lengths([e.text for e in examples], arguments.batch, rng):
            yield [examples[i] for i in rows]
        draw += 1


def _read(model: SentenceTransformer, texts: Sequence[str]) -> Tensor:
    """Unit vectors of ``texts``, some of whose word pieces are hidden."""
    features = model.preprocess(list(texts))
    hide_pieces(features, model.tokenizer.mask_token_id, HIDDEN)
    return embed(model, features)


def _labelled(z: Tensor, examples: Sequence[Example], head: Intensities) -> dict[str, Tensor]:
    return {
        "intensity": INTENSITY * head.loss(z, examples),
        "hierarchy": HIERARCHY * hierarchy_loss(z, examples),
    }


def _train(
    model: SentenceTransformer,
    heads: Sequence[nn.Module],
    loss_of: Callable[[int], dict[str, Tensor]],
    arguments: argparse.Namespace,
) -> None:
    how = Optimisation(
        arguments.steps, arguments.learning_rate, warmup=100, weight_decay=0.02,
        seed=arguments.seed, log_every=100, checkpoint_every=300, half=arguments.half,
        seconds=60 * arguments.minutes,
    )  # fmt: skip
    beside = arguments.out.with_name(f"{arguments.out.name}-checkpoint")
    optimise(
        nn.ModuleList([model, *heads]), loss_of, how,
        checkpoint=lambda state: save_whole(model, beside),
    )  # fmt: skip
    if arguments.step == "student":
        model.half()  # half the size; it is read back as float32
    save_whole(model, arguments.out, {NOTES: json.dumps({"settings": {"held_out": HELD_OUT}})})


_STEPS = {"general": _general, "teacher": _teacher, "student": _student}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    steps = parser.add_subparsers(dest="step", required=True)
    needs: dict[str, tuple[str, ...]] = {
        "general": ("public", "texts"),
        "teacher": ("public",),
        "student": ("general", "teacher", "public", "texts"),
    }
    defaults = {
        "general": (2000, 256, 1.5e-3),
        "teacher": (1400, 128, 2e-4),
        "student": (5000, 256, 1e-3),
    }
    for name, (count, batch, rate) in defaults.items():
        step = steps.add_parser(name)
        for needed in needs[name]:
            several = "+" if needed == "texts" else None
            step.add_argument(
                f"--{needed}", type=Path, nargs=several, required=True, help=_HELP[needed]
            )
        step.add_argument("--out", type=Path, required=True)
        step.add_argument("--steps", type=int, default=count)
        step.add_argument("--minutes", type=float, default=math.inf, help="at most, of training")
        step.add_argument(
            "--half", action=argparse.BooleanOptionalAction, default=True,
            help="bfloat16: quicker where the processor computes in it, far slower elsewhere",
        )  # fmt: skip
        step.add_argument("--batch", type=int, default=batch)
        step.add_argument("--learning-rate", type=float, default=rate)
        step.add_argument("--draws", type=int, default=3, help="of the labelled texts (student)")
        step.add_argument("--seed", type=int, default=1)
        step.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
