"""Values shown by example: VIDB texts of the target's bin as texts that the user agrees with.

The user-text prompts of VALUEFLOW (section 4), in our words. Which texts are shown follows from
the targets and the VIDB alone, so that a reply can be made again.
"""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chat_app.steering.prompts import bin_of, value_phrase
from chat_app.vidb.anchors import Anchor, VidbError

# Texts in one prompt, shared out over the values; a value gets one at least.
TEXTS = 6
# A longer text (in characters) is shown only where a bin has no shorter ones.
_LONGEST = 300


@dataclass(frozen=True)
class Exemplars:
    """``prompt``: the system prompt, "" where there is nothing to show; ``shown`` {value: texts};
    ``missing``: values for which the VIDB has no text of the target's sign."""

    prompt: str
    shown: Mapping[str, tuple[Anchor, ...]]
    missing: tuple[str, ...]


def exemplar_prompt(
    targets: Mapping[str, float],
    anchors_of: Callable[[str], Sequence[Anchor]],
    vidb_version: str,
) -> Exemplars:
    """The prompt that shows ``targets`` {value: intensity in [-10, 10]} by example.

    ``anchors_of(value)`` are its VIDB texts. Each value is shown by texts drawn from its target's
    bin (``prompts.bin_of``), and by the nearest texts of the same sign where that holds too few;
    a text of another sign is never shown, and for a target of 0 only neutral ones are.
    """
    key = json.dumps([vidb_version, dict(targets)], sort_keys=True)
    rng = random.Random(hashlib.sha256(key.encode()).digest())
    each = max(1, TEXTS // max(1, len(targets)))
    shown = {}
    for value, target in targets.items():
        try:
            anchors = anchors_of(value)
        except VidbError:
            anchors = ()
        if found := _chosen(anchors, target, each, rng):
            shown[value] = found
    texts = [anchor.text for found in shown.values() for anchor in found]
    rng.shuffle(texts)
    missing = tuple(value for value in targets if value not in shown)
    return Exemplars(_worded(texts), shown, missing)


def missing_note(missing: Sequence[str], targets: Mapping[str, float]) -> str:
    """What to tell the person about values that could not be shown."""
    sides = {1: "for", -1: "against", 0: "neutral about"}
    parts = [f"{sides[_sign(targets[v])]} {value_phrase(v)}" for v in missing]
    return f"The anchor texts have none {' and none '.join(parts)}, so that is not shown."


def _chosen(
    anchors: Sequence[Anchor], target: float, n: int, rng: random.Random
) -> tuple[Anchor, ...]:
    wanted = bin_of(target)
    if target:
        same = [a for a in anchors if _sign(a.intensity) == _sign(target)]
    else:
        same = [a for a in anchors if bin_of(a.intensity) == wanted]
    inside = [a for a in same if bin_of(a.intensity) == wanted]
    inside = [a for a in inside if len(a.text) <= _LONGEST] or inside
    chosen = rng.sample(inside, min(n, len(inside)))
    nearest = sorted(same, key=lambda a: (abs(a.intensity - target), a.id))
    chosen += [a for a in nearest if a not in inside][: n - len(chosen)]
    return tuple(chosen)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _worded(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    lines = "\n".join(f"- {' '.join(text.split())}" for text in texts)
    return (
        f"The user wrote these texts and agrees with them:\n{lines}\n"
        "Answer as a person who thinks as these texts do."
    )
