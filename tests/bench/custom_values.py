"""What an encoder makes of values in one's own words: ``python -m tests.bench.custom_values``.

Takes an encoder's folder or id ("builtin" if none is given). None of the phrases below is among
those that the yardstick is made with (chat_app/hives/reference_phrases.py).
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from chat_app.hives.custom import custom_value
from chat_app.hives.custom_axis import place, weights
from chat_app.hives.encoder import load_encoder
from chat_app.hives.matrices import unit
from chat_app.hives.space import build_space
from chat_app.hives.yardstick import Yardstick, measure
from chat_app.settings import settings
from chat_app.values.custom import CustomValueError
from chat_app.vidb.loading import load_vidb

# Phrases, parted by bars.
UNRELATED = (
    "the number seven|asdf qwer|a purple elephant|gravel|hjkl uiop|the speed of light|"
    "quarterly invoices|a parked car|bzzt|twelve|the alphabet|my left shoe|the weather in Paris|"
    "qqqq wwww eeee|a USB cable|potatoes|banana banana banana|x|the capital of France|glass bottles"
)
VALUES = (
    "being kind to others|spending as little as possible|animal welfare|punctuality|honesty|"
    "saving money|protecting the environment|family comes first|winning at all costs|"
    "obeying one's parents|religious faith|beauty|curiosity|courage|forgiveness|privacy|frugality|"
    "thrift|humour|living simply|never giving up|loyalty to my team|freedom of speech|"
    "order and cleanliness|art and beauty|being famous|patience|veganism|spontaneity|having power|"
    "dominating others|being rich|status|discipline|independence|adventure|peace|democracy|"
    "hospitality|dignity|efficiency|nature|health|learning|creativity|sobriety|chastity|"
    "patriotism|humility before God|tolerance|equality|pleasure|winning|ambition|silence|"
    "minimalism|my reputation|truth|integrity|solidarity"
)
VICES = (
    "being mean to people|rudeness|hurting animals|wastefulness|dishonesty|deceit|disloyalty|"
    "hatred|revenge|violence|bullying|corruption|pollution|disrespect|exploiting workers|stealing|"
    "intolerance|racism|ignorance|cowardice|abusing children|torture|breaking the law|"
    "neglecting one's family|sloth|vanity|slavery|tyranny|vandalism|infidelity"
)


def main(source: str) -> None:
    vidb = load_vidb()
    with tempfile.TemporaryDirectory() as cache:
        space = build_space(load_encoder(source), vidb, settings().cache_dir)
        begun = time.perf_counter()
        y = measure(space, Path(cache))
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        measure(space, Path(cache))
        print(f"yardstick: {first:.2f} s, {time.perf_counter() - begun:.2f} s from the cache")
    print(f"needed nearness {y.needed:.2f}; errors: familiar {y.errors[0]:.2f}, "
          f"strange {y.errors[1]:.2f}")  # fmt: skip

    def read(words: str) -> tuple[float, str] | None:
        try:
            found = custom_value(space, words, y)
        except CustomValueError:
            return None
        return found.values[0].weight, found.values[0].value

    for name, listed in (("unrelated", UNRELATED), ("values", VALUES), ("vices", VICES)):
        phrases = listed.split("|")
        found = {words: read(words) for words in phrases}
        known = {words: it for words, it in found.items() if it}
        against = [words for words, (weight, _) in known.items() if weight < 0]
        print(f"{name}: {len(known)} of {len(phrases)} accepted, {len(against)} read as against")
        print(f"  refused: {', '.join(w for w in phrases if w not in known)}")
        print(f"  against: {', '.join(against)}")
    for words in VALUES.split("|")[:8]:
        print(f"  {words}: {read(words)}")
    _held_back(y)


def _held_back(y: Yardstick) -> None:
    """Each value as if nobody knew it: does its axis, from the others, sort its own texts?"""
    areas, cosines = [], []
    for v in range(len(y.values)):
        z = unit(y.names[y.name_of == v].mean(axis=0))
        relations = np.where(np.arange(len(y.values)) == v, 0, y.relations(z))
        axis = place(y, z, weights(relations)).axis
        along = y.embeddings[y.owners == v] @ axis
        signs = y.signs[y.owners == v]
        pro, con = along[signs > 0], along[signs < 0]
        areas.append(float(np.mean(pro[:, None] > con)))
        cosines.append(float(axis @ y.axes[v]))
    print(f"held back: AUC {np.mean(areas):.3f} (worst {min(areas):.3f}), "
          f"cosine with the true axis {np.mean(cosines):.2f}")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "builtin")
