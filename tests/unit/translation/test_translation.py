"""Image diffusion and translation end to end on toy images, and the methods against networks with known answers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.translation.disturb import disturbed
from cmrbridge.translation.methods import METHODS, low_pass, translate
from cmrbridge.translation.model import TranslationTraining, build, load_model, to_images, to_signal
from cmrbridge.translation.settings import METHOD_NAMES, Translation
from cmrbridge.translation.train import DISTURBED, denoising_loss, train_image_diffusion
from cmrbridge.translation.translate import noise_fields, translate_pack, translated_images
from reporters import silent

SIZE = 16
TINY = TranslationTraining(steps=3, learning_rate=1e-3, batch=2, channels=(8, 16), fold=2, checkpoint_every=1)


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """Two train cases and one val case of three noisy slices each."""
    grid = Grid((SIZE, SIZE, 3), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), SIZE, 1.5)
    splits = ("train", "train", "val")
    cases = tuple(
        Case("toy", "toy", f"subject-{i}", "ED", split, ("LV", "MYO", "RV"), (8, 1.5, 1.5), grid)
        for i, split in enumerate(splits)
    )
    images = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE), np.uint8)
    numbers = np.repeat(np.arange(3, dtype=np.int32), 3)
    positions = np.tile(np.arange(3, dtype=np.int32), 3)
    write_pack(tmp_path / "training.npz", Pack(images, images // 86, numbers, positions, cases))
    return tmp_path / "training.npz"


def train(training: Path, name: str = "model", checkpoint: Resume | None = None, **changed: object) -> Path:
    model = training.with_name(f"{name}.safetensors")
    train_image_diffusion(
        settings=TranslationTraining(**{**vars(TINY), **changed}),
        training=training,
        model=model,
        samples=training.with_name("samples.png"),
        seed=3,
        checkpoint=checkpoint,
        device="cpu",
        report=silent,
    )
    return model


def reference(value: float = 0.0) -> Tensor:
    return value + 0.2 * torch.randn((2, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(1)).clamp(-2, 2)


def fields(calls: int) -> Tensor:
    return torch.randn((calls + 1, 1, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(2))


def test_the_settings_name_every_method() -> None:
    assert tuple(METHODS) == METHOD_NAMES


def test_low_pass_keeps_a_constant_image_and_drops_a_chequered_one() -> None:
    flat = torch.full((1, 1, 32, 32), 0.3)
    torch.testing.assert_close(low_pass(flat, 4), flat)
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    assert low_pass(board[None, None], 4)[..., 8:-8, 8:-8].abs().max() < 0.05


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_network_that_knows_the_answer_returns_it(method: str) -> None:
    known = reference().clamp(-1, 1)
    out = translate(lambda x, time: known + 0 * x, known, Translation(method, calls=4), fields(4), schedule="cosine")
    torch.testing.assert_close(out, known, atol=1e-5, rtol=0)


def test_inversion_returns_the_image_where_the_network_sees_no_noise() -> None:
    from cmrbridge.core.diffusion import signal_shares

    shares = signal_shares("cosine")
    known = reference() / 2
    settings = Translation("inversion", start=0.5, calls=5, reshade=0)
    out = translate(
        lambda x, time: x / shares[time].sqrt().view(-1, 1, 1, 1), known, settings, fields(5), schedule="cosine"
    )
    torch.testing.assert_close(out, known, atol=1e-4, rtol=0)


def test_ilvr_lays_the_references_low_frequencies_over_what_the_network_wants() -> None:
    """A flat reference has nothing else: whatever flat image the network insists on, the reference comes out."""
    flat = torch.full((1, 1, SIZE, SIZE), 0.4)
    settings = Translation("ilvr", calls=4, reshade=0)
    out = translate(lambda x, time: torch.full_like(x, -0.7), flat, settings, fields(4), schedule="cosine")
    torch.testing.assert_close(out, flat)


def test_dda_moves_low_frequencies_towards_the_reference_and_more_so_at_a_larger_scale() -> None:
    known = reference(0.3)

    def gap(scale: float) -> float:
        settings = Translation("dda", start=0.4, calls=8, scale=scale, reshade=0)
        out = translate(lambda x, time: 0.6 * x - 0.1, known, settings, fields(8), schedule="cosine")
        return float(low_pass(known - out, 4).norm())

    assert gap(2.0) < 0.8 * gap(0.5) < 0.8 * gap(0.0)


def test_reshading_takes_brightness_from_the_network_and_detail_from_the_reference() -> None:
    """A slope lies over the reference; the network knows the image without it and without detail."""
    detail = 0.05 * ((torch.arange(SIZE)[:, None] + torch.arange(SIZE)) % 2 * 2.0 - 1)[None, None]
    slope = torch.linspace(0.7, 1.3, SIZE)
    before = (detail + 0.8) * slope - 1
    settings = Translation("none", reshade=0.1)
    after = translate(lambda x, time: torch.full_like(x, -0.2), before, settings, fields(10), schedule="cosine")
    assert (after + 0.2).mean(dim=2).abs().max() < 0.2 * (before + 0.2).mean(dim=2).abs().max()
    assert torch.corrcoef(torch.stack([(after + 0.2).flatten(), detail.flatten()]))[0, 1] > 0.95


def test_one_step_of_sdedit_is_the_networks_answer_to_the_noised_reference() -> None:
    known, noise = reference(), fields(1)
    settings = Translation("sdedit", start=0.3, calls=1, reshade=0)
    from cmrbridge.core.diffusion import signal_shares

    share = float(signal_shares("cosine")[299])
    expected = (0.5 * (share**0.5 * known + (1 - share) ** 0.5 * noise[0])).clamp(-1, 1)
    out = translate(lambda x, time: 0.5 * x, known, settings, noise, schedule="cosine")
    torch.testing.assert_close(out, expected)


def test_the_denoiser_passes_detail_where_noise_is_little_and_nothing_where_all_is_noise() -> None:
    network = build(TINY, SIZE)
    for parameter in network.net.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    x = reference()
    assert ((network(x, torch.tensor([0, 0])) - x).abs() <= 0.03 * x.abs()).all()
    assert network(x, torch.tensor([999, 999])).abs().max() == 0


def test_a_disturbance_of_no_amount_is_none_and_others_keep_the_range_and_brightness() -> None:
    signal = reference().repeat(4, 1, 1, 1).clamp(-1, 1)
    amount = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]).view(-1, 1, 1, 1)
    after = disturbed(signal, amount, 0.7, torch.Generator().manual_seed(0))
    assert torch.equal(after[:4], signal[:4])
    assert (after[4:] - signal[4:]).abs().mean() > 0.05
    assert after.abs().max() <= 1
    bright = torch.quantile((after[4:].flatten(1) + 1) / 2, 0.97, dim=1)
    assert (bright > 0.3).all()


class Stub:
    """In place of an `ImageDenoiser`: returns what it is told to, else what it sees."""

    def __init__(self, answer: Tensor | None = None) -> None:
        network = build(TINY, SIZE)
        self.shares, self.parts, self.answer = network.shares, network.parts, answer

    def __call__(self, x: Tensor, time: Tensor) -> Tensor:
        return x if self.answer is None else self.answer


def test_the_network_sees_disturbed_images_above_a_level_of_noise_and_is_asked_for_the_undisturbed() -> None:
    x0 = reference(0.1).repeat(4, 1, 1, 1).clamp(-1, 1)

    def loss(network: Stub, top: float, disturb: float) -> float:
        settings = TranslationTraining(steps=1, learning_rate=1, top=top, disturb=disturb)
        return float(denoising_loss(network, x0, settings, torch.Generator().manual_seed(4)))  # type: ignore[arg-type]

    below = DISTURBED / 1000
    assert loss(Stub(), below, 0.7) == loss(Stub(), below, 0)
    assert loss(Stub(), 2 * below, 0.7) > 1.1 * loss(Stub(), 2 * below, 0)
    assert loss(Stub(x0), 2 * below, 0.7) == 0


def test_signals_and_images_are_inverse() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    assert torch.equal(to_images(to_signal(images)), images)


def test_a_resumed_training_equals_an_uninterrupted_one(training: Path) -> None:
    whole = train(training)
    stops = iter([False, True])
    resume = Resume(training.with_name("state.safetensors"), "stamp", lambda: next(stops, False))
    with pytest.raises(Paused):
        train(training, "resumed", resume)
    assert train(training, "resumed", resume).read_bytes() == whole.read_bytes()
    assert training.with_name("samples.png").stat().st_size > 0


def translated(training: Path, model: Path, name: str, resume: Resume | None = None, **changed: object) -> Pack:
    out, choice = training.with_name(f"{name}.npz"), training.with_name("choice.json")
    choice.write_text(json.dumps({"settings": {"method": "ilvr", "calls": 2, "even": 0.0, **changed}}))
    translate_pack(
        choice=choice,
        model=model,
        pack=training,
        translated=out,
        gallery=training.with_name("gallery.png"),
        batch=2,
        seed=5,
        device="cpu",
        resume=resume,
        report=silent,
    )
    return read_pack(out)


def test_translation_changes_the_images_alone_and_resumes_to_the_same_bytes(training: Path) -> None:
    model, before = train(training), read_pack(training)
    after = translated(training, model, "whole")
    assert after.cases == before.cases
    for name in ("labels", "case", "position"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    assert not np.array_equal(after.images, before.images)
    stops = iter([False, True])
    resume = Resume(training.with_name("drawn.safetensors"), "stamp", lambda: next(stops, False))
    with pytest.raises(Paused):
        translated(training, model, "resumed", resume)
    translated(training, model, "resumed", resume)
    assert training.with_name("resumed.npz").read_bytes() == training.with_name("whole.npz").read_bytes()


def test_without_a_method_and_evening_nothing_changes(training: Path) -> None:
    after = translated(training, train(training), "same", method="none", reshade=0)
    assert np.array_equal(after.images, read_pack(training).images)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_slice_is_translated_the_same_whatever_surrounds_it(training: Path, method: str) -> None:
    network, trained, _ = load_model(train(training), "cpu")
    pack = read_pack(training)

    def images(pack: Pack, batch: int) -> np.ndarray:
        settings = Translation(method, start=0.3, calls=2)
        return translated_images(
            pack, network, trained, settings, batch=batch, seed=1, device="cpu", report=silent
        ).astype(int)

    whole = images(pack, 9)
    assert abs(images(pack, 4) - whole).max() <= 1
    assert abs(images(pack.select([2, 0]), 6)[:3] - whole[6:]).max() <= 1


def test_the_noise_of_a_volume_goes_by_its_name(training: Path) -> None:
    first, second, _ = read_pack(training).cases
    assert torch.equal(noise_fields(first, 2, SIZE, 0), noise_fields(first, 2, SIZE, 0))
    assert not torch.equal(noise_fields(first, 2, SIZE, 0), noise_fields(second, 2, SIZE, 0))
    assert not torch.equal(noise_fields(first, 2, SIZE, 0), noise_fields(first, 2, SIZE, 1))


def refuse(message: str, deed: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=message):
        deed()


def test_what_a_user_can_get_wrong_is_told(training: Path, tmp_path: Path) -> None:
    model = train(training)
    refuse("not one of none, dda", lambda: Translation("dda2"))
    refuse("factor: 1", lambda: Translation("dda", factor=1))
    refuse("start: 0", lambda: Translation("dda", start=0))
    refuse("reshade: 2", lambda: Translation("dda", reshade=2))
    refuse("between 0 and 1", lambda: TranslationTraining(steps=1, learning_rate=1, average=0.0))
    refuse("top: 0", lambda: TranslationTraining(steps=1, learning_rate=1, top=0))
    refuse("noisier than the model has learnt", lambda: translated(training, model, "out", start=0.5))
    refuse("don't divide by 32", lambda: train(training, channels=(8, 8, 8, 8), fold=4))
    refuse("factor: 5 does not divide", lambda: translated(training, model, "out", factor=5))
    write_pack(tmp_path / "val.npz", read_pack(training).split("val"))
    refuse("no slice of the training split", lambda: train(tmp_path / "val.npz"))
    pack = read_pack(training)
    write_pack(tmp_path / "small.npz", Pack(pack.images[:, :8, :8], None, pack.case, pack.position, pack.cases))
    refuse("knows 16×16", lambda: translated(tmp_path / "small.npz", model, "out"))
