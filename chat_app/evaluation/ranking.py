"""What a ranker is: it orders texts from most supportive to most opposing of a value."""

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from chat_app.errors import ValueflowError

RankerName = Literal["hives", "llm", "remote"]
RANKERS: tuple[RankerName, ...] = get_args(RankerName)
Order = tuple[int, ...]


class RankerError(ValueflowError):
    """A ranker that cannot be had, or that gave no order."""


class NoOrder(RankerError):
    """A window that a ranker, which works otherwise, gave no order of."""


class Lineup(Protocol):
    """Texts to be ordered for ``value``: an evaluator's ``Window``, or any such pair."""

    @property
    def value(self) -> str: ...
    @property
    def texts(self) -> Sequence[str]: ...


class Ranker(Protocol):
    """``rank`` gives, for each window, indices into ``window.texts``, most supportive first.

    ``version`` changes whenever the same window could be ordered otherwise. Threads may share a
    ranker.
    """

    name: str
    version: str

    def rank(self, windows: Sequence[Lineup]) -> list[Order]: ...
