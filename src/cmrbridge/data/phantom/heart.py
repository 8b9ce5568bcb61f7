"""Shape of the two ventricles: polar contours about the left ventricle's axis, with volumes in closed form."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cmrbridge.data.phantom.texture import Floats, Plane, inside

WIDEST = 0.18  # level of the largest radius, as a share of the way from valve plane to apex
ANGLES = np.linspace(-np.pi, np.pi, 361)
_RISE = WIDEST / (1 - WIDEST)
FULLNESS = (1 - WIDEST) * (2 / 3 + _RISE - _RISE**3 / 3)  # volume = π · radius² · length · FULLNESS


@dataclass(frozen=True)
class Profile:
    """Truncated half ellipsoid from ``base`` to ``apex`` (mm along the long axis) with its largest ``radius`` (mm)."""

    base: float
    apex: float
    radius: float

    @classmethod
    def of_volume(cls, base: float, apex: float, millilitres: float) -> "Profile":
        return cls(base, apex, float(np.sqrt(millilitres * 1000 / (np.pi * (apex - base) * FULLNESS))))

    @property
    def volume(self) -> float:
        """Millilitres between valve plane and apex."""
        return float(np.pi * self.radius**2 * (self.apex - self.base) * FULLNESS / 1000)

    def at(self, w: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Radius in mm at depth w; 0 beyond the apex. Above the valve plane the radius of the plane is kept."""
        widest = self.base + WIDEST * (self.apex - self.base)
        part = (np.maximum(w, self.base) - widest) / (self.apex - widest)
        return self.radius * np.sqrt(np.clip(1 - part**2, 0, None))


@dataclass(frozen=True)
class RightVentricle:
    """Crescent on the septum. base, apex: mm; depth: mm of its largest width over the septum; bend, skew: how blunt and
    how lopsided its outline is."""

    base: float
    apex: float
    depth: float
    bend: float
    skew: float

    def width(self, w: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest width in mm at depth w."""
        part = np.clip((np.maximum(w, self.base) - self.base) / (self.apex - self.base), 0, 1)
        return self.depth * np.sqrt(np.clip(1 - part**2.2, 0, None)) * (0.82 + 0.18 * np.sin(np.pi * part))

    def reach(self, w: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Half of the angle it covers about the LV axis, radians: narrower towards its apex."""
        part = np.clip((w - self.base) / (self.apex - self.base), 0, 1)
        return np.radians(84 - 34 * part)

    def outline(self, turn: Floats | NDArray[np.float64], w: float | NDArray[np.float64]) -> NDArray[np.floating]:
        """Width in mm at ``turn`` radians from the middle of the septum."""
        part = np.clip(turn / self.reach(w), -1, 1)
        return self.width(w) * (1 - part**2) ** self.bend * (1 + self.skew * part)


@dataclass(frozen=True)
class Ventricles:
    """One phase: cavity and epicardium of the left ventricle, and the right ventricle."""

    endo: Profile
    epi: Profile
    right: RightVentricle


@dataclass(frozen=True)
class Contour:
    """Cross-section common to all levels. septum: direction of the septum's middle, radians (±π is the image's left);
    factor: (361,) relative radius over ANGLES with mean square 1, so that it leaves areas as they are; offset: shift of
    the cavity away from the septum as a share of the wall; drift: mm of centre per mm of depth (u, v);
    tilt: mm of valve plane per mm (u, v)."""

    septum: float
    factor: NDArray[np.float64]
    offset: float
    drift: tuple[float, float]
    tilt: tuple[float, float]


def draw_factor(rng: np.random.Generator, septum: float, flat: float) -> NDArray[np.float64]:
    """Oval and slightly irregular outline; ``flat``: share of the radius that the septum loses (D-shape)."""
    factor = np.ones_like(ANGLES)
    for order, size in ((2, 0.03), (3, 0.015), (4, 0.01)):
        factor += rng.normal(0, size) * np.cos(order * ANGLES + rng.uniform(0, 2 * np.pi))
    turn = np.angle(np.exp(1j * (ANGLES - septum)))
    factor -= flat * np.exp(-((turn / 0.75) ** 2))
    return factor / np.sqrt(np.mean(factor[:-1] ** 2))


def fit_right(unit: RightVentricle, epi: Profile, contour: Contour, volume: float) -> RightVentricle:
    """``unit`` (of depth 1) deepened to ``volume`` mL: ∬ (R·h + h²/2) dφ dw is quadratic in the depth."""
    base, apex = unit.base, unit.apex
    levels = base + (np.arange(60) + 0.5) / 60 * (apex - base)
    turn = np.angle(np.exp(1j * (ANGLES[:-1] - contour.septum)))
    width = unit.outline(turn[None], levels[:, None])
    radius = epi.at(levels)[:, None] * contour.factor[None, :-1]
    cell = np.radians(1) * (apex - base) / 60 / 1000
    linear, square = (radius * width).sum() * cell, (width**2).sum() * cell / 2
    depth = (-linear + np.sqrt(linear**2 + 4 * square * volume)) / (2 * square)
    return replace(unit, depth=float(depth))


@dataclass(frozen=True)
class Section:
    """Shares (rows, columns) in 0…1 of one thin section, and the coordinates they came from.

    epi, endo, right: inside the contours, valve plane disregarded; below: on the ventricles' side of the valve plane;
    below_right: the same of the tricuspid valve; wall: signed mm to the epicardium; outer: to the outline of the whole
    heart; free: to the RV's free wall; radius, angle: about the LV axis.
    """

    epi: Floats
    endo: Floats
    right: Floats
    below: Floats
    below_right: Floats
    wall: Floats
    outer: Floats
    radius: Floats
    angle: Floats
    free: Floats


def section(heart: Ventricles, contour: Contour, plane: Plane, w: float) -> Section:
    """Cut the heart at depth ``w`` mm."""
    u, v = plane.positions()
    u -= np.float32(contour.drift[0] * w)
    v -= np.float32(contour.drift[1] * w)
    step = plane.step
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    factor = _lookup(contour.factor, angle)
    outer_radius, inner_radius = float(heart.epi.at(w)), float(heart.endo.at(w))
    away = contour.offset * (outer_radius - inner_radius)
    u2, v2 = u + np.float32(away * np.cos(contour.septum)), v + np.float32(away * np.sin(contour.septum))
    inner = np.hypot(u2, v2) - np.float32(inner_radius) * _lookup(contour.factor, np.arctan2(v2, u2))
    outer = radius - np.float32(outer_radius) * factor
    turn = (angle - np.float32(contour.septum) + np.pi) % (2 * np.pi) - np.pi
    width = heart.right.outline(turn, w).astype(np.float32)
    free = outer - width
    plane_at = np.float32(contour.tilt[0]) * u + np.float32(contour.tilt[1]) * v
    epi = inside(outer, step) * (outer_radius > 1)
    return Section(
        epi=epi,
        endo=inside(inner, step) * (inner_radius > 1),
        right=inside(free, step) * (1 - epi) * (width > 0.5 * step),
        below=np.clip(w - heart.endo.base - plane_at + 0.5, 0, 1),
        below_right=np.clip(w - heart.right.base - plane_at + 0.5, 0, 1),
        wall=outer,
        outer=np.where(width > 0, np.minimum(outer, free), outer),
        radius=radius,
        angle=angle,
        free=free,
    )


def _lookup(table: NDArray[np.float64], angle: Floats) -> Floats:
    place = (angle + np.float32(np.pi)) * np.float32(180 / np.pi)
    index = np.clip(place.astype(np.int32), 0, 359)
    values = table.astype(np.float32)
    low = values[index]
    return low + (values[index + 1] - low) * (place - index)


def shares(cut: Section) -> Floats:
    """(3, rows, columns): how much of each pixel is LV cavity (papillary muscles with it), myocardium, RV cavity."""
    cavity = cut.endo * cut.below
    return np.stack([cavity, cut.epi * (1 - cut.endo) * cut.below, cut.right * cut.below_right])
