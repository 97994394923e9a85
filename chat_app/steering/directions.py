"""Directions: for each value, where in a model's hidden states a text's support for it shows.

Read from the activation bank, without another pass through the model:

``hives``      d_l = (Σ_l + ρI)^-1 cov(y, H_l), with H_l the bank's states of layer l and y_i how
               much text i supports the value (:func:`support`); ρ only where ``whiten`` asks.
``mean_diff``  d_l = mean H_l of supporting texts - mean H_l of opposing texts of the value.

Each d_l is normalised and scaled by its layer's typical norm over the number of layers, so that
a coefficient of 1 adds, in total, a vector as long as a hidden state, on any model.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.hives.space import Space
from chat_app.steering.bank import Bank
from chat_app.steering.control_vector import ControlVector

Method = Literal["hives", "mean_diff"]

# What all texts of other values together may weigh, against the value's own texts (see support).
# With the small built-in encoder more of it only blurs: the cosine with the directions that the
# built-in model was trained on falls from 0.92 at 0 to 0.91 at 0.05, 0.87 at 0.25, 0.74 at 1.
OTHERS_SHARE = 0.02
# The ridge of ``hives`` in units of the states' mean variance. On the built-in model 3 raises that
# cosine from 0.91 (no whitening) to 0.92 and takes a third off what leaks along other values'
# directions; below 0.3 it harms.
WHITEN = 3.0
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
    whiten: float | None = WHITEN,
) -> dict[str, ControlVector]:
    """One control vector a value; a positive coefficient supports the value.

    ``layers`` default to :func:`default_layers`. ``whiten``: the ridge ρ of ``hives``, in units
    of the states' mean variance (None: no whitening). Raises :class:`ValueflowError` where the
    bank and the space are of different VIDBs or a value has nothing to be found from.
    """
    _check(bank, space)
    _, n_layer, n_embd = bank.states.shape
    steered = tuple(layers) if layers is not None else default_layers(bank, space)
    weights = _contrasts(space, values, method)
    found: dict[int, np.ndarray] = {}
    for layer in steered:
        states = bank.states[:, layer].astype(np.float32)
        states -= states.mean(axis=0)
        raw = states.T @ weights
        if not (length := np.linalg.norm(raw, axis=0)).all():
            value = values[int(np.argmin(length))]
            raise ValueflowError(f"The model's hidden states hold no direction for {value}.")
        if whiten is not None and method == "hives":
            raw = _unmix(states, raw, whiten)
            length = np.linalg.norm(raw, axis=0)
        found[layer] = raw / length * (bank.norms[layer] / len(steered))
    return {
        value: ControlVector(
            bank.architecture, n_layer, n_embd, {layer: d[:, i] for layer, d in found.items()}
        )
        for i, value in enumerate(values)
    }


def support(space: Space, value: str) -> np.ndarray:
    """y: float32 [n_texts], how much each VIDB text supports ``value``, for the covariance.

    For the value's own texts y = intensity / 10, which is known. For the others y = λ z . a_v,
    their HIVES coordinate, a weak witness: λ is such that the squares of all of them sum to
    ``OTHERS_SHARE`` of those of the value's own, however many there are. Both are centred apart,
    so that neither the value's topic as such nor the other values' enters the direction.

    A custom value has no texts of its own: y is what the space says that each text is worth to it
    (``Space.supports``), centred within the texts of each known value, so that their topics are no
    part of the direction either. Without that it rests on the coordinates alone.
    """
    if value in space.supports:
        return _supported(space, space.supports[value])
    own = own_texts(space, value)
    y = np.zeros(len(space.vidb.anchors), dtype=np.float32)
    intensity = np.array([a.intensity for a in space.vidb.anchors], dtype=np.float32)
    y[own] = _centred(intensity[own] / 10)
    if value in space.axes:
        others = _centred(space.embeddings[~own] @ space.axes[value])
        size = float(np.sum(others**2))
        known = float(np.sum(y**2))
        wanted = OTHERS_SHARE * known if known else 1.0
        y[~own] = others * np.sqrt(wanted / size) if size else 0.0
    if not y.any():
        raise ValueflowError(f"No text of the VIDB says anything for or against {value}.")
    return y


def _supported(space: Space, worth: np.ndarray) -> np.ndarray:
    owners = np.array([a.value for a in space.vidb.anchors])
    y = worth.astype(np.float32)
    for owner in np.unique(owners):
        y[owners == owner] = _centred(y[owners == owner])
    return y


def own_texts(space: Space, value: str) -> np.ndarray:
    """bool [n_texts]: the texts that were rated for ``value`` or a sub-value of it."""
    ids = (a.value for a in space.vidb.anchors)
    return np.array([v == value or v.startswith(f"{value}:") for v in ids], dtype=bool)


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
    layers = candidate_layers(bank.states.shape[1])
    clear = [separation(bank, space, layer) - 0.5 for layer in layers]
    best = max(clear)
    if best <= 0:
        return layers
    return tuple(n for n, c in zip(layers, clear, strict=True) if c >= _CLEAR_ENOUGH * best)


def separation(bank: Bank, space: Space, layer: int, method: Method = "hives") -> float:
    """How well ``layer`` tells support from opposition in texts its directions never saw.

    The area under the ROC curve (0.5 chance, 1 perfect), the mean over values and over the two
    halves of the texts, each judged by directions made from the other half.
    """
    _check(bank, space)
    states = bank.states[:, layer].astype(np.float32)
    values = sorted({a.value.partition(":")[0] for a in space.vidb.anchors})
    weights = _contrasts(space, values, method)
    intensity = np.array([a.intensity for a in space.vidb.anchors])
    half = np.arange(len(intensity)) % 2 == 0
    areas = []
    for seen in (half, ~half):
        raw = states[seen].T @ weights[seen]
        for i, value in enumerate(values):
            judged = own_texts(space, value) & ~seen
            along = states[judged] @ raw[:, i]
            areas += _auc(along[intensity[judged] > 0], along[intensity[judged] < 0])
    return float(np.mean(areas)) if areas else 0.5


def _contrasts(space: Space, values: Iterable[str], method: Method) -> np.ndarray:
    """float32 [n_texts, n_values]: columns c that sum to 0, so that H' c is the direction."""
    if method == "hives":
        return np.stack([support(space, value) for value in values], axis=1)
    return np.stack([_mean_difference(space, value) for value in values], axis=1)


def _mean_difference(space: Space, value: str) -> np.ndarray:
    sign = np.sign([a.intensity for a in space.vidb.anchors]) * own_texts(space, value)
    for side, word in ((1, "supports"), (-1, "opposes")):
        if not (sign == side).any():
            raise ValueflowError(
                f"mean_diff needs texts of both kinds, and no VIDB text {word} {value}; use hives."
            )
    return ((sign > 0) / (sign > 0).sum() - (sign < 0) / (sign < 0).sum()).astype(np.float32)


def _unmix(states: np.ndarray, raw: np.ndarray, ridge: float) -> np.ndarray:
    """(Σ + ρI)^-1 raw of centred states, ρ = ``ridge`` times their mean variance."""
    if not ridge > 0:
        raise ValueflowError(f"The ridge is {ridge}; it must be above 0.")
    sigma = states.T @ states / len(states)
    rho = ridge * float(np.trace(sigma)) / len(sigma)
    return np.linalg.solve(sigma + rho * np.eye(len(sigma), dtype=np.float32), raw)


def _auc(positive: np.ndarray, negative: np.ndarray) -> list[float]:
    """[P(positive > negative)], ties counted half; [] where one side is empty."""
    if not len(positive) or not len(negative):
        return []
    difference = positive[:, None] - negative[None, :]
    return [float(np.mean((difference > 0) + 0.5 * (difference == 0)))]


def _centred(numbers: np.ndarray) -> np.ndarray:
    return numbers - numbers.mean() if len(numbers) else numbers


def _check(bank: Bank, space: Space) -> None:
    if bank.vidb_version != space.vidb.version or len(bank.states) != len(space.vidb.anchors):
        raise ValueflowError(
            f"The activation bank was made from VIDB {bank.vidb_version}, the value space from "
            f"{space.vidb.version}; build both from the same file."
        )
