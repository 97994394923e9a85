"""The three questions a first visit offers, each with the profile it is asked under."""

from dataclasses import dataclass

from chat_app.ui.chips import signed
from chat_app.values.profile import Profile
from chat_app.values.taxonomy import get_value


@dataclass(frozen=True)
class Example:
    """A question and the profile that its reply is steered by."""

    question: str
    profile: Profile

    @property
    def caption(self) -> str:
        """What the example's card says: the question, then the profile in one line."""
        wishes = ", ".join(
            f"{get_value(value).label.lower()} {signed(target)}"
            for value, target in self.profile.targets.items()
        )
        return f"{self.question}\n{self.profile.name}: {wishes}"


EXAMPLES = (
    Example(
        "Should I lend my brother money?",
        Profile(
            name="Caring friend",
            description="Thinks of the people around you first.",
            targets={"svt/benevolence": 8.0, "mft/care-harm": 5.0},
        ),
    ),
    Example(
        "Should I quit my job to travel for a year?",
        Profile(
            name="Adventurer",
            description="Takes the leap and lets safety wait.",
            targets={"svt/stimulation": 8.0, "svt/security": -5.0},
        ),
    ),
    Example(
        "Should I tell my boss about a colleague's mistake?",
        Profile(
            name="By the book",
            description="Keeps to rules, rank and promises.",
            targets={"svt/conformity": 7.0, "duty/fidelity": 6.0},
        ),
    ),
)
