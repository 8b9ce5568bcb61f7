"""The surroundings of the heart in a short-axis plane: chest wall, lungs, diaphragm, liver, stomach, aorta, spine."""

from dataclasses import dataclass, field

import numpy as np

from cmrbridge.data.phantom.texture import Floats, Plane, Waves, draw_waves, inside, paint, texture

Signals = dict[str, Floats]


@dataclass(frozen=True)
class Body:
    """Lengths in mm in the heart's frame. centre, axes: of the trunk's outline, a superellipse of ``power``;
    fat, muscle: thickness of the layers; ribs: how many about the trunk; dome: (apex u, level v, curvature
    per mm, rise per mm of w) of the diaphragm; divide: u where liver gives way to stomach and spleen; gas: share of gas
    in the stomach; pad: (u, v, half-width, half-height) of the fat before the heart; aorta: (u, v, radius); spine:
    (u, v); liver_tone: factor of the liver's signal; coarse, medium, fine: textures."""

    centre: tuple[float, float]
    axes: tuple[float, float]
    power: float
    fat: float
    muscle: float
    ribs: tuple[int, float]
    dome: tuple[float, float, float, float]
    divide: float
    gas: float
    pad: tuple[float, float, float, float]
    aorta: tuple[float, float, float]
    spine: tuple[float, float]
    liver_tone: float
    coarse: Waves = field(repr=False)
    medium: Waves = field(repr=False)
    fine: Waves = field(repr=False)


def draw_body(rng: np.random.Generator, heart_radius: float) -> Body:
    """A trunk around a heart whose left ventricle has ``heart_radius`` mm."""
    centre = (rng.normal(-30, 7), rng.normal(30, 6))
    axes = (rng.normal(160, 10), rng.normal(118, 7))
    fat, muscle = rng.uniform(5, 22), rng.uniform(12, 20)
    front = centre[1] - axes[1] + fat + muscle
    return Body(
        centre=centre,
        axes=axes,
        power=rng.uniform(2.2, 2.9),
        fat=fat,
        muscle=muscle,
        ribs=(int(rng.integers(13, 19)), rng.uniform(0, 2 * np.pi)),
        dome=(
            rng.normal(-20, 15),
            0.95 * heart_radius + rng.uniform(0, 7),
            rng.uniform(1e-3, 3e-3),
            rng.uniform(0, 0.12),
        ),
        divide=rng.normal(14, 14),
        gas=float(rng.choice([0.0, 0.35, 0.8])),
        pad=(rng.normal(-32, 8), front + rng.uniform(0, 6), rng.uniform(34, 60), rng.uniform(18, 34)),
        aorta=(centre[0] + rng.normal(42, 5), centre[1] + rng.normal(54, 4), rng.uniform(10, 13.5)),
        spine=(centre[0] + rng.normal(12, 5), centre[1] + axes[1] - rng.uniform(40, 50)),
        liver_tone=rng.uniform(0.85, 1.15),
        coarse=draw_waves(rng, (60, 160)),
        medium=draw_waves(rng, (12, 35)),
        fine=draw_waves(rng, (5, 11)),
    )


def paint_body(body: Body, plane: Plane, w: float, signals: Signals) -> Floats:
    """Signed signal (rows, columns) of everything but the heart, at depth ``w`` mm; borders one pixel soft."""
    u, v = plane.positions()
    coarse, medium, fine = (texture(waves, plane, w) for waves in (body.coarse, body.medium, body.fine))
    canvas = np.zeros_like(u)
    skin, turn = _depth_under_skin(body, u, v)
    wall = skin - body.fat * (1 + 0.2 * coarse)
    cavity = wall - body.muscle * (1 + 0.12 * medium)
    step = plane.step
    paint(canvas, inside(-skin, step), signals["fat"] * (1 + 0.05 * medium))
    paint(canvas, inside(-wall, step), signals["muscle"] * (1 + 0.10 * fine + 0.08 * medium))
    _paint_fascia(canvas, body, wall, coarse, step, signals)
    _paint_ribs(canvas, body, wall, turn, w, step, signals)
    chest = inside(-cavity, step)
    paint(canvas, chest, signals["lung"] * (1 + 0.3 * fine))
    vessels = np.clip((medium - 1.45) * 2.5, 0, 1) * chest * np.exp(-np.hypot(u, v) / np.float32(90))
    paint(canvas, vessels, signals["venous"])
    x, y, wide, high = (np.float32(value) for value in body.pad)
    pad = (np.hypot((u - x) / wide, (v - y) / high) - 1 + 0.18 * coarse) * high
    paint(canvas, inside(pad, step) * chest, signals["fat"] * (1 + 0.04 * medium))
    _paint_abdomen(canvas, body, (u, v), w, chest, (coarse, medium, fine), step, signals)
    _paint_spine(canvas, body, (u, v), medium, step, signals)
    return canvas


def _depth_under_skin(body: Body, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """(mm under the skin, about, negative outside; angle about the trunk's centre)."""
    x = (u - np.float32(body.centre[0])) / np.float32(body.axes[0])
    y = (v - np.float32(body.centre[1])) / np.float32(body.axes[1])
    turn = np.arctan2(y, x)
    power = np.float32(body.power)
    level = (np.abs(x) ** power + np.abs(y) ** power) ** (1 / power)
    return (1 - level) * np.float32(min(body.axes)), turn


def _paint_fascia(canvas: Floats, body: Body, wall: Floats, coarse: Floats, step: float, signals: Signals) -> None:
    """A fat sheet between the muscles of the chest wall."""
    middle = np.abs(wall - body.muscle * 0.42 + 2 * coarse) - 1.2
    paint(canvas, 0.8 * inside(middle, step), signals["fat"])


def _paint_ribs(
    canvas: Floats, body: Body, wall: Floats, turn: Floats, w: float, step: float, signals: Signals
) -> None:
    """Ribs: dark cortex about fatty marrow, at even turns of the chest wall."""
    count, start = body.ribs
    along = np.cos(count * turn + np.float32(start + w / 14))
    distance = np.hypot(wall - np.float32(body.muscle * 0.72), 13 * (1 - along)) - np.float32(4.6)
    paint(canvas, inside(distance, step), signals["bone"])
    paint(canvas, inside(distance + 1.6, step), signals["marrow"])


def _paint_abdomen(
    canvas: Floats,
    body: Body,
    place: tuple[Floats, Floats],
    w: float,
    chest: Floats,
    textures: tuple[Floats, Floats, Floats],
    step: float,
    signals: Signals,
) -> None:
    u, v = place
    coarse, medium, fine = textures
    top, level, curvature, rise = (np.float32(value) for value in body.dome)
    dome = np.asarray(level - rise * (w - 45) + curvature * (u - top) ** 2 + 2.5 * coarse, np.float32)
    under = inside(dome - v, step) * chest
    paint(canvas, under, signals["fat"] * (1 + 0.08 * medium))
    inner = inside(dome + 2.5 - v, step) * chest
    edge = np.float32(body.divide) + 9 * coarse
    liver = inner * inside(u - edge, step)
    paint(canvas, liver, signals["liver"] * np.float32(body.liver_tone) * (1 + 0.05 * fine + 0.04 * coarse))
    veins = np.clip((medium - 1.55) * 3, 0, 1)
    paint(canvas, liver * veins * 0.8, signals["venous"])
    stomach = inner * inside(edge + 5 - u, step)
    paint(canvas, stomach, signals["content"] * (1 + 0.22 * medium + 0.1 * fine))
    bubble = np.clip((coarse + 2.2 * body.gas - 1.3) * 6, 0, 1) * (body.gas > 0)
    paint(canvas, stomach * bubble, 0.0)
    spleen = inner * inside(np.float32(body.divide + 62) + 8 * coarse - u, step)
    paint(canvas, spleen, signals["spleen"] * (1 + 0.05 * fine))


def _paint_spine(
    canvas: Floats, body: Body, place: tuple[Floats, Floats], medium: Floats, step: float, signals: Signals
) -> None:
    u, v = place
    x, y, radius = (np.float32(value) for value in body.aorta)
    paint(canvas, inside(np.hypot(u - x, v - y) - radius - 2.5, step), signals["muscle"])
    paint(canvas, inside(np.hypot(u - x, v - y) - radius, step), signals["arterial"])
    s, t = (np.float32(value) for value in body.spine)
    vertebra = np.hypot(u - s, (v - t) * np.float32(1.25)) - 21
    paint(canvas, inside(vertebra - 9, step), signals["muscle"])
    paint(canvas, inside(vertebra, step), signals["bone"])
    paint(canvas, inside(vertebra + 1.8, step), signals["marrow"] * (1 + 0.15 * medium))
    paint(canvas, inside(np.hypot(u - s, v - t - 28) - 7.5, step), signals["fluid"])
    paint(canvas, inside(np.hypot(u - s, v - t - 28) - 4.5, step), signals["muscle"])
