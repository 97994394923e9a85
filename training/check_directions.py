"""How near are the directions that the product extracts to those the model was trained with?

``python -m training.check_directions`` prints the cosine a layer, mean and lowest of 32 values,
for each method and each place where the bank reads a text.
"""

import numpy as np

from chat_app.chat.studio import Studio
from chat_app.settings import settings
from chat_app.steering.bank import READS, build_bank
from chat_app.steering.contrasts import METHODS
from chat_app.steering.directions import directions
from chat_app.values.taxonomy import STEERED
from training.injection import value_directions


def main() -> None:
    studio = Studio(settings().model_copy(update={"model": "builtin"}))
    own = value_directions(studio.model.n_embd).numpy()
    layers = studio.directions[STEERED[0]].layers
    for read in READS:
        bank = build_bank(studio.model, studio.vidb, studio.settings.cache_dir, read=read)
        for method in METHODS:
            vectors = directions(bank, studio.space, STEERED, method=method, layers=layers)
            for layer in layers:
                found = np.stack([vectors[value].directions[layer] for value in STEERED])
                cosines = (found * own).sum(1) / np.linalg.norm(found, axis=1)
                mean, lowest = cosines.mean(), cosines.min()
                print(f"{read}, {method}, layer {layer}: cosine {mean:.3f}, lowest {lowest:.3f}")


if __name__ == "__main__":
    main()
