"""Balanced steady-state signal of tissues, from relaxation times at field strength."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FAT_SHIFT_PPM = 3.4  # main methylene peak below water
LARMOR_MHZ_PER_T = 42.577


@dataclass(frozen=True)
class Tissue:
    """t1, t2: ms; density: proton density against water; shift_ppm: chemical shift below water;
    transfer: share of the signal left by magnetisation transfer (Bieri and Scheffler, MRM 2006;56:1067)."""

    t1: float
    t2: float
    density: float
    shift_ppm: float = 0.0
    transfer: float = 1.0


# Relaxation times: Stanisz 2005 (blood, muscle, liver), de Bazelaire 2004 (fat, marrow, spleen), Giri 2009 and
# von Knobelsdorff-Brenkenhoff 2013 (myocardium in vivo). Venous blood: shorter T2 with less oxygen (Wright 1991).
# The table with the full references is in docs/phantom.md.
TISSUES: dict[float, dict[str, Tissue]] = {
    1.5: {
        "arterial": Tissue(1441, 275, 0.95),
        "venous": Tissue(1441, 200, 0.95),
        "myocardium": Tissue(1000, 52, 0.85, transfer=0.9),
        "muscle": Tissue(1008, 40, 0.85, transfer=0.85),
        "liver": Tissue(586, 46, 0.80, transfer=0.9),
        "spleen": Tissue(1057, 79, 0.85, transfer=0.95),
        "fat": Tissue(343, 58, 0.90, shift_ppm=FAT_SHIFT_PPM),
        "marrow": Tissue(549, 49, 0.45, shift_ppm=FAT_SHIFT_PPM / 2),
        "lung": Tissue(1200, 30, 0.12),
        "content": Tissue(900, 90, 0.8),
        "fluid": Tissue(3000, 500, 1.0),
        "bone": Tissue(1000, 5, 0.05),
    },
    3.0: {
        "arterial": Tissue(1932, 240, 0.95),
        "venous": Tissue(1932, 150, 0.95),
        "myocardium": Tissue(1160, 45, 0.85, transfer=0.9),
        "muscle": Tissue(1412, 38, 0.85, transfer=0.85),
        "liver": Tissue(809, 34, 0.80, transfer=0.9),
        "spleen": Tissue(1328, 61, 0.85, transfer=0.95),
        "fat": Tissue(382, 68, 0.90, shift_ppm=FAT_SHIFT_PPM),
        "marrow": Tissue(586, 49, 0.45, shift_ppm=FAT_SHIFT_PPM / 2),
        "lung": Tissue(1400, 25, 0.10),
        "content": Tissue(1100, 80, 0.8),
        "fluid": Tissue(3500, 500, 1.0),
        "bone": Tissue(1000, 4, 0.05),
    },
}


def balanced_signal(
    tissue: Tissue, tr_ms: float, flip: Floats | float, offset_hz: Floats | float, field_t: float
) -> Floats:
    """Signed transverse magnetisation at TE = TR/2 with alternating RF (Freeman and Hill 1971; Hargreaves 2012).

    flip: radians; offset_hz: off-resonance of water. With φ = 2π·offset·TR, E1 = exp(−TR/T1), E2 = exp(−TR/T2):
    S = M0·sin α·(1−E1)·(1+E2)·√E2·cos(φ/2) / (D − C·cos φ), C = E2(E1−1)(1+cos α), D = 1−E1·cos α−(E1−cos α)E2².
    The sign turns from one band to the next, so that fat and water cancel in a shared voxel; the imaginary part,
    (1−E2)/(1+E2) as large, is left out.
    """
    e1, e2 = np.exp(-tr_ms / tissue.t1), np.exp(-tr_ms / tissue.t2)
    cosine = np.cos(flip)
    hertz = offset_hz - tissue.shift_ppm * LARMOR_MHZ_PER_T * field_t
    phase = 2 * np.pi * hertz * tr_ms / 1000
    c = e2 * (e1 - 1) * (1 + cosine)
    d = 1 - e1 * cosine - (e1 - cosine) * e2**2
    strength = tissue.density * tissue.transfer * (1 - e1) * (1 + e2) * np.sqrt(e2)
    return np.asarray(strength * np.sin(flip) * np.cos(phase / 2) / (d - c * np.cos(phase)), np.float32)
