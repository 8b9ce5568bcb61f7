"""Scanners and what they do to the signal: sequence, coil, field, k-space, noise, vendor's reconstruction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cmrbridge.data.phantom.signal import TISSUES, Tissue, balanced_signal
from cmrbridge.data.phantom.texture import Floats


@dataclass(frozen=True)
class Scanner:
    """One machine and its short-axis cine protocol.

    field_t: tesla. tr_ms: TE is TR/2. fov_mm: (columns, rows). acquired, matrix: columns of k-space and of the image;
    the rows follow. snr: arterial blood at the heart over the noise of one channel (real or imaginary).
    inhomogeneity_hz: spread of off-resonance. flip_spread: of B1+. coil_mm: decay of the receive profile.
    normalised: share of that profile that prescan correction removes. taper: width of the cosine edge of the k-space
    filter, share of its radius. sharpen: gain added at the border of k-space. gamma, scale: the vendor's mapping of
    magnitude to stored integers. ghost: amplitude of breathing ghosts. breath_mm: spread of the slices' positions
    between breath-holds. turn_deg: usual in-plane angle. inflow: gain of blood by unsaturated spins.
    """

    vendor: str
    centre: str
    field_t: float
    tr_ms: float
    flip_deg: float
    fov_mm: tuple[float, float]
    acquired: int
    matrix: int
    slice_mm: float
    gap_mm: float
    snr: float
    inhomogeneity_hz: float
    flip_spread: float
    coil_mm: float
    normalised: float
    taper: float
    sharpen: float
    gamma: float
    scale: float
    ghost: float
    breath_mm: float
    turn_deg: float
    inflow: float


SCANNERS: dict[str, Scanner] = {
    "aurora": Scanner(
        vendor="A", centre="1", field_t=1.5, tr_ms=2.9, flip_deg=65, fov_mm=(345, 290), acquired=200, matrix=256,
        slice_mm=8, gap_mm=2, snr=55, inhomogeneity_hz=42, flip_spread=0.04, coil_mm=150, normalised=0.7, taper=0.3,
        sharpen=0.0, gamma=1.0, scale=400, ghost=0.0, breath_mm=1.2, turn_deg=0, inflow=1.05,
    ),
    "borealis": Scanner(
        vendor="B", centre="2", field_t=1.5, tr_ms=3.3, flip_deg=50, fov_mm=(360, 330), acquired=176, matrix=320,
        slice_mm=10, gap_mm=0, snr=62, inhomogeneity_hz=44, flip_spread=0.05, coil_mm=130, normalised=0.4, taper=0.9,
        sharpen=0.0, gamma=0.8, scale=1400, ghost=0.0, breath_mm=1.5, turn_deg=-8, inflow=1.1,
    ),
    "corona": Scanner(
        vendor="C", centre="3", field_t=3.0, tr_ms=3.4, flip_deg=42, fov_mm=(370, 315), acquired=224, matrix=256,
        slice_mm=8, gap_mm=1.5, snr=45, inhomogeneity_hz=85, flip_spread=0.30, coil_mm=95, normalised=0.2, taper=0.2,
        sharpen=0.9, gamma=1.0, scale=900, ghost=0.0, breath_mm=1.2, turn_deg=6, inflow=1.1,
    ),
    "dusk": Scanner(
        vendor="D", centre="4", field_t=1.5, tr_ms=3.9, flip_deg=55, fov_mm=(400, 360), acquired=160, matrix=256,
        slice_mm=10, gap_mm=0, snr=16, inhomogeneity_hz=48, flip_spread=0.05, coil_mm=105, normalised=0.0, taper=0.5,
        sharpen=0.0, gamma=1.0, scale=180, ghost=0.05, breath_mm=2.5, turn_deg=10, inflow=1.0,
    ),
    "eclipse": Scanner(
        vendor="E", centre="5", field_t=3.0, tr_ms=3.1, flip_deg=45, fov_mm=(330, 290), acquired=192, matrix=288,
        slice_mm=7, gap_mm=1.5, snr=34, inhomogeneity_hz=88, flip_spread=0.20, coil_mm=115, normalised=0.5, taper=0.05,
        sharpen=0.3, gamma=0.85, scale=2200, ghost=0.02, breath_mm=1.5, turn_deg=-4, inflow=1.05,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fields:
    """What the machine does over the image plane, all (rows, columns) on one grid. receive: coil sensitivity, 1 at the
    heart; offset_hz: off-resonance of water; flip: radians."""

    receive: Floats
    offset_hz: Floats
    flip: Floats


def draw_fields(scanner: Scanner, u: Floats, v: Floats, rng: np.random.Generator) -> Fields:
    """Smooth fields over positions (u, v) mm from the heart: chest and back coils, residue of the shim, B1+ wave."""
    reach = scanner.coil_mm * rng.uniform(0.9, 1.1)
    front = np.exp(-(((u + rng.normal(20, 10)) / (1.5 * reach)) ** 2) - ((v + rng.normal(95, 8)) / reach) ** 2)
    back = np.exp(-(((u + rng.normal(30, 15)) / (1.6 * reach)) ** 2) - ((v - rng.normal(150, 10)) / reach) ** 2)
    side = np.exp(-(((u - rng.normal(140, 10)) / reach) ** 2) - ((v + 20) / (1.3 * reach)) ** 2)
    receive = front + 0.8 * back + rng.uniform(0.3, 0.7) * side + 0.03
    middle = np.argmin(u**2 + v**2)
    x, y = u / 100, v / 100
    terms = (x, y, x * y, x**2 - y**2, np.exp(-((x - 0.35) ** 2 + (y - 0.3) ** 2) / 0.12))
    weights = rng.normal(0, 1, 5) * (0.7, 0.7, 0.6, 0.6, 1.2)
    offset = sum(weight * term for weight, term in zip(weights, terms)) + rng.normal(0, 0.4)
    wave = np.cos(np.pi * (np.cos(a := rng.uniform(0, np.pi)) * x + np.sin(a) * y) + rng.normal(0, 0.6))
    flip = np.radians(scanner.flip_deg) * (1 + scanner.flip_spread * (wave - 1))
    return Fields(
        (receive / receive.flat[middle]).astype(np.float32),
        (scanner.inhomogeneity_hz * offset).astype(np.float32),
        flip.astype(np.float32),
    )


def tissue_signals(scanner: Scanner, fields: Fields, t1_factor: float) -> dict[str, Floats]:
    """Signed signal maps of each tissue, receive profile included; arterial blood on resonance is 1 at the heart."""
    tissues = TISSUES[scanner.field_t]
    blood = tissues["arterial"]
    flip = np.radians(scanner.flip_deg)
    unit = scanner.inflow * float(balanced_signal(blood, scanner.tr_ms, flip, 0.0, scanner.field_t))
    signals = {}
    for name, tissue in tissues.items():
        if name == "myocardium":
            tissue = Tissue(tissue.t1 * t1_factor, tissue.t2, tissue.density, transfer=tissue.transfer)
        map_ = balanced_signal(tissue, scanner.tr_ms, fields.flip, fields.offset_hz, scanner.field_t)
        gain = scanner.inflow if name in ("arterial", "venous") else 1.0
        signals[name] = map_ * fields.receive * np.float32(gain / unit)
    return signals


def k_filter(shape: tuple[int, int], taper: float, sharpen: float) -> Floats:
    """Vendor's filter over acquired k-space (rows, columns), FFT order: cosine taper of the border, rising gain."""
    ky, kx = (fft.fftfreq(count) * 2 for count in shape)
    radius = np.hypot(ky[:, None], kx[None])
    edge = np.clip((radius - (1 - taper)) / max(taper, 1e-6), 0, 1)
    return ((1 + sharpen * np.minimum(radius, 1) ** 2) * (0.54 + 0.46 * np.cos(np.pi * edge))).astype(np.float32)


def acquire(
    objects: Floats,
    acquired: tuple[int, int],
    matrix: tuple[int, int],
    *,
    sigma: float,
    filtered: Floats,
    ghost: float,
    rng: np.random.Generator,
) -> Floats:
    """Magnitude images (slices, rows, columns) of ``objects`` on a finer grid of the same field of view.

    k-space is cut to ``acquired`` (Gibbs ringing), gets complex white noise of ``sigma`` per channel in image units,
    ghosts along the rows, the filter, zeros up to ``matrix``, and the magnitude: Rician (Gudbjartsson and Patz 1995).
    """
    pixels = acquired[0] * acquired[1]
    space = _recut(fft.fft2(objects.astype(np.complex64), axes=(1, 2)), acquired) / np.float32(objects[0].size)
    breath = rng.uniform(0.2, 0.45) * np.arange(acquired[0]) + rng.uniform(0, 1, (len(objects), 1))
    lines = 1 + ghost * np.cos(2 * np.pi * breath)
    space = space * lines[:, :, None].astype(np.float32)
    noise = rng.standard_normal((2, *space.shape), dtype=np.float32) * np.float32(sigma / np.sqrt(pixels))
    space = (space + noise[0] + 1j * noise[1]) * filtered
    images = fft.ifft2(_recut(space, matrix), axes=(1, 2)) * np.float32(matrix[0] * matrix[1])
    return np.abs(images).astype(np.float32)


def _recut(space: NDArray[np.complex64], shape: tuple[int, int]) -> NDArray[np.complex64]:
    """Central part of k-space in FFT order, or k-space within zeros, to ``shape`` (rows, columns)."""
    out = np.zeros((len(space), *shape), np.complex64)
    rows, columns = min(shape[0], space.shape[1]) // 2, min(shape[1], space.shape[2]) // 2
    for row in (slice(None, rows), slice(-rows, None)):
        for column in (slice(None, columns), slice(-columns, None)):
            out[:, row, column] = space[:, row, column]
    return out
