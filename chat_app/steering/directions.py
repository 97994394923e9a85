"""Directions: for each value, what to add to a model's hidden states so that it supports it.

Read from the activation bank, without another pass through the model; how, is in ``contrasts``.
Each layer's direction is normalised and scaled by the layer's typical norm and its share, and the
shares add up to 1, so that a coefficient of 1 adds, in total, a vector as long as a hidden state,
on any model.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.hives.space import Space
from chat_app.steering.bank import Bank
from chat_app.steering.contrasts import Method, raw_directions
from chat_app.steering.control_vector import ControlVector
from chat_app.steering.separation import separation

Spread = Literal["equal", "separation", "one"]

# The ridge of ``hives`` in units of the states' mean variance, where held-out texts separate
# better with it. In SmolLM2-135M it raises the held-out area of layer 21 from 0.74 to 0.78; in the
# built-in model it raises none.
WHITEN = 3.0
# What the texts of all other values together may weigh for ``hives``, against the value's own; the
# least that separates held-out texts within _NEARLY of the best is taken. In the built-in model,
# whose directions were made independent, nothing is gained by others' texts, and 0.02 of them
# takes the cosine with its directions from 0.982 to 0.974; in SmolLM2-135M they raise the held-out
# area of layer 21 from 0.78 at 0 to 0.82 at 0.02 and 0.84 at 0.1.
OTHERS_SHARES = (0.0, 0.02, 0.1)
_NEARLY = 0.005
# A middle layer is steered where held-out texts separate by sign at least this well, measured
# from chance (0) to the best layer (1)
_CLEAR_ENOUGH = 0.5


def directions(
    bank: Bank,
    space: Space,
    values: Sequence[str],
    *,
    method: Method = "hives",
    layers: Sequence[int] | None = None,
    whiten: float | Literal["chosen"] | None = "chosen",
    others: float | None = None,
    spread: Spread = "equal",
) -> dict[str, ControlVector]:
    """One control vector a value; a positive coefficient supports the value.

    ``layers`` default to :func:`default_layers`. ``whiten``: the ridge ρ of ``hives``, in units
    of the states' mean variance (None: no whitening; "chosen": :func:`chosen_ridge`). ``others``:
    what texts of other values weigh there (None: :func:`others_share`). ``spread``: how a
    coefficient is shared out over the layers (:func:`shares`). Raises :class:`ValueflowError` where
    the bank and the space are of different VIDBs or a value has nothing to be found from.
    """
    check_same_vidb(bank, space)
    _, n_layer, n_embd = bank.states.shape
    steered = tuple(layers) if layers is not None else default_layers(bank, space)
    if others is None:
        known = method == "hives" and any(value not in space.supports for value in values)
        others = others_share(bank, space, steered) if known else 0.0
    if whiten == "chosen":
        whiten = chosen_ridge(bank, space, steered, others) if method == "hives" else None
    found: dict[int, np.ndarray] = {}
    for layer, share in shares(bank, space, steered, spread).items():
        states = bank.states[:, layer].astype(np.float64)
        raw = raw_directions(states, space, values, method, whiten=whiten, others=others)
        if not (length := np.linalg.norm(raw, axis=0)).all():
            value = values[int(np.argmin(length))]
            raise ValueflowError(f"The model's hidden states hold no direction for {value}.")
        found[layer] = raw / length * (bank.norms[layer] * share)
    return {
        value: ControlVector(
            bank.architecture,
            n_layer,
            n_embd,
            {layer: d[:, i] for layer, d in found.items()},
            bank.model_sha256,
        )
        for i, value in enumerate(values)
    }


def candidate_layers(n_layer: int) -> tuple[int, ...]:
    """The middle half of the network, without layer 0 (not steerable) and the last.

    >>> candidate_layers(6)
    (1, 2, 3)
    """
    if n_layer < 2:
        raise ValueflowError("A model of one layer cannot be steered by vectors.")
    middle = range(max(1, n_layer // 4), min(n_layer - 1, 3 * n_layer // 4))
    return tuple(middle) or (1,)


def default_layers(bank: Bank, space: Space) -> tuple[int, ...]:
    """The middle layers in which held-out texts separate clearly by sign."""
    check_same_vidb(bank, space)
    layers = candidate_layers(bank.states.shape[1])
    clear = [separation(bank, space, layer) - 0.5 for layer in layers]
    best = max(clear)
    if best <= 0:
        return layers
    return tuple(n for n, c in zip(layers, clear, strict=True) if c >= _CLEAR_ENOUGH * best)


def others_share(bank: Bank, space: Space, layers: Sequence[int]) -> float:
    """The least of ``OTHERS_SHARES`` by which held-out texts separate nearly as well as by any."""
    layer = layers[len(layers) // 2]  # layers side by side agree in this
    clear = {share: separation(bank, space, layer, others=share) for share in OTHERS_SHARES}
    best = max(clear.values())
    return next(share for share, c in clear.items() if c >= best - _NEARLY)


def chosen_ridge(
    bank: Bank, space: Space, layers: Sequence[int], others: float = 0.0
) -> float | None:
    """``WHITEN`` where held-out texts separate clearly better with it, else None."""
    layer = layers[len(layers) // 2]
    plain = separation(bank, space, layer, others=others)
    whitened = separation(bank, space, layer, whiten=WHITEN, others=others)
    return WHITEN if whitened > plain + _NEARLY else None


def shares(
    bank: Bank, space: Space, layers: Sequence[int], spread: Spread = "equal"
) -> dict[int, float]:
    """{layer: its share of a coefficient}, which add up to 1.

    "equal"; "separation": in proportion to how far above chance held-out texts separate there;
    "one": all of it to the layer in which they separate best.
    """
    if spread == "equal":
        return dict.fromkeys(layers, 1 / len(layers))
    clear = {layer: max(0.0, separation(bank, space, layer) - 0.5) for layer in layers}
    if spread == "one" or not any(clear.values()):
        return {max(clear, key=lambda layer: clear[layer]): 1.0}
    total = sum(clear.values())
    return {layer: c / total for layer, c in clear.items() if c}


def check_same_vidb(bank: Bank, space: Space) -> None:
    """Raise :class:`ValueflowError` unless ``bank`` and ``space`` hold the same texts."""
    if bank.vidb_version != space.vidb.version or len(bank.states) != len(space.vidb.anchors):
        raise ValueflowError(
            f"The activation bank was made from VIDB {bank.vidb_version}, the value space from "
            f"{space.vidb.version}; build both from the same file."
        )
