"""How unlike the images that a network learnt from a new subject's are, and from where on to say so.

The score is a Mahalanobis distance in the space of `texture`, with a covariance shrunk toward a sphere (Ledoit & Wolf
2004): there are more features than subjects. The limit is conformal (Vovk et al. 2005): of a new subject of the same
scanners, at most `ALARMS` are called unlike, where the subjects suffice for such a limit.

Calibrating on the validation subjects alone wastes data: four of them allow one false alarm in five, however sharp the
score. So the training subjects join them, each scored by a fit to the others (the jackknife): it knows as little of
the one left out as the whole fit does of a new one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.evaluation.texture import subject_texture
from cmrbridge.files import write_atomically

ALARMS = 0.05
LEAST = 3  # training subjects
RANK = 48  # directions that are kept, at most
DIGITS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """mean, scale: (d,) of the features; components: (r, d), orthonormal, of the scaled ones; variance: (r,) along
    them; residual: along every other direction."""

    mean: Floats
    scale: Floats
    components: Floats
    variance: Floats
    residual: float


def fit(features: Floats) -> Likeness:
    """From (n, d) features of n ≥ 2 subjects.

    scale² is the mean of a feature's own variance and of all features' mean variance: a feature that hardly varies
    among few subjects is not thereby the one that matters.
    """
    mean, variance = features.mean(axis=0), features.var(axis=0)
    total = float(variance.mean())
    scale = np.sqrt((variance + total) / 2) if total > 0 else np.ones_like(mean)
    scaled = (features - mean) / scale
    _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    weight, sphere = shrinkage(scaled)
    kept = min(RANK, len(features) - 1)
    along = (1 - weight) * sizes**2 / len(features) + weight * sphere
    rest = (1 - weight) * float((sizes[kept:] ** 2).sum()) / len(features) / (features.shape[1] - kept)
    floor = 1e-12  # subjects that do not differ at all
    return Likeness(mean, scale, axes[:kept], np.maximum(along[:kept], floor), max(rest + weight * sphere, floor))


def shrinkage(centred: Floats) -> tuple[float, float]:
    """(weight of the sphere, its variance) of Ledoit & Wolf 2004 from centred rows (n, d)."""
    count, width = centred.shape
    gram = centred @ centred.T  # the covariance, d × d, is never formed
    squares, inner = float((gram**2).sum()) / count**2, np.diag(gram)
    sphere = float(inner.sum()) / count / width
    distance = squares - width * sphere**2
    noise = float((inner**2).sum()) / count**2 - squares / count
    return (float(np.clip(noise / distance, 0, 1)) if distance > 0 else 1.0), sphere


def distance(features: Floats, likeness: Likeness) -> Floats:
    """(n,) root mean squared deviation of (n, d) features, in units of the fit's spread: 1, about, for more alike."""
    scaled = (features - likeness.mean) / likeness.scale
    along = scaled @ likeness.components.T
    rest = np.maximum((scaled**2).sum(axis=1) - (along**2).sum(axis=1), 0)
    return np.sqrt(((along**2 / likeness.variance).sum(axis=1) + rest / likeness.residual) / scaled.shape[1])


def left_out(features: Floats) -> Floats:
    """(n,) `distance` of each of (n, d) features from the fit to all the others."""
    return np.array(
        [distance(features[i : i + 1], fit(np.delete(features, i, axis=0)))[0] for i in range(len(features))]
    )


def conformal_limit(scores: Floats, alarms: float = ALARMS) -> float:
    """The score that at most a share ``alarms`` of new subjects passes: the ⌈(n + 1)(1 − alarms)⌉-th smallest of n.

    Of fewer than 1 / alarms − 1 scores it is the largest, which one new subject in n + 1 passes.
    """
    return float(np.sort(scores)[min(ceil((len(scores) + 1) * (1 - alarms)), len(scores)) - 1])


def fit_unlike(*, chosen: Path, training: Mapping[str, Path], unlike: Path) -> None:
    """Write ``unlike`` (JSON), what `score` needs, for the network that ``chosen`` (JSON) says was taken.

    training: domain → pack; fitted and calibrated on the training and validation subjects of those that trained it.
    """
    try:
        domains = json.loads(chosen.read_text(encoding="utf-8"))["training"]
        packs = [read_pack(training[domain]) for domain in domains]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{chosen}: does not say what trained the network ({error}); delete it and run again"
        ) from error
    known, held = (np.array([row for pack in packs for row in textures(pack.split(name))]) for name in ("train", "val"))
    if len(known) < LEAST or not len(held):
        raise InputError(
            f"{', '.join(domains)}: {len(known)} training and {len(held)} validation subjects, where {LEAST} and 1 at "
            "least tell what is unlike them; raise split.train and split.val"
        )
    write_atomically(unlike, json.dumps(calibrated(known, held)) + "\n")


def textures(pack: Pack) -> list[Floats]:
    """`subject_texture` of each subject of a pack, over its frames."""
    people: dict[tuple[str, str], list[int]] = {}
    for index, case in enumerate(pack.cases):
        people.setdefault((case.dataset, case.subject), []).append(index)
    return [subject_texture([_stack(pack, index) for index in indices]) for indices in people.values()]


def calibrated(known: Floats, held: Floats) -> dict[str, Any]:
    """What `score` needs as plain data: a fit to ``known`` (n, d), the sorted scores of ``held`` and of both, limit."""
    likeness = fit(known)
    parts = {name: np.asarray(value).tolist() for name, value in asdict(likeness).items()}
    validation = distance(held, likeness)
    scores = np.concatenate([validation, left_out(known)])
    return {
        "features": "scattering",
        **{name: rounded(value) for name, value in parts.items()},
        "validation": rounded(np.sort(validation).tolist()),
        "calibration": rounded(np.sort(scores).tolist()),
        "limit": round(conformal_limit(scores), DIGITS),
    }


def rounded(value: Any) -> Any:
    """Numbers, lists and lists of lists to `DIGITS` significant digits: a distance needs no more."""
    return [rounded(one) for one in value] if isinstance(value, list) else float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True)
class Verdict:
    """score: `distance`; limit: from where on ``warn``; rarer: share of the source's subjects that score as high."""

    score: float
    limit: float
    warn: bool
    rarer: float


def score(stacks: Sequence[NDArray[np.uint8]], unlike: Mapping[str, Any]) -> Verdict:
    """How unlike one subject is: its canonical stacks (slice, y, x), as many frames as there are, against the "unlike"
    of a model.json."""
    arrays = (np.asarray(unlike[name], np.float64) for name in ("mean", "scale", "components", "variance"))
    mean, scale, components, variance = arrays
    likeness = Likeness(mean, scale, components, variance, float(unlike["residual"]))
    value = float(distance(subject_texture(stacks)[None], likeness)[0])
    others = np.asarray(unlike["calibration"])
    share = (1 + int((others >= value).sum())) / (1 + len(others))
    return Verdict(value, float(unlike["limit"]), value > unlike["limit"], share)


def _stack(pack: Pack, index: int) -> NDArray[np.uint8]:
    rows = np.flatnonzero(pack.case == index)
    return pack.images[rows[np.argsort(pack.position[rows], kind="stable")]]
