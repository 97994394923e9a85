"""What tells support from opposition in hidden states: one raw direction a value.

From a layer's states H [n_texts, n_embd] of the activation bank, centred:

``hives``      (Σ + ρI)^-1 H' y, with y_i how much text i supports the value (:func:`support`), Σ
               the states' covariance and ρ a ridge; H' y alone where nothing is whitened.
``mean_diff``  mean of supporting texts - mean of opposing texts of the value.
``pca``        the first principal component of paired differences, supporting - opposing text (as
               repeng's pca_diff), its sign such that supporting texts project higher.

All in float64: how many threads multiply decides in which order a sum is added up, and a direction
rounded to float32 afterwards has the same bits, hence the same name, whatever that order was.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from chat_app.errors import ValueflowError
from chat_app.hives.space import Space

Method = Literal["hives", "mean_diff", "pca"]
METHODS: tuple[Method, ...] = get_args(Method)


def raw_directions(
    states: np.ndarray,
    space: Space,
    values: Sequence[str],
    method: Method,
    *,
    whiten: float | None = None,
    others: float = 0.0,
    seen: np.ndarray | None = None,
) -> np.ndarray:
    """float64 [n_embd, n_values]: a column a value, of whatever length, pointing to support.

    ``states``: float64 [n_texts, n_embd] of one layer. ``whiten``: the ridge ρ of ``hives`` in
    units of the states' mean variance, None for none. ``others``: what texts of other values weigh
    for ``hives`` (:func:`support`). ``seen``: bool [n_texts], the texts to use. Raises
    :class:`ValueflowError` where a value has nothing to be found from.
    """
    if seen is None:
        seen = np.ones(len(states), dtype=bool)
    states = states[seen] - states[seen].mean(axis=0)
    if method == "pca":
        columns = [_first_component(states, sides(space, v)[seen], v) for v in values]
        return np.stack(columns, axis=1)
    if method == "mean_diff":
        return states.T @ np.stack([_mean_weights(sides(space, v)[seen], v) for v in values], 1)
    raw = states.T @ np.stack([support(space, v, others)[seen] for v in values], axis=1)
    return raw if whiten is None else _unmix(states, raw, whiten)


def support(space: Space, value: str, others: float = 0.0) -> np.ndarray:
    """y: float64 [n_texts], how much each VIDB text supports ``value``, for the covariance.

    For the value's own texts y = intensity / 10, which is known. For texts of other values y =
    λ z . a_v, their HIVES coordinate, a weak witness: λ is such that the squares of all of them
    sum to ``others`` times those of the value's own, however many there are. Both are centred
    apart, so that neither the value's topic as such nor the other values' enters the direction.

    A custom value has no texts of its own: y is what the space says that each text is worth to it
    (``Space.supports``), centred within the texts of each known value, so that their topics are no
    part of the direction either. Without that it rests on the coordinates alone.
    """
    if value in space.supports:
        return _supported(space, space.supports[value])
    own = own_texts(space, value)
    y = np.zeros(len(space.vidb.anchors))
    intensity = np.array([a.intensity for a in space.vidb.anchors])
    y[own] = _centred(intensity[own] / 10)
    known = float(np.sum(y**2))
    wanted = others * known if known else 1.0
    if wanted and value in space.axes:
        along = _centred((space.embeddings @ space.axes[value].astype(np.float64))[~own])
        size = float(np.sum(along**2))
        y[~own] = along * np.sqrt(wanted / size) if size else 0.0
    if not y.any():
        raise ValueflowError(f"No text of the VIDB says anything for or against {value}.")
    return y


def _supported(space: Space, worth: np.ndarray) -> np.ndarray:
    owners = np.array([a.value for a in space.vidb.anchors])
    y = worth.astype(np.float64)
    for owner in np.unique(owners):
        y[owners == owner] = _centred(y[owners == owner])
    return y


def own_texts(space: Space, value: str) -> np.ndarray:
    """bool [n_texts]: the texts that were rated for ``value`` or a sub-value of it."""
    ids = (a.value for a in space.vidb.anchors)
    return np.array([v == value or v.startswith(f"{value}:") for v in ids], dtype=bool)


def sides(space: Space, value: str) -> np.ndarray:
    """float64 [n_texts]: the intensities of the value's own texts, 0 for all others."""
    intensity = np.array([a.intensity for a in space.vidb.anchors])
    return intensity * own_texts(space, value)


def _mean_weights(intensity: np.ndarray, value: str) -> np.ndarray:
    """c [n]: H' c is the mean of supporting texts less the mean of opposing ones."""
    supporting, opposing = _both_sides(intensity, value, "mean_diff")
    c = np.zeros(len(intensity))
    c[supporting], c[opposing] = 1 / len(supporting), -1 / len(opposing)
    return c


def _first_component(states: np.ndarray, intensity: np.ndarray, value: str) -> np.ndarray:
    """The unit d that maximises Σ_pairs ((h+ - h-) . d)^2, Σ (h+ - h-) . d > 0.

    The strongest supporting text is paired with the strongest opposing one, and so on. The
    differences are not centred: what all of them have in common is what is looked for.
    """
    supporting, opposing = _both_sides(intensity, value, "pca")
    pairs = min(len(supporting), len(opposing))
    differences = states[supporting[:pairs]] - states[opposing[:pairs]]
    *_, components = np.linalg.svd(differences, full_matrices=False)
    found: np.ndarray = components[0]
    if not np.abs(differences).max():
        return np.zeros_like(found)
    return found * (np.sign((differences @ found).sum()) or 1)


def _both_sides(intensity: np.ndarray, value: str, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the supporting and the opposing texts are, the strongest first."""
    order = np.argsort(-np.abs(intensity), kind="stable")
    found = order[intensity[order] > 0], order[intensity[order] < 0]
    for side, word in zip(found, ("supports", "opposes"), strict=True):
        if not len(side):
            raise ValueflowError(
                f"{method} needs texts of both kinds, and no VIDB text {word} {value}; use hives."
            )
    return found


def _unmix(states: np.ndarray, raw: np.ndarray, ridge: float) -> np.ndarray:
    """(Σ + ρI)^-1 raw of centred states, ρ = ``ridge`` times their mean variance."""
    if not ridge > 0:
        raise ValueflowError(f"The ridge is {ridge}; it must be above 0.")
    sigma = states.T @ states / len(states)
    rho = ridge * float(np.trace(sigma)) / len(sigma)
    if not rho:  # the states are all the same
        return raw
    return np.linalg.solve(sigma + rho * np.eye(len(sigma)), raw)


def _centred(numbers: np.ndarray) -> np.ndarray:
    return numbers - numbers.mean() if len(numbers) else numbers
