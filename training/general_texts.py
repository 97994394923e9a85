"""Ordinary English for `training.train_hives`: `python -m training.general_texts --out FILE`.

Definitions and examples of WordNet 3.0 and the fortunes, where Debian's packages wordnet-base and
fortunes put them. They are read while training and stand nowhere in the project.
"""

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

WORDNET = Path("/usr/share/wordnet")
FORTUNES = Path("/usr/share/games/fortunes")
# Names of kinds, people and years teach nothing of how people speak.
_CATALOGUE = re.compile(r"\b(genus|family|species|plant|born|\d{4})\b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rng = random.Random(0)
    found = dict.fromkeys(t for t in (*_wordnet(rng), *_fortunes()) if t.isascii())
    texts = list(found)
    rng.shuffle(texts)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(texts) + "\n", encoding="utf-8")
    print(f"{len(texts)} texts")


def _wordnet(rng: random.Random) -> Iterator[str]:
    """Each sense's first definition, half of them after their word, and all of its examples."""
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{kind}").read_text(encoding="latin-1").splitlines():
            if line.startswith("  ") or "|" not in line:
                continue
            entry, gloss = line.split("|", 1)
            word = entry.split()[4].replace("_", " ")
            examples = re.findall(r'"([^"]+)"', gloss)
            definition = re.sub(r';?\s*"[^"]+"', "", gloss).strip(" ;").split(";")[0]
            if kind == "noun" and _CATALOGUE.search(definition):
                continue
            if len(definition.split()) >= 3:
                yield definition if rng.random() < 0.5 else f"{word}: {definition}"
            yield from (e for e in examples if len(e.split()) >= 2)


def _fortunes() -> Iterator[str]:
    """The sentences of all fortunes, without who said them."""
    for file in sorted(FORTUNES.iterdir()):
        if file.suffix or file.name == "ascii-art":
            continue
        for fortune in file.read_text(encoding="utf-8", errors="ignore").split("\n%\n"):
            words = " ".join(re.sub(r"\n\s*--.*|.\x08", "", fortune).split())
            for sentence in re.split(r"(?<=[.!?])\s+", words):
                if 3 <= len(sentence.split()) <= 40:
                    yield sentence


if __name__ == "__main__":
    main()
