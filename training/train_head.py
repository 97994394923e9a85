"""Fit the head of an encoder: `python -m training.train_head [FOLDER]`.

Reads all labelled texts but VIDB's (``hives_pool``) with the encoder as it is, fits a linear ridge
for each value, and writes head.safetensors beside the encoder (``chat_app.hives.head``).

With --develop nothing is written: heads of several strengths are fitted on the statements that
the encoder was trained on and asked about those that it never saw.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from chat_app.evaluation.agreement import CLEAR, spearman_by_value
from chat_app.hives.encoder import Encoder, load_encoder
from chat_app.hives.head import Head, write_head
from training.hives_pool import pool
from training.hives_statements import statements
from training.hives_texts import VALUES, Composer, Example, targets_of

# The ridge on vectors of mean square length 16: of those that read statements which the encoder
# never saw about equally well, from 100 to 1000, the strongest, for texts that are stranger.
STRENGTH = 1000.0
LENGTH = 4.0
SEEN = 19_848  # statements that models/hives-general was trained on, the first of the corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("models/hives-general"))
    parser.add_argument("--strength", type=float, default=STRENGTH)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--develop", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoder = load_encoder(str(arguments.folder), device="cpu")
    rng = random.Random(arguments.seed)
    if arguments.develop:
        _develop(encoder, rng)
        return
    examples = pool(Composer(rng), ())
    z = encoder.encode([example.text for example in examples])
    write_head(arguments.folder, fit_head(z, examples, arguments.strength))
    print(f"fitted on {len(examples)} texts")


def fit_head(z: NDArray[np.float32], examples: Sequence[Example], strength: float) -> Head:
    """The head that for each value minimises over unit rows z [n, d] of ``examples``

        sum over texts of weight (h_v(z) - intensity)^2  +  strength |w_v|^2

    where weights are those of ``targets_of``, and w_v is that of vectors less their mean, stretched
    to a mean square length of 16.
    """
    targets, weights = (array.astype(np.float64) for array in targets_of(examples))
    mean = z.mean(axis=0, dtype=np.float64)
    stretch = LENGTH / np.sqrt(((z - mean) ** 2).sum(axis=1).mean())
    x = np.column_stack([stretch * (z - mean), np.ones(len(z))])
    # All but a value's own texts weigh the same for each value: their part is summed once.
    least = weights.min(axis=1)
    shared = (x * least[:, None]).T @ x
    solved = np.zeros((x.shape[1], len(VALUES)))
    for column in range(len(VALUES)):
        more = weights[:, column] - least
        own = more > 0
        normal = shared + (x[own] * more[own, None]).T @ x[own] + strength * np.eye(x.shape[1])
        solved[:, column] = np.linalg.solve(
            normal, x.T @ (10 * weights[:, column] * targets[:, column])
        )
    weight = stretch * solved[:-1]
    bias = solved[-1] - mean @ weight
    return Head(VALUES, weight.astype(np.float32), bias.astype(np.float32))


def _develop(encoder: Encoder, rng: random.Random) -> None:
    """Print what heads of several strengths make of the statements that the encoder never saw."""
    known, asked = (list(statements(rng, which=w)) for w in (slice(SEEN), slice(SEEN, None)))
    z, other = (encoder.encode([example.text for example in some]) for some in (known, asked))
    own = [next(iter(example.targets)) for example in asked]
    truth = np.array([example.targets[value] for example, value in zip(asked, own, strict=True)])
    columns = [VALUES.index(value) for value in own]
    clear = np.abs(truth) >= CLEAR
    for strength in (30.0, 100.0, 300.0, 1000.0, 3000.0):
        read = fit_head(z, known, strength).read(other, VALUES)[np.arange(len(asked)), columns]
        mean = np.mean(list(spearman_by_value(own, truth, read).values()))
        right = ((read > 0) == (truth > 0))[clear].mean()
        print(f"{strength:g}: mean Spearman {mean:.3f}, sign accuracy {right:.3f}", flush=True)


if __name__ == "__main__":
    main()
