"""The heart painted over the body: what a thin section through the patient would emit."""

import numpy as np

from cmrbridge.data.phantom.body import Signals
from cmrbridge.data.phantom.cohort import Anatomy, Papillary
from cmrbridge.data.phantom.heart import Section, section
from cmrbridge.data.phantom.texture import Floats, Plane, inside, paint, texture

# Share of the end-diastolic outline that the pericardium keeps: the heart as a whole changes its volume by no more than
# 5 to 11 % over the beat (Carlsson et al., Am J Physiol Heart Circ Physiol 2004;287:H243).
SAC_KEPT = 0.7


def paint_heart(canvas: Floats, anatomy: Anatomy, phase: str, plane: Plane, w: float, signals: Signals) -> None:
    """Paint the ventricles, atria above the valve plane, outflow and pericardial fat over ``canvas``, in place."""
    heart = anatomy.phases[phase]
    cut = section(heart, anatomy.contour, plane, w)
    step = plane.step
    if w > heart.epi.apex + 4:
        return
    wobble = texture(anatomy.wobble, plane, w)
    trabeculae = texture(anatomy.trabeculae, plane, w)
    sac = cut.outer
    if phase != "ED":
        resting = section(anatomy.phases["ED"], anatomy.contour, plane, w).outer
        sac = sac + np.float32(SAC_KEPT) * (resting - sac)
    fat = sac - np.float32(anatomy.fat_depth) * (1 + 0.6 * wobble)
    paint(canvas, inside(fat, step), signals["fat"])
    paint(canvas, inside(cut.outer - 3.0, step), signals["myocardium"])
    _paint_right(canvas, anatomy, cut, trabeculae, _depth(heart.right.base, heart.right.apex, w), signals)
    _paint_left(canvas, anatomy, phase, cut, trabeculae, w, step, signals)


def _depth(base: float, apex: float, w: float) -> float:
    return float(np.clip((w - base) / (apex - base), 0, 1))


def _paint_right(
    canvas: Floats, anatomy: Anatomy, cut: Section, trabeculae: Floats, depth: float, signals: Signals
) -> None:
    """RV blood, crossed by muscle that thickens towards the apex and the free wall; right atrium above the valve."""
    paint(canvas, cut.right, signals["venous"])
    near_wall = np.clip(1 + cut.free / np.float32(9), 0, 1)
    amount = np.float32(0.3 + 0.7 * anatomy.trabeculation) * (0.5 * depth + (0.5 + depth) * near_wall)
    strands = np.clip(trabeculae + 2.0 * amount - 1.9, 0, 1) * cut.below_right
    paint(canvas, cut.right * np.float32(0.8) * strands, signals["myocardium"])


def _paint_left(
    canvas: Floats,
    anatomy: Anatomy,
    phase: str,
    cut: Section,
    trabeculae: Floats,
    w: float,
    step: float,
    signals: Signals,
) -> None:
    """Myocardium, cavity, papillary muscles; above the valve plane a thin-walled atrium."""
    endo = anatomy.phases[phase].endo
    above = 1 - cut.below
    paint(canvas, cut.epi * cut.below, signals["myocardium"] * (1 + 0.03 * trabeculae))
    paint(canvas, cut.endo * cut.below, signals["arterial"])
    paint(canvas, cut.epi * above, signals["myocardium"])
    paint(canvas, inside(cut.wall + 2.5, step) * above, signals["arterial"])
    depth = _depth(endo.base, endo.apex, w)
    radius = float(endo.at(w))
    near_wall = np.clip(1 + (cut.radius - np.float32(radius)) / np.float32(8), 0, 1) * np.float32(0.4 + depth)
    strands = np.clip(trabeculae + 2.2 * near_wall * np.float32(anatomy.trabeculation) - 2.4, 0, 1) * cut.below
    paint(canvas, cut.endo * 0.7 * strands, signals["myocardium"])
    for muscle in anatomy.papillary:
        share = _papillary(muscle, anatomy, cut, radius, depth)
        if share is not None:
            paint(canvas, cut.endo * share, signals["myocardium"])


def _papillary(muscle: Papillary, anatomy: Anatomy, cut: Section, radius: float, depth: float) -> Floats | None:
    """Cross-section of one papillary muscle: from 30 % to 80 % of the length, moving to the wall towards the apex."""
    if not 0.3 < depth < 0.8 or radius < 6:
        return None
    size = muscle.radius * min(1, radius / 20) * np.sqrt(1 - ((depth - 0.55) / 0.27) ** 2 * 0.9)
    reach = radius * (muscle.reach + 0.25 * (depth - 0.3))
    x = cut.radius * np.cos(cut.angle) - np.float32(reach * np.cos(muscle.angle))
    y = cut.radius * np.sin(cut.angle) - np.float32(reach * np.sin(muscle.angle))
    return inside(np.hypot(x, y) - np.float32(size), 1.5)
