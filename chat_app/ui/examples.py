"""The three questions a first visit offers, each with the profile it is asked under."""

from dataclasses import dataclass

from chat_app.chat.presets import PRESETS
from chat_app.ui.chips import value_words
from chat_app.values.numerals import signed
from chat_app.values.profile import Profile


@dataclass(frozen=True)
class Example:
    """A question and the profile that its reply is steered by."""

    question: str
    profile: Profile

    @property
    def caption(self) -> str:
        """What the example's card says: the question, then the profile in one line."""
        wishes = ", ".join(
            f"{value_words(value)} {signed(target)}"
            for value, target in self.profile.targets.items()
        )
        return f"{self.question}\n{self.profile.name}: {wishes}"


_PROFILES = {profile.name: profile for profile in PRESETS}

EXAMPLES = (
    Example("Should I lend my brother money?", _PROFILES["Caring friend"]),
    Example("Should I quit my job to travel?", _PROFILES["Adventurer"]),
    Example("Should I report my colleague?", _PROFILES["By the book"]),
)
