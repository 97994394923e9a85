"""VIDB, the value intensity database, in memory: texts whose intensity for one value is known.

VALUEFLOW (arXiv 2602.03160) calls these texts anchors: the evaluator ranks a reply among them,
HIVES learns its axes from them, and the steering directions are read off a model's states on
them.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from chat_app.errors import ValueflowError

LOWEST, HIGHEST = -10.0, 10.0


class VidbError(ValueflowError):
    """Anchors that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Anchor:
    """A text with its intensity in [-10, 10] for ``value``; ``stderr`` in the same unit."""

    id: str
    value: str
    text: str
    intensity: float
    stderr: float | None


@dataclass(frozen=True)
class Vidb:
    """Anchors of many values, in the file's order."""

    name: str
    anchors: tuple[Anchor, ...]

    @cached_property
    def version(self) -> str:
        """12 hex digits of the SHA-256 of all anchors: equal content, equal version."""
        digest = hashlib.sha256()
        for a in self.anchors:
            digest.update(repr((a.id, a.value, a.text, a.intensity, a.stderr)).encode())
        return digest.hexdigest()[:12]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The anchors' texts, in their order."""
        return tuple(anchor.text for anchor in self.anchors)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The values that have anchors, in order of first appearance."""
        return tuple(dict.fromkeys(anchor.value for anchor in self.anchors))

    @cached_property
    def _by_value(self) -> dict[str, tuple[Anchor, ...]]:
        groups: dict[str, list[Anchor]] = {}
        for anchor in self.anchors:
            groups.setdefault(anchor.value, []).append(anchor)
        return {v: tuple(sorted(g, key=lambda a: a.intensity)) for v, g in groups.items()}

    def of(self, value: str) -> tuple[Anchor, ...]:
        """The anchors of ``value``, from most opposing to most supporting.

        Raises VidbError when there is none.
        """
        try:
            return self._by_value[value]
        except KeyError:
            raise VidbError(f"{self.name} holds no text for {value}.") from None


def made_id(value: str, text: str) -> str:
    """An id for a text that came without one: the same text of a value always gets the same.

    >>> made_id("svt/power", "Give me the keys.")
    'power-9d36577cfc'
    """
    digest = hashlib.sha256(f"{value}\n{text}".encode()).hexdigest()[:10]
    return f"{value.partition('/')[2]}-{digest}"
