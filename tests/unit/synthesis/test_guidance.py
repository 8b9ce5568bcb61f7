"""Guidance, vendors, snapshots and reference images of SPADE synthesis."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.core.diffusion import signal_shares
from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import write_labels
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import TEMPER, SpadeTraining, build, draw_images, load_model
from cmrbridge.synthesis.network import SPREAD, Modulation, SpadeUNet
from cmrbridge.synthesis.render import ImageRendering, bounds, join_shards, render_references, render_shard
from cmrbridge.synthesis.train import train_spade_diffusion

SIZE = 16
TINY = SpadeTraining(
    steps=4, learning_rate=1e-3, batch=2, channels=(8, 16), spade_channels=8, fold=2, checkpoint_every=1, drop=0.5
)


def silent(step: int, total: int | None = None, **values: float) -> None:
    pass


def write_training(path: Path, vendors: tuple[str, ...] = ("", ""), size: int = SIZE) -> Path:
    """Two training cases of these vendors and one of the validation split (as the first), two slices each."""
    labels = np.zeros((6, size, size), np.uint8)
    for row in range(6):
        labels[row, 2 + row : 8 + row, 4:10] = 1 + row % 3
    labels[1] = 0  # no foreground: never drawn
    grid = Grid((size, size, 2), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), size, 1.5)
    kinds = [("train", vendors[0]), ("train", vendors[1]), ("val", vendors[0])]
    cases = tuple(
        Case("toy", "toy", f"s{i}", "ED", split, ("LV", "MYO", "RV"), (8, 1.5, 1.5), grid, vendor=vendor)
        for i, (split, vendor) in enumerate(kinds)
    )
    number = np.repeat(np.arange(3, dtype=np.int32), 2)
    write_pack(path, Pack(labels * 80, labels, number, np.tile(np.arange(2, dtype=np.int32), 3), cases))
    return path


def train(training: Path, settings: SpadeTraining = TINY, checkpoint: Resume | None = None) -> Path:
    folder = training.parent
    model = folder / "model.safetensors"
    train_spade_diffusion(
        settings=settings,
        training=training,
        model=model,
        samples=folder / "samples.png",
        seed=3,
        checkpoint=checkpoint,
        device="cpu",
        report=silent,
        snapshots=[folder / f"model-{step}.safetensors" for step in settings.keep],
    )
    return model


def render(
    training: Path,
    model: Path,
    checkpoint: Resume | None = None,
    shards: int = 1,
    ratio: float = 6.0,  # of 4 training slices: all 24 masks
    **settings: float,
) -> Pack:
    folder = training.parent
    labels = read_pack(training).labels
    assert labels is not None
    write_labels(folder / "masks.npz", labels.repeat(4, axis=0))
    masks, parts = folder / "masks.npz", [folder / f"part-{shard}.npz" for shard in range(1, shards + 1)]
    for shard, part in enumerate(parts, start=1):
        render_shard(
            settings=ImageRendering(**({"calls": 2, "batch": 5} | settings)),  # type: ignore[arg-type]
            training=training,
            model=model,
            masks=masks,
            ratio=ratio,
            part=part,
            shard=shard,
            shards=shards,
            seed=0,
            device="cpu",
            report=silent,
            checkpoint=checkpoint,
        )
    pair = {"images": folder / "images.npz", "gallery": folder / "gallery.png"}
    join_shards(training=training, masks=masks, ratio=ratio, parts=parts, seed=0, **pair)
    return read_pack(folder / "images.npz")


class Constant(SpadeUNet):
    """Answers 0.1 for no mask and 0.3 for any."""

    def condition(self, mask: Tensor, domain: Tensor | None = None, moves: Tensor | None = None) -> Modulation:
        return Modulation((((mask.amax((1, 2, 3)),),),), None)

    def forward(self, x: Tensor, time: Tensor, modulation: Modulation) -> Tensor:
        return (0.1 + 0.2 * modulation.maps[0][0][0]).view(-1, 1, 1, 1).expand_as(x)


@pytest.mark.parametrize(("guidance", "signal"), [(1.0, 0.3), (1.5, 0.4), (0.0, 0.1)])
def test_guidance_goes_past_the_mask_by_its_weight(guidance: float, signal: float) -> None:
    network = Constant((8,), 1, 8, 1, "cosine")
    generator = torch.Generator().manual_seed(0)
    labels = np.zeros((2, 8, 8), np.uint8)
    drawn = draw_images(network, labels, TINY, calls=3, generator=generator, guidance=guidance)
    assert np.abs(drawn - (signal + 1) * 127.5).max() <= 1  # rounded, after a little noise was left in


def test_images_are_drawn_from_tempered_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    network, labels = build(TINY), np.zeros((2, 16, 16), np.uint8)

    def contrast(temper: float) -> float:
        monkeypatch.setattr("cmrbridge.synthesis.model.TEMPER", temper)
        return float(draw_images(network, labels, TINY, calls=5, generator=torch.Generator().manual_seed(0)).std())

    assert contrast(1.0) < contrast(TEMPER) < contrast(1.2)


def test_guidance_wants_a_model_that_knows_no_mask(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz")
    model = train(training, dataclasses.replace(TINY, drop=0.0))
    with pytest.raises(InputError, match="drop: 0"):
        render(training, model, guidance=1.5)


def test_an_untrained_network_is_the_best_linear_estimate() -> None:
    """It draws nothing: what is left is Wiener's weight √ᾱ s² / (ᾱ s² + 1 − ᾱ) of the input, for data of spread s."""
    network, shares = build(TINY), signal_shares(TINY.schedule)
    x = torch.randn(1, 1, SIZE, SIZE)
    modulation = network.condition(torch.zeros(1, 4, SIZE, SIZE))
    for time in (0, 100, 500, 999):
        with torch.no_grad():
            found = network(x, torch.tensor([time]), modulation)
        share = shares[time]
        expected = share.sqrt() * SPREAD**2 / (share * SPREAD**2 + 1 - share)
        torch.testing.assert_close(found, expected * x)


def test_one_vendor_has_no_embedding_and_two_have_one_case_each(tmp_path: Path) -> None:
    alone = write_training(tmp_path / "alone.npz", ("Siemens", "Siemens"))
    model = train(alone)
    assert load_model(model, "cpu").network.domain is None
    assert [case.vendor for case in render(alone, model).cases] == ["Siemens"]

    both = write_training(tmp_path / "both.npz", ("Siemens", "GE"))
    model = train(both)
    trained = load_model(model, "cpu")
    assert trained.vendors == ("GE", "Siemens")
    pack = render(both, model)
    assert {case.vendor for case in pack.cases} == {"GE", "Siemens"}
    # one slice in three shows a heart and is Siemens'
    assert [pack.cases[index].vendor for index in pack.case].count("GE") > len(pack.case) / 2


def test_the_vendor_changes_the_image(tmp_path: Path) -> None:
    network = build(TINY, ["GE", "Siemens"])
    for name, parameter in network.named_parameters():
        if name.startswith("last") or "leave" in name:
            torch.nn.init.normal_(parameter)  # they start at zero
    x, mask = torch.randn(1, 1, SIZE, SIZE), torch.zeros(1, 4, SIZE, SIZE)
    one, other = (network(x, torch.tensor([500]), network.condition(mask, torch.tensor([k]))) for k in (0, 1))
    assert not torch.allclose(one, other)


def test_snapshots_survive_a_pause_and_the_last_is_the_model(tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, keep=(1, 4))
    training = write_training(tmp_path / "training.npz")
    model = train(training, settings)
    early = tmp_path / "model-1.safetensors"
    whole = [path.read_bytes() for path in (early, tmp_path / "model-4.safetensors", model)]
    assert whole[1] == whole[2] != whole[0]
    assert load_model(early, "cpu").size == SIZE

    early.unlink()
    stops = iter([False, True])
    state = Resume(tmp_path / "state", "s", stop=lambda: next(stops))
    with pytest.raises(Paused):
        train(training, settings, state)
    assert not early.exists()
    train(training, settings, Resume(tmp_path / "state", "s"))
    assert [path.read_bytes() for path in (early, tmp_path / "model-4.safetensors", model)] == whole


def test_snapshots_outlive_a_kill_after_delivery_and_go_with_the_state(tmp_path: Path) -> None:
    """Snakemake deletes a killed job's outputs; the state says that the training is past them."""
    settings = dataclasses.replace(TINY, keep=(1, 4))
    training, state = write_training(tmp_path / "training.npz"), Resume(tmp_path / "state", "s")
    train(training, settings, state)
    early = tmp_path / "model-1.safetensors"
    whole = early.read_bytes()
    early.unlink()
    train(training, settings, state)
    assert early.read_bytes() == whole
    state.clear()
    assert not list(tmp_path.glob("state*"))


def test_the_remedy_for_snapshots_that_are_gone_is_one(tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, keep=(1, 4))
    training, state = write_training(tmp_path / "training.npz"), Resume(tmp_path / "state", "s")
    train(training, settings, state)
    state.aside("model-1.safetensors").unlink()
    with pytest.raises(InputError, match=r"state\.s\.model-1\.safetensors.*delete it and state\.previous"):
        train(training, settings, state)
    state.path.unlink()
    state.previous.unlink()
    train(training, settings, state)


def test_paused_rendering_gives_the_same_images(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz")
    model = train(training)
    whole = render(training, model, guidance=1.5).images
    state = tmp_path / "state"
    with pytest.raises(Paused):
        render(training, model, Resume(state, "s", stop=lambda: not state.exists()), guidance=1.5)
    assert np.array_equal(render(training, model, Resume(state, "s"), guidance=1.5).images, whole)


def test_references_follow_the_real_slices(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz", ("Siemens", "GE"))
    real = read_pack(training)
    assert real.labels is not None
    render_references(
        settings=ImageRendering(calls=2),
        training=training,
        model=train(training),
        images=tmp_path / "references.npz",
        seed=0,
        checkpoint=None,
        device="cpu",
        report=silent,
    )
    pack = read_pack(tmp_path / "references.npz")
    assert pack.labels is not None
    assert np.array_equal(pack.labels, real.labels[[0, 2, 3, 4, 5]])
    found = [(pack.cases[index].split, pack.cases[index].vendor) for index in pack.case]
    assert found == [("train", "Siemens"), *[("train", "GE")] * 2, *[("val", "Siemens")] * 2]


def test_a_size_that_cannot_be_halved_is_named(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz", size=18)
    with pytest.raises(InputError, match=r"18×18.*multiple of 4"):
        train(training)


@pytest.mark.parametrize("shards", [2, 3, 9])
def test_how_many_shards_there_are_changes_no_image(tmp_path: Path, shards: int) -> None:
    """24 masks in batches of 5: nine shards of which some are empty give what one gives."""
    training = write_training(tmp_path / "training.npz", ("GE", "Siemens"))
    model = train(training)
    whole, parted = render(training, model), render(training, model, shards=shards)
    assert np.array_equal(whole.images, parted.images)
    assert whole.cases == parted.cases


def test_a_smaller_ratio_draws_the_first_of_the_images(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz")
    model = train(training)
    whole, few = render(training, model), render(training, model, ratio=2.5)
    assert len(few.images) == 10
    assert np.array_equal(few.images, whole.images[:10])


def test_shards_cover_every_mask_once() -> None:
    for count, batch, shards in [(24, 5, 1), (24, 5, 3), (24, 5, 9), (5, 32, 2), (64, 32, 2)]:
        found = [row for shard in range(1, shards + 1) for row in range(*bounds(count, batch, shard, shards))]
        assert found == list(range(count))


def test_no_masks_is_an_error_that_says_so(tmp_path: Path) -> None:
    training = write_training(tmp_path / "training.npz")
    write_labels(tmp_path / "none.npz", np.zeros((0, SIZE, SIZE), np.uint8))
    with pytest.raises(InputError, match=r"none.npz: holds 0 masks, 2 are to be rendered"):
        render_shard(
            settings=ImageRendering(),
            training=training,
            model=train(training),
            masks=tmp_path / "none.npz",
            ratio=0.5,
            part=tmp_path / "part.npz",
            shard=1,
            shards=1,
            seed=0,
            checkpoint=None,
            device="cpu",
            report=silent,
        )


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"drop": 1.0}, "drop"),
        ({"channels": (8, 12)}, "channels"),
        ({"keep": (2, 1)}, "keep"),
        ({"keep": (5,)}, "keep"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named}: "):
        dataclasses.replace(TINY, **wrong)  # type: ignore[arg-type]


def test_a_loss_that_stays_non_finite_ends_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = write_training(tmp_path / "training.npz")
    monkeypatch.setattr(
        SpadeUNet, "forward", lambda self, x, time, modulation: x * self.first.weight.sum() * float("nan")
    )
    with pytest.raises(InputError, match=r"not finite.*learning_rate"):
        train(training, dataclasses.replace(TINY, steps=30))
    assert not (tmp_path / "model.safetensors").exists()
