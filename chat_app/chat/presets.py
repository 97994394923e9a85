"""Profiles that come with the program: something to begin with, before any is saved."""

from chat_app.values.profile import Profile

PRESETS: tuple[Profile, ...] = (
    Profile(
        "Caring friend",
        {"svt/benevolence": 8, "mft/care-harm": 6, "svt/power": -4},
        "Thinks first of how everyone in it will feel.",
    ),
    Profile(
        "Blunt coach",
        {"svt/achievement": 8, "svt/self-direction": 5, "mft/care-harm": -3},
        "Wants you to get there, and does not sugar it.",
    ),
    Profile(
        "Cautious planner",
        {"svt/security": 8, "svt/conformity": 3, "svt/stimulation": -6},
        "Looks at what could go wrong before anything else.",
    ),
    Profile(
        "Adventurer",
        {"svt/stimulation": 8, "svt/self-direction": 6, "svt/security": -5},
        "Takes the leap and lets safety wait.",
    ),
    Profile(
        "By the book",
        {"svt/conformity": 7, "mft/authority-subversion": 6, "duty/fidelity": 6},
        "Keeps to rules, rank and promises.",
    ),
    Profile(
        "Fair judge",
        {"mft/fairness-cheating": 8, "duty/justice": 7, "svt/universalism": 4},
        "Weighs each side alike and gives each its due.",
    ),
)
