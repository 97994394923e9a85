"""The KV cache as slots: sequences of cells that outlive the reply they were read for.

A reply that is wanted begins with the cells of some slot, all of the conversation before it, or
of several; what it shares with one of them is never read again. Cells are numbers: a token and
the vector that it is read under (:func:`key`).
"""

from array import array
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from chat_app.llm.context import Context

Keys: TypeAlias = "array[int]"  # of 64 bits
_VECTOR = 32  # bits below the vector's number


def key(token: int, vector: int) -> int:
    """A cell as one number: ``token``, read under the vector that the owner calls ``vector``."""
    return vector << _VECTOR | token


def token_of(key: int) -> int:
    return key & (1 << _VECTOR) - 1


def vector_of(key: int) -> int:
    return key >> _VECTOR


@dataclass(eq=False)
class Slot:
    """One sequence of the context. ``held``: its cells, always a prefix of what llama.cpp holds."""

    sequence: int
    held: Keys = field(default_factory=lambda: array("q"))
    busy: bool = False
    used: int = 0  # when it was last needed, on the cache's own clock


class Slots:
    """All slots of a context. Not thread-safe: the engine's thread owns it.

    ``steps_back``: whether the model can forget the end of a sequence; recurrent ones cannot, so
    for them a slot serves only those replies that begin with the whole of it.
    """

    def __init__(self, context: Context, n_slots: int, *, steps_back: bool) -> None:
        self._context = context
        self._slots = [Slot(i) for i in range(n_slots)]
        self._steps_back = steps_back
        self._clock = 0

    @property
    def idle(self) -> int:
        """How many slots no reply is being written in."""
        return sum(not slot.busy for slot in self._slots)

    def shared(self, wanted: Keys) -> int:
        """The most cells that any slot holds of the beginning of ``wanted``."""
        return max(self._usable(slot, wanted) for slot in self._slots)

    def claim(self, wanted: Keys) -> Slot | None:
        """An idle slot for ``wanted``, holding as much of its beginning as any slot does.

        The last cell is left to be read, for its logits. None where no slot is idle.
        """
        idle = [slot for slot in self._slots if not slot.busy]
        if not idle:
            return None
        best = max(self._slots, key=lambda slot: (self._usable(slot, wanted), slot.used))
        length = self._usable(best, wanted)
        if best.busy or len(best.held) - length > length:
            # Somebody is in it, or would lose more by it than is gained: share its beginning.
            slot = min(idle, key=lambda slot: (len(slot.held) > 0, slot is best, slot.used))
            if slot is not best:
                self._copy(best, slot, length)
        else:
            slot = best
        self.trim(slot, length)
        slot.busy = True
        self.touch(slot)
        return slot

    def release(self, slot: Slot) -> None:
        """Nobody writes in ``slot`` any more; its cells stay until the room is needed."""
        slot.busy = False
        self.touch(slot)

    def evict(self) -> bool:
        """Forget the cells of the idle slot that was not needed for longest; False if none has."""
        full = [slot for slot in self._slots if not slot.busy and slot.held]
        if full:
            self.trim(min(full, key=lambda slot: slot.used), 0)
        return bool(full)

    def keep_idle(self, most: int) -> None:
        """Evict until idle slots hold at most ``most`` cells together."""
        while sum(len(slot.held) for slot in self._slots if not slot.busy) > most:
            self.evict()

    def trim(self, slot: Slot, keep: int) -> None:
        """Forget all but the first ``keep`` cells of ``slot`` (all, where the model must).

        What lies beyond ``held``, from a decode that failed, goes in any case.
        """
        del slot.held[keep:]  # before llama.cpp does, so that a failure leaves a prefix
        if not self._context.trim(keep, slot.sequence):
            del slot.held[:]
            self._context.trim(0, slot.sequence)

    def touch(self, slot: Slot) -> None:
        self._clock += 1
        slot.used = self._clock

    def _copy(self, source: Slot, target: Slot, length: int) -> None:
        self.trim(target, 0)
        if length:
            self._context.copy(source.sequence, target.sequence, length)
            target.held.extend(source.held[:length])

    def _usable(self, slot: Slot, wanted: Keys) -> int:
        length = common_prefix(slot.held, wanted)
        if not self._steps_back and length < len(slot.held):
            return 0
        if length < len(wanted):
            return length
        return length - 1 if self._steps_back else 0


def common_prefix(a: Keys, b: Keys) -> int:
    """How many numbers two arrays begin with alike."""
    n = min(len(a), len(b))
    if not n:
        return 0
    other = np.frombuffer(a, np.int64, n) != np.frombuffer(b, np.int64, n)
    first = int(other.argmax())
    return first if other[first] else n
