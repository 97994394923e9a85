"""What a value in a person's own words was taken to mean, in words and as data."""

from typing import TYPE_CHECKING, Any

from chat_app.values.custom import value_label

if TYPE_CHECKING:
    from chat_app.hives.custom import CustomValue

_NAMED = 3


def in_a_sentence(custom: "CustomValue") -> str:
    """'“living simply” is read as near Self-improvement and Social rights, give or take 7.7.'"""
    known = custom.values[:_NAMED]
    side = "against what is near" if known[0].weight < 0 else "near"
    labels = [value_label(near.value) for near in known]
    listed = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
    return (
        f"“{custom.words}” is read as {side} {listed}; its intensities are estimates, right to "
        f"within {custom.error:.1f} or so."
    )


def as_data(custom: "CustomValue") -> dict[str, Any]:
    """The same for programs, with the texts that the axis was found from."""
    return {
        "value": custom.id,
        "nearness": round(custom.nearness, 2),
        "error": round(custom.error, 2),
        "values": [
            {"value": n.value, "weight": round(n.weight, 3), "cosine": round(n.cosine, 3)}
            for n in custom.values
        ],
        "texts": [
            {
                "id": t.anchor.id,
                "text": t.anchor.text,
                "rated_for": t.anchor.value,
                "rated": t.anchor.intensity,
                "cosine": round(t.cosine, 3),
                "intensity": round(t.intensity, 2),
            }
            for t in custom.texts
        ],
    }
