"""The words of `training.acts`, from corpus/acts.txt: who, what is done to them, what else one
does, and when.

Verbs stand in their base form. In what is done to people {p} is the person; ``THINGS`` are pairs
of verbs and what they are done to.
"""

from training.hives_texts import CORPUS


def _sections() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in (CORPUS / "acts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = lines = []
        else:
            lines.append(line)
    return {name: tuple(lines) for name, lines in found.items()}


_WORDS = _sections()
PEOPLE, TO_PEOPLE, ALONE, NAMES = (
    _WORDS[name] for name in ("people", "to_people", "alone", "names")
)
WHO, GROUPS, WHEN, JUDGED = (_WORDS[name] for name in ("who", "groups", "when", "judged"))
THINGS = tuple(
    (tuple(verbs.split(", ")), tuple(things.split("; ")))
    for verbs, things in (line.split(":") for line in _WORDS["things"])
)
