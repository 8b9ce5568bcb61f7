"""How far apart two sets of features are: Fréchet and kernel distance, precision, recall, density, coverage."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.spatial.distance import cdist

from cmrbridge.errors import InputError

Floats = NDArray[np.float64]


class Neighbourhoods(NamedTuple):
    """Shares 0…1; density may exceed 1, and is 1 in the mean for equal distributions."""

    precision: float
    recall: float
    density: float
    coverage: float


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def frechet_distance(a: Floats, b: Floats) -> float:
    """‖μa − μb‖² + tr(Ca + Cb − 2 (Ca Cb)^½) of features (n, d) and (m, d) (Dowson & Landau 1982; Heusel et al. 2017).

    tr (Ca Cb)^½ is the sum of the singular values of A Bᵀ, where C = AᵀA: no root of a matrix, exact at any rank.
    Biased upwards where n is small: compare at equal n only.
    """
    _check(a, b, 2)
    one, other = (linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r")[0] for x in (a, b))
    spread = (one**2).sum() + (other**2).sum() - 2 * linalg.svdvals(one @ other.T).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + max(spread, 0))


def kernel_distance(a: Floats, b: Floats) -> float:
    """Unbiased MMD² of the kernel (xᵀy / d + 1)³ (Bińkowski et al. 2018, eq. 4): 0 in the mean for equal sources."""
    _check(a, b, 2)
    aa, ab, bb = _kernels(a, b)
    n, m = len(a), len(b)
    return float(aa.sum() / (n * (n - 1)) + bb.sum() / (m * (m - 1)) - 2 * ab.mean())


def kernel_interval(a: Floats, b: Floats) -> Estimate:
    """`kernel_distance` with a 95 % interval by the jackknife over both sets (value ± 1.96 standard errors).

    For sets of independent items: slices of one subject are not, and make it too narrow. A bootstrap would repeat
    items, whose kernel with themselves is not small, and so shift an unbiased estimate.
    """
    _check(a, b, 3)
    aa, ab, bb = _kernels(a, b)
    n, m = len(a), len(b)
    own_a, own_b, both = aa.sum() / (n * (n - 1)), bb.sum() / (m * (m - 1)), ab.mean()
    without_a = (aa.sum() - 2 * aa.sum(1)) / ((n - 1) * (n - 2)) + own_b - 2 * (ab.sum() - ab.sum(1)) / ((n - 1) * m)
    without_b = own_a + (bb.sum() - 2 * bb.sum(1)) / ((m - 1) * (m - 2)) - 2 * (ab.sum() - ab.sum(0)) / (n * (m - 1))
    variance = (n - 1) * without_a.var() + (m - 1) * without_b.var()
    value, margin = float(own_a + own_b - 2 * both), 1.96 * float(np.sqrt(variance))
    return Estimate(value, value - margin, value + margin)


def neighbourhoods(real: Floats, generated: Floats, neighbours: int) -> Neighbourhoods:
    """Balls about each item, out to its k-th nearest of its own set.

    precision, recall: share of the generated in any real ball, and the reverse (Kynkäänniemi et al. 2019, eq. 2).
    density: real balls that a generated item lies in, over k; coverage: share of the real balls that hold a
    generated item (Naeem et al. 2020, eqs. 3 and 5).
    """
    _check(real, generated, neighbours + 1)
    between = cdist(generated, real)
    in_real = between <= _radii(real, neighbours)
    in_generated = between <= _radii(generated, neighbours)[:, None]
    return Neighbourhoods(
        precision=float(in_real.any(1).mean()),
        recall=float(in_generated.any(0).mean()),
        density=float(in_real.sum(1).mean() / neighbours),
        coverage=float(in_real.any(0).mean()),
    )


def _radii(items: Floats, neighbours: int) -> Floats:
    """Distance to the k-th nearest other item; column 0 is the item itself."""
    return np.partition(cdist(items, items), neighbours, axis=1)[:, neighbours]


def _kernels(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Within a, between, within b; the diagonals within are 0: an item's kernel with itself tells nothing."""
    aa, ab, bb = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (a, b), (b, b)))
    np.fill_diagonal(aa, 0)
    np.fill_diagonal(bb, 0)
    return aa, ab, bb


def _check(a: Floats, b: Floats, least: int) -> None:
    if min(len(a), len(b)) < least:
        raise InputError(f"sets of {len(a)} and {len(b)} items: this measure needs at least {least}; generate more")
