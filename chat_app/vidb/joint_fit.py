"""The joint Plackett-Luce fit: one utility for every text from many ranked windows.

VALUEFLOW (arXiv 2602.03160), section on VIDB. A window's order, most supportive first, is read as
a series of choices from what is left of it:

    log L(u) = sum over windows and places i of (u_i - log sum over j >= i of exp(u_j))
               - lambda |u|^2 / 2

It is concave; the Gaussian prior (precision lambda > 0) makes the maximum unique and keeps a text
finite that was first, or last, everywhere. Rankings tell differences only, so between texts that
no chain of windows connects there is nothing but the prior: ``islands`` finds them out.

Windows of all values are fitted at once. ``orders`` is int [N, k]: row numbers of texts in the
judged order; a window of fewer texts ends in -1. A text stands in a window at most once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg

from chat_app.errors import ValueflowError

Floats = NDArray[np.float64]
Orders = NDArray[np.int64]

_ROUNDS = 200
_TOLERANCE = 1e-9  # of the gradient, which counts texts
_DENSE = 2000  # texts whose information is inverted as it stands; 3 s and 100 MB at most
_MODES = 100


class FitError(ValueflowError):
    """Windows that no utilities can be read from."""


def fit_joint(orders: Orders, n: int, prior: float) -> Floats:
    """u, float [n]: the utilities that maximise log L, by Newton's method; their mean is 0.

    Each step solves (information) step = gradient by conjugate gradients and is halved until log L
    rises. Raises FitError when ``prior`` is not above 0.
    """
    if not prior > 0:
        raise FitError(f"The prior's precision is {prior:g}: it must be above 0.")
    u = np.zeros(n)
    value, gradient = _log_likelihood(orders, u, prior)
    for _ in range(_ROUNDS):
        if np.abs(gradient).max(initial=0.0) < _TOLERANCE:
            break
        matrix = information(orders, u, prior)
        step = _solve(matrix, gradient)
        slope = float(gradient @ step)
        size = 1.0
        while True:
            moved, moved_gradient = _log_likelihood(orders, u + size * step, prior)
            # Near the top the gain drowns in rounding: then the step itself is what is left.
            if moved >= value + 1e-4 * size * slope or size * slope < 1e-9 * (1 + abs(value)):
                break
            size /= 2
        u, value, gradient = u + size * step, moved, moved_gradient
        if slope < 1e-16 * (1 + abs(value)):
            break
    return u


def information(orders: Orders, u: Floats, prior: float) -> sparse.csr_array:
    """The observed information, minus the second derivative of log L: sparse [n, n].

    Every choice with probabilities p adds diag(p) - p p', so that rows sum to ``prior``: it is the
    Laplacian of the comparison graph, weighted by how much each comparison tells, plus the prior.
    """
    there, known, left = _remaining(orders, u)
    k = orders.shape[1]
    # chance[w, i, j]: of text j when place i is filled; 0 for texts that were taken before.
    chance = np.exp(np.minimum(known[:, None, :] - left[:, :, None], 0.0))
    chance *= there[:, None, :] & there[:, :, None] & np.triu(np.ones((k, k), dtype=bool))
    blocks = -np.einsum("wij,wil->wjl", chance, chance)
    blocks[:, np.arange(k), np.arange(k)] += chance.sum(axis=1)
    rows = np.where(there, orders, 0)
    at = (np.repeat(rows, k, axis=1).ravel(), np.tile(rows, (1, k)).ravel())
    laplacian = sparse.coo_array((blocks.ravel(), at), shape=(len(u), len(u))).tocsr()
    return (laplacian + prior * sparse.eye_array(len(u), format="csr")).tocsr()


def islands(orders: Orders, n: int) -> NDArray[np.int64]:
    """int [n]: the number of the island of each text; two texts share one when a chain of windows
    connects them. A text in no window is an island of its own.
    """
    first = np.broadcast_to(orders[:, :1], orders.shape)
    there = orders >= 0
    edges = sparse.coo_array((np.ones(int(there.sum())), (first[there], orders[there])), (n, n))
    return csgraph.connected_components(edges, directed=False)[1].astype(np.int64)


def contrast_errors(matrix: sparse.csr_array, reference: Floats) -> Floats:
    """Standard errors of u_i - sum_j reference_j u_j, float [n], for texts of one island.

        var_i = C_ii - 2 (C r)_i + r' C r,      C = inverse of ``matrix``

    matrix: their ``information``; reference: float [n] weights that sum to 1, those of the texts
    that fix the scale's zero. The common shift of all utilities, of which rankings say nothing,
    cancels. Up to 2,000 texts C is computed; above, ``inverse_diagonal`` estimates its diagonal.
    """
    n = matrix.shape[0]
    if n <= _DENSE:
        inverse = linalg.inv(matrix.toarray(), overwrite_a=True, check_finite=False)
        diagonal, shared = np.diag(inverse), inverse @ reference
    else:
        diagonal, shared = inverse_diagonal(matrix), _solve(matrix, reference)
    variance = diagonal - 2 * shared + float(reference @ shared)
    return np.sqrt(np.maximum(variance, 0.0))


def inverse_diagonal(matrix: sparse.csr_array, modes: int = _MODES) -> Floats:
    """The diagonal of the inverse of a large sparse ``information``, to about two percent.

    With D the diagonal and N = I - D^-1/2 (matrix) D^-1/2, whose own diagonal is 0,

        D^1/2 (matrix)^-1 D^1/2 = (I - N)^-1 = I + N + N^2 + N^3 (I - N)^-1

    N^2's diagonal is a sum over neighbours; of the last term only N's largest eigenvalues matter
    (the slow differences between regions of the scale), and those Lanczos finds.
    """
    n = matrix.shape[0]
    weight = matrix.diagonal()
    scaled = sparse.diags_array(1 / np.sqrt(weight))
    rest = (sparse.eye_array(n) - scaled @ matrix @ scaled).tocsr()
    start = np.random.default_rng(0).random(n)  # so that the same windows give the same errors
    top, vectors = sparse_linalg.eigsh(rest, k=min(modes, n - 1), which="LA", v0=start)
    squares = rest.multiply(rest).sum(axis=1)
    return (1 + squares + vectors**2 @ (top**3 / (1 - top))) / weight


def _remaining(orders: Orders, u: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """there, bool [N, k]; u of the texts there, [N, k], -inf elsewhere; log sum exp of what is
    left at each place, [N, k]."""
    there = orders >= 0
    known = np.where(there, u[orders], -np.inf)
    left = np.logaddexp.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return there, known, np.where(there, left, 0.0)


def _log_likelihood(orders: Orders, u: Floats, prior: float) -> tuple[float, Floats]:
    """log L and its gradient [n]."""
    there, known, left = _remaining(orders, u)
    value = float((known - left)[there].sum() - 0.5 * prior * (u @ u))
    # How often a text was expected to be taken: exp(u_j) x sum of 1 / (sum of exp) so far.
    so_far = np.logaddexp.accumulate(np.where(there, -left, -np.inf), axis=1)
    expected = np.exp(known + so_far, where=there, out=np.zeros_like(known))
    gradient = np.bincount(orders[there], weights=(1 - expected)[there], minlength=len(u))
    return value, gradient - prior * u


def _solve(matrix: sparse.csr_array, right: Floats) -> Floats:
    preconditioner = sparse.diags_array(1 / matrix.diagonal())
    return sparse_linalg.cg(matrix, right, rtol=1e-8, M=preconditioner)[0]
