"""What the built-in encoder is trained on: one draw of everything, some of it drawn anew."""

from collections.abc import Iterable

from chat_app.vidb.loading import Anchor
from training.hives_statements import OTHERS, statements
from training.hives_texts import KINDS, VALUES, Composer, Example

# Composed replies by kind, a draw: of one level, between two levels, of several values, neutral.
OF_LEVEL, BETWEEN, MIXED, NEUTRAL = 8000, 1500, 5000, 2000
PARTS = 0.5  # share of the parts that a draw shows by themselves


def pool(composer: Composer, anchors: Iterable[Anchor]) -> list[Example]:
    """One draw: VIDB's texts, the statements, half of the parts, and composed replies."""
    rng = composer.rng
    drawn = [Example(a.text, {a.value: a.intensity}, OTHERS) for a in anchors]
    drawn += statements(rng)
    for value in VALUES:
        for level in (-2, -1, 0, 1, 2):
            for kind in KINDS:
                n = round(PARTS * len(composer.parts[value, level, kind]))
                drawn += [composer.single(value, [level], kind) for _ in range(n)]
    values = [rng.choice(VALUES) for _ in range(OF_LEVEL + BETWEEN)]
    drawn += [composer.of_level(v, rng.choice((-2, -1, 0, 1, 2))) for v in values[:OF_LEVEL]]
    drawn += [composer.between(v) for v in values[OF_LEVEL:]]
    drawn += [composer.mixture() for _ in range(MIXED)]
    drawn += [composer.neutral() for _ in range(NEUTRAL)]
    return drawn
