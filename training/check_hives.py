"""What the built-in encoder makes of replies: `python -m training.check_hives [FOLDER]`.

Replies are composed of the parts that the built-in chat model speaks, and read by the HIVES
ranker. How it does on texts that it has not seen: `valueflow hives evaluate`.
"""

import argparse
import random
import time
from itertools import pairwise

import numpy as np

from chat_app.evaluation.ranker_hives import HivesRanker
from chat_app.hives.encoder import load_encoder
from chat_app.hives.space import build_space
from chat_app.vidb.loading import load_vidb
from training.hives_texts import VALUES, Composer

LEVELS = (-2, -1, 0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", default="builtin")
    encoder = load_encoder(parser.parse_args().folder)
    vidb = load_vidb()
    encoder.encode(vidb.texts[:64])
    started = time.monotonic()
    encoder.encode(vidb.texts)
    print(f"{len(vidb.texts) / (time.monotonic() - started):.0f} texts/s")
    model = HivesRanker(build_space(encoder, vidb, None)).model
    columns = [model.values.index(value) for value in VALUES]

    def predict(texts: list[str]) -> np.ndarray:
        return np.clip(model(encoder.encode(texts))[:, columns], -10, 10)

    composer = Composer(random.Random(99))
    by_level, others = np.zeros((len(VALUES), len(LEVELS))), []
    for row, value in enumerate(VALUES):
        for column, level in enumerate(LEVELS):
            read = predict([composer.single(value, [level] * 3).text for _ in range(10)])
            by_level[row, column] = read[:, row].mean()
            if level:
                others.append(np.abs(np.delete(read, row, axis=1)))
    rising = sum(all(low < high for low, high in pairwise(means)) for means in by_level)
    print(f"three sentences of one level, {LEVELS}: {np.round(by_level.mean(axis=0), 1)}")
    print(f"rising for {rising} of {len(VALUES)} values; other values read {np.mean(others):.2f}")
    blends = [composer.mixture() for _ in range(400)]
    read = predict([blend.text for blend in blends])
    pairs = [(r[VALUES.index(v)], t) for r, b in zip(read, blends, strict=True)
             for v, t in b.targets.items()]  # fmt: skip
    print(f"replies of two or three values: r {np.corrcoef(np.array(pairs).T)[0, 1]:.3f}")


if __name__ == "__main__":
    main()
