"""How near are the directions that the product extracts to those the model was trained with?

``python -m training.check_directions`` prints the cosine a layer, mean and lowest of 32 values.
"""

import numpy as np

from chat_app.chat.studio import Studio
from chat_app.settings import settings
from chat_app.values.taxonomy import STEERED
from training.injection import value_directions


def main() -> None:
    studio = Studio(settings().model_copy(update={"model": "builtin"}))
    own = value_directions(studio.model.n_embd).numpy()
    for layer in studio.directions[STEERED[0]].layers:
        found = np.stack([studio.directions[value].directions[layer] for value in STEERED])
        cosines = (found * own).sum(1) / np.linalg.norm(found, axis=1)
        print(f"layer {layer}: cosine {cosines.mean():.3f}, lowest {cosines.min():.3f}")


if __name__ == "__main__":
    main()
