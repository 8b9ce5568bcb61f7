"""The phantom's physics against closed forms."""

import numpy as np
import pytest

from cmrbridge.data.phantom.scanner import SCANNERS, acquire, k_filter
from cmrbridge.data.phantom.signal import TISSUES, Tissue, balanced_signal
from cmrbridge.data.phantom.texture import Plane, draw_waves, texture


@pytest.mark.parametrize("name", ["arterial", "myocardium", "liver"])
def test_signal_on_resonance_is_the_closed_form(name: str) -> None:
    tissue, tr, flip = TISSUES[1.5][name], 3.0, np.radians(55)
    e1, e2 = np.exp(-tr / tissue.t1), np.exp(-tr / tissue.t2)
    closed = np.sqrt(e2) * np.sin(flip) * (1 - e1) / (1 - (e1 - e2) * np.cos(flip) - e1 * e2)
    expected = tissue.density * tissue.transfer * closed
    assert float(balanced_signal(tissue, tr, flip, 0.0, 1.5)) == pytest.approx(expected, rel=1e-5)


def test_signal_matches_bloch_simulation_off_resonance() -> None:
    """3000 pulses of alternating sign, rotation about z by 2π·offset·TR between them, read at TR/2."""
    tissue, tr, flip, hertz = Tissue(1000, 50, 1.0), 3.0, np.radians(50), 60.0
    half = np.diag(np.exp([-tr / 2 / tissue.t2, -tr / 2 / tissue.t2, -tr / 2 / tissue.t1]))
    turn = np.pi * hertz * tr / 1000
    spin = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    regrowth = np.array([0, 0, 1 - np.exp(-tr / 2 / tissue.t1)])
    state = np.array([0.0, 0, 1])
    for pulse in range(3000):
        a = flip * (-1) ** pulse
        state = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]]) @ state
        echo = half @ spin @ state + regrowth
        state = half @ spin @ echo + regrowth
    assert abs(float(balanced_signal(tissue, tr, flip, hertz, 1.5))) == pytest.approx(np.hypot(*echo[:2]), rel=0.01)


def test_first_null_lies_at_half_a_turn_per_repetition_and_the_sign_turns_there() -> None:
    tissue, tr = TISSUES[1.5]["arterial"], 4.0
    before, at, after = (float(balanced_signal(tissue, tr, 1.0, hz, 1.5)) for hz in (120, 125, 130))
    assert before > 0 > after
    assert at == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_blood_outshines_myocardium_and_lung_is_dark(field_t: float) -> None:
    signal = {
        name: float(balanced_signal(t, 3.0, np.radians(50), 0.0, field_t)) for name, t in TISSUES[field_t].items()
    }
    assert 2 < signal["arterial"] / signal["myocardium"] < 5
    assert signal["venous"] < signal["arterial"]
    assert signal["lung"] < 0.15 * signal["arterial"]


def test_noise_in_air_is_rayleigh() -> None:
    air = np.zeros((4, 128, 128), np.float32)
    rng = np.random.default_rng(1)
    image = acquire(air, (64, 64), (96, 96), sigma=0.1, filtered=np.float32(1), ghost=0.0, rng=rng)  # type: ignore[arg-type]
    assert image.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)


def test_acquisition_keeps_amplitude_and_rings_at_an_edge() -> None:
    plain = np.full((1, 64, 64), 0.7, np.float32)
    edge = np.zeros((1, 64, 64), np.float32)
    edge[:, :, 16:48] = 1
    arguments = {"sigma": 0.0, "filtered": k_filter((32, 32), 0.0, 0.0), "ghost": 0.0, "rng": np.random.default_rng(0)}
    assert acquire(plain, (32, 32), (48, 48), **arguments) == pytest.approx(0.7, abs=1e-5)
    assert acquire(edge, (32, 32), (128, 128), **arguments).max() == pytest.approx(1.09, abs=0.03)  # Gibbs: 9 % over


def test_texture_is_a_field_of_the_heart_not_of_the_grid() -> None:
    waves = draw_waves(np.random.default_rng(0), (10, 30))
    line = np.linspace(-50, 50, 81)
    straight, turned = Plane(line, line), Plane(line, line, angle=np.pi / 2)
    field = texture(waves, straight, 3.0)
    assert texture(waves, turned, 3.0) == pytest.approx(np.rot90(field), abs=1e-4)
    assert field.std() == pytest.approx(1, abs=0.25)


def test_scanners_differ_and_one_is_kept_apart() -> None:
    assert len({scanner.vendor for scanner in SCANNERS.values()}) == len(SCANNERS) == 5
    assert {scanner.field_t for scanner in SCANNERS.values()} == {1.5, 3.0}
    assert all(2.6 <= scanner.tr_ms <= 4.0 and 40 <= scanner.flip_deg <= 70 for scanner in SCANNERS.values())
