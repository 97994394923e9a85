"""What a reply is written with: drawn up for a new one, or read off one that was cut."""

import secrets
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from chat_app.chat.sampling import default_sampling, restored_sampling, stored_sampling
from chat_app.chat.turns import past_vector, written_tokens
from chat_app.db.tables import Message
from chat_app.errors import ValueflowError
from chat_app.llm.engine import Sampling, VectorBuffer
from chat_app.values.profile import Profile

if TYPE_CHECKING:
    from chat_app.chat.studio import Studio
    from chat_app.steering.compose import Composition


@dataclass(frozen=True)
class Plan:
    """How a reply is drawn and steered. ``written``: the tokens of it that are there already;
    ``columns``: what its row says of all this, enough to make it again; ``notes``: remarks for
    the person."""

    sampling: Sampling
    vector: VectorBuffer | None
    system_prompt: str | None
    written: tuple[int, ...]
    columns: dict[str, Any]
    notes: tuple[str, ...]


def plan_reply(studio: "Studio", profile: Profile, sampling: Sampling | None) -> Plan:
    """A new reply under ``profile``. Raises ValueflowError where it cannot be steered so."""
    sampling = sampling or default_sampling(studio.settings)
    if studio.model.template.dated and sampling.today is None:
        sampling = replace(sampling, today=date.today().isoformat())  # it may be drawn again later
    composition = studio.compose(profile)
    vector = composition.vector.buffer() if composition.vector else None
    if vector:
        studio.past_vectors[vector.hash] = vector
    return Plan(
        sampling=sampling,
        vector=vector,
        system_prompt=composition.system_prompt,
        written=(),
        columns={
            "steering": _steering(studio, composition) or None,
            "vector_hash": vector.hash if vector else None,
            **_drawn_by(studio, sampling),
        },
        notes=tuple(composition.notes),
    )


def plan_again(studio: "Studio", message: Message, sampling: Sampling | None) -> Plan:
    """The rest of a reply that was cut: same vector, same words before it, a seed of its own.

    Raises ValueflowError for a reply of another model, one without anything to go on from, and
    one whose vector cannot be made again.
    """
    info = studio.model.info
    if not message.text or message.sampling is None or message.model_sha256 is None:
        raise ValueflowError("Nothing of this reply is there to go on from: try again instead.")
    if message.model_sha256 != info.sha256:
        raise ValueflowError(
            f"This reply was written by {message.model_name}, and {info.name} is loaded: load that "
            "model to continue it, or try again with this one."
        )
    vector = past_vector(studio, message)
    if message.vector_hash and vector is None:
        raise ValueflowError(
            "The vector of this reply cannot be made again, so it cannot go on: try again instead."
        )
    seed = secrets.randbelow(2**31)
    sampling = sampling or restored_sampling(message.sampling, seed)
    written = written_tokens(studio.model, message)
    steering = {
        **(message.steering or {}),
        "continued": {"hash": message.hash, "tokens": len(written)},
    }
    return Plan(
        sampling=sampling,
        vector=vector,
        system_prompt=steering.get("system_prompt"),
        written=written,
        columns={
            "steering": steering,
            "vector_hash": vector.hash if vector else None,
            **_drawn_by(studio, sampling),
        },
        notes=tuple(steering.get("notes", ())),
    )


def _drawn_by(studio: "Studio", sampling: Sampling) -> dict[str, Any]:
    info = studio.model.info
    return {
        "model_name": info.name,
        "model_sha256": info.sha256,
        "sampling": stored_sampling(sampling),
        "seed": sampling.seed,
        "counts": {"n_ctx": studio.engine.n_ctx},
    }


def _steering(studio: "Studio", composition: "Composition") -> dict[str, Any]:
    vector = composition.vector
    steering: dict[str, Any] = {}
    if vector is not None:
        steering = {
            "coefficients": dict(composition.coefficients),
            "layers": list(vector.layers),
            "norm": vector.norm,
            "vidb": studio.vidb.version,
            "encoder": studio.encoder.version,
        }
    if composition.system_prompt:
        steering["system_prompt"] = composition.system_prompt
    if composition.notes:
        steering["notes"] = list(composition.notes)
    return steering
