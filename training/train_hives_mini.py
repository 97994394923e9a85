"""Train models/hives-mini from scratch: `python -m training.train_hives_mini`.

Reads models/vidb-seed.csv and training/corpus. With --hold-out a fixed fifth of the seed's
texts and of the corpus's parts is kept from training, to measure on (`valueflow hives evaluate`).
"""

import argparse
import logging
import random
from pathlib import Path

import torch

from chat_app.hives.saving import folder_bytes, save_whole
from chat_app.hives.scratch import train_tokenizer, untrained_encoder
from chat_app.vidb.loading import load_vidb
from training.hives_intensity import TrainingSettings, train
from training.hives_texts import VALUES, Batches, Composer, held_out

log = logging.getLogger("train_hives_mini")


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)

    def keep(text: str) -> bool:
        return not (arguments.hold_out and held_out(text))

    seed = [a for a in load_vidb().anchors if keep(a.text)]
    composer = Composer(rng, keep)
    tokenizer = train_tokenizer(
        _tokenizer_texts(composer, [a.text for a in seed]), arguments.pieces
    )
    model = untrained_encoder(
        tokenizer, dim=arguments.dim, layers=arguments.layers, heads=arguments.dim // 32,
        inner=2 * arguments.dim,
    )  # fmt: skip
    log.info("%d seed texts, %d parameters", len(seed), sum(p.numel() for p in model.parameters()))

    def checkpoint(step: int) -> None:
        save_whole(model, arguments.out.with_name(arguments.out.name + "-checkpoint"))

    settings = TrainingSettings(
        steps=arguments.steps, learning_rate=arguments.learning_rate, penalty=arguments.penalty,
        contrast_weight=arguments.contrast_weight, intensity_weight=arguments.intensity_weight,
        mask=arguments.mask, seed=arguments.seed,
    )  # fmt: skip
    train(model, Batches(composer, seed), settings, checkpoint)
    save_whole(model, arguments.out)
    log.info("saved %s, %.1f MB", arguments.out, folder_bytes(arguments.out) / 1e6)


def _tokenizer_texts(composer: Composer, seed: list[str]) -> list[str]:
    """The seed and the parts as they are, and enough composed replies for the topics' words."""
    parts = [text for texts in composer.parts.values() for text in texts]
    composed = [composer.of_level(v, n).text for v in VALUES for n in (-2, -1, 0, 1, 2) * 20]
    return seed * 2 + parts + composer.smalltalk + composed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("models/hives-mini"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=650)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--pieces", type=int, default=4000)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--penalty", type=float, default=0.0)
    parser.add_argument("--contrast-weight", type=float, default=1.0)
    parser.add_argument("--intensity-weight", type=float, default=20.0)
    parser.add_argument("--mask", type=float, default=0.15)
    parser.add_argument("--hold-out", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
