"""Who is scanned: volumes, walls and function of each pathology, and the anatomy drawn from them."""

from dataclasses import dataclass, field

import numpy as np

from cmrbridge.data.phantom.body import Body, draw_body
from cmrbridge.data.phantom.heart import Contour, Profile, RightVentricle, Ventricles, draw_factor, fit_right
from cmrbridge.data.phantom.texture import Waves, draw_waves

Range = tuple[float, float]


@dataclass(frozen=True)
class Pathology:
    """Ranges (uniform). edv, rv_edv: mL; ef, rv_ef: share; length: mm of the LV cavity at ED; wall: mean mm at ED;
    offset: cavity's shift from the septum, share of the wall; flat: D-shape of the septum;
    t1: factor of myocardial T1."""

    edv: Range
    ef: Range
    length: Range
    wall: Range
    rv_edv: Range
    rv_ef: Range
    offset: Range = (0.0, 0.1)
    flat: Range = (0.0, 0.05)
    t1: Range = (0.97, 1.03)


# Normal values after Kawel-Boehm et al., JCMR 2020;22:87; limits of DCM, HCM and RV as in ACDC (Bernard et al. 2018).
PATHOLOGIES: dict[str, Pathology] = {
    "NOR": Pathology((105, 178), (0.56, 0.69), (82, 94), (7.0, 9.0), (115, 185), (0.50, 0.64)),
    "DCM": Pathology((205, 315), (0.16, 0.39), (90, 102), (7.0, 9.5), (140, 230), (0.28, 0.50), t1=(1.02, 1.08)),
    "HCM": Pathology(
        (95, 150), (0.62, 0.79), (82, 94), (12.5, 15.5), (105, 165), (0.52, 0.66), offset=(0.2, 0.45), t1=(1.0, 1.08)
    ),
    "RV": Pathology((90, 145), (0.50, 0.65), (80, 92), (6.5, 8.5), (200, 290), (0.22, 0.40), flat=(0.10, 0.22)),
}


@dataclass(frozen=True)
class Papillary:
    """A papillary muscle: angle (radians), radius (mm), reach: share of the cavity radius at which its axis lies."""

    angle: float
    radius: float
    reach: float


@dataclass(frozen=True)
class Anatomy:
    """One patient. Lengths in mm; frame: u towards the patient's left, v towards the back, w from base to apex with
    w = 0 at the end-diastolic valve plane. normal: unit vector of w in scanner axes (RAS+)."""

    pathology: str
    phases: dict[str, Ventricles]
    contour: Contour
    papillary: tuple[Papillary, ...]
    trabeculation: float
    fat_depth: float
    trabeculae: Waves = field(repr=False)
    wobble: Waves = field(repr=False)
    body: Body = field(repr=False)
    t1_factor: float = 1.0
    normal: tuple[float, float, float] = (-0.61, 0.61, -0.51)


def draw_anatomy(rng: np.random.Generator, pathology: str) -> Anatomy:
    """Draw one patient; nothing in it depends on a scanner."""
    kind = PATHOLOGIES[pathology]
    septum = rng.normal(np.radians(-165), np.radians(8))
    contour = Contour(
        septum=septum,
        factor=draw_factor(rng, septum, rng.uniform(*kind.flat)),
        offset=rng.uniform(*kind.offset),
        drift=(rng.normal(0, 0.05), rng.normal(0, 0.05)),
        tilt=(rng.normal(0, 0.05), rng.normal(0, 0.05)),
    )
    phases = _draw_phases(rng, kind, contour)
    widest = max(phases["ED"].epi.radius, 30.0)
    normal = np.array([-0.61, 0.61, -0.51]) + rng.normal(0, 0.06, 3)
    normal /= np.linalg.norm(normal)
    return Anatomy(
        pathology=pathology,
        phases=phases,
        contour=contour,
        papillary=_draw_papillary(rng, septum),
        trabeculation=rng.uniform(0.3, 1.0),
        fat_depth=rng.uniform(3, 9),
        trabeculae=draw_waves(rng, (6, 12)),
        wobble=draw_waves(rng, (25, 70)),
        body=draw_body(rng, widest),
        t1_factor=rng.uniform(*kind.t1),
        normal=(float(normal[0]), float(normal[1]), float(normal[2])),
    )


def _draw_papillary(rng: np.random.Generator, septum: float) -> tuple[Papillary, ...]:
    return tuple(
        Papillary(septum + np.pi + side * rng.uniform(0.75, 1.1), rng.uniform(3.2, 5.2), rng.uniform(0.6, 0.74))
        for side in (-1, 1)
    )


def _draw_phases(rng: np.random.Generator, kind: Pathology, contour: Contour) -> dict[str, Ventricles]:
    edv, ef, length, wall, rv_edv, rv_ef = (
        rng.uniform(*limits) for limits in (kind.edv, kind.ef, kind.length, kind.wall, kind.rv_edv, kind.rv_ef)
    )
    rv_edv = max(rv_edv, 1.15 * edv) if kind.flat[1] > 0.1 else rv_edv
    tip = 0.75 * wall  # the wall is thinner at the apex
    endo = Profile.of_volume(0, length, edv)
    epi = Profile(0, length + tip, endo.radius + wall)
    muscle = epi.volume - endo.volume
    descent = 14 * min(ef / 0.62, 1.15) * rng.uniform(0.85, 1.15)  # mm of the mitral ring
    end = Profile.of_volume(descent, length - 0.35 * tip * ef / 0.62, edv * (1 - ef))
    end_epi = Profile.of_volume(descent, length + tip, end.volume + muscle)
    rv_apex, rv_base = rng.uniform(0.78, 0.92) * (length + tip), rng.uniform(-4, 4)
    bend, skew = rng.uniform(0.6, 1.1), rng.uniform(-0.45, 0.45)
    rv_descent = 20 * min(rv_ef / 0.58, 1.1) * rng.uniform(0.85, 1.15)  # mm of the tricuspid ring
    return {
        "ED": Ventricles(endo, epi, fit_right(RightVentricle(rv_base, rv_apex, 1.0, bend, skew), epi, contour, rv_edv)),
        "ES": Ventricles(
            end,
            end_epi,
            fit_right(
                RightVentricle(rv_base + rv_descent, rv_apex - 2, 1.0, bend, skew),
                end_epi,
                contour,
                rv_edv * (1 - rv_ef),
            ),
        ),
    }
