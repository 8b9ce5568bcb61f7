"""SPADE image diffusion end to end on toy images, and its parts against exact answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cmrbridge.core.checkpoint import Paused, Resume, read_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.labels import read_labels, write_labels
from cmrbridge.core.pack import Case, Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import SpadeTraining, build, load_model, to_signal
from cmrbridge.synthesis.network import SpadeUNet
from cmrbridge.synthesis.render import ImageRendering, join_shards, nearest, render_shard
from cmrbridge.synthesis.train import train_spade_diffusion
from reporters import silent

SIZE = 16
TINY = SpadeTraining(
    steps=4, learning_rate=1e-3, batch=2, channels=(8, 16), spade_channels=8, fold=2, checkpoint_every=1
)


def squares() -> NDArray[np.uint8]:
    """Three label maps: an LV, an LV with myocardium, an RV."""
    labels = np.zeros((3, SIZE, SIZE), np.uint8)
    labels[1, 4:12, 4:12] = 2
    labels[:2, 6:10, 6:10] = 1
    labels[2, 2:6, 2:6] = 3
    return labels


@pytest.fixture
def training(tmp_path: Path) -> Path:
    grid = Grid((SIZE, SIZE, 3), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), SIZE, 1.5)
    cases = tuple(
        Case("toy", "toy", split, "ED", split, ("LV", "MYO", "RV"), (8, 1.5, 1.5), grid) for split in ("train", "val")
    )
    labels = np.concatenate([squares(), squares()])
    numbers = np.repeat(np.arange(2, dtype=np.int32), 3)
    write_pack(
        tmp_path / "training.npz", Pack(labels * 80, labels, numbers, np.tile(np.arange(3, dtype=np.int32), 2), cases)
    )
    return tmp_path / "training.npz"


def train(training: Path, name: str = "model", checkpoint: Resume | None = None) -> Path:
    model = training.with_name(f"{name}.safetensors")
    train_spade_diffusion(
        settings=TINY,
        training=training,
        model=model,
        samples=training.with_name("samples.png"),
        seed=3,
        checkpoint=checkpoint,
        device="cpu",
        report=silent,
    )
    return model


def test_resumed_training_writes_the_same_file(training: Path) -> None:
    whole = train(training, "whole").read_bytes()
    state = training.with_name("state")
    with pytest.raises(Paused):
        train(training, "cut", Resume(state, "s", stop=state.exists))
    assert train(training, "cut", Resume(state, "s")).read_bytes() == whole
    assert training.with_name("samples.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_file_alone_rebuilds_the_averaged_network(training: Path) -> None:
    model = train(training)
    trained = load_model(model, "cpu")
    tensors, _ = read_tensors(model)
    assert (trained.size, trained.vendors) == (SIZE, ())
    for name, value in trained.network.named_parameters():
        assert torch.equal(value, tensors[f"average.{name}"])


def render(training: Path, model: Path, masks: Path) -> Pack:
    images = training.with_name("images.npz")
    part = training.with_name("part.npz")
    ratio = len(read_labels(masks)) / len(read_pack(training).split("train").images)
    render_shard(
        settings=ImageRendering(calls=2, batch=2),
        training=training,
        model=model,
        masks=masks,
        ratio=ratio,
        part=part,
        shard=1,
        shards=1,
        seed=0,
        checkpoint=None,
        device="cpu",
        report=silent,
    )
    gallery = training.with_name("gallery.png")
    pair = {"images": images, "gallery": gallery}
    join_shards(training=training, masks=masks, ratio=ratio, parts=[part], seed=0, **pair)
    return read_pack(images)


def test_one_image_for_each_mask(training: Path) -> None:
    masks = training.with_name("masks.npz")
    write_labels(masks, squares())
    model = train(training)
    pack = render(training, model, masks)
    assert pack.images.shape == (3, SIZE, SIZE)
    assert pack.images.dtype == np.uint8
    assert pack.labels is not None
    assert np.array_equal(pack.labels, squares())
    assert [(one.dataset, one.split, one.annotated) for one in pack.cases] == [
        ("synthetic", "train", ("LV", "MYO", "RV"))
    ]
    assert np.array_equal(render(training, model, masks).images, pack.images)
    assert training.with_name("gallery.png").read_bytes().startswith(b"\x89PNG")


def test_masks_of_another_size_are_refused(training: Path) -> None:
    masks = training.with_name("masks.npz")
    write_labels(masks, squares()[:, :8, :8])
    with pytest.raises(InputError, match=r"masks are \(8, 8\), .*draws 16×16"):
        render(training, train(training), masks)


def test_a_model_of_another_kind_is_refused(training: Path) -> None:
    from cmrbridge.core.checkpoint import write_tensors

    other = training.with_name("other.safetensors")
    write_tensors(other, {"raw.x": torch.zeros(1)}, {"kind": "label diffusion"})
    with pytest.raises(InputError, match="label diffusion, not a SPADE"):
        load_model(other, "cpu")


def shaken() -> SpadeUNet:
    """A network whose zero weights are no longer zero."""
    torch.manual_seed(0)
    network = build(TINY).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def test_the_mask_reaches_the_output_and_only_through_the_decoder() -> None:
    network = shaken()
    x, time = torch.randn(1, 1, SIZE, SIZE), torch.tensor([500])
    seen = []
    network.attention.register_forward_hook(lambda *inputs: seen.append(inputs[2]))
    one, other = (torch.zeros(1, 4, SIZE, SIZE).index_fill(1, torch.tensor([c]), 1.0) for c in (0, 3))
    first, second = (network(x, time, network.condition(mask)) for mask in (one, other))
    assert not torch.equal(first, second)
    assert torch.equal(seen[0], seen[1])


def test_every_mask_pixel_counts_when_folded() -> None:
    """A structure of one pixel, which a mask halved by nearest neighbour could lose, changes the estimate."""
    network = shaken()
    x, time, empty = torch.zeros(1, 1, SIZE, SIZE), torch.tensor([500]), torch.zeros(1, 4, SIZE, SIZE)
    without = network(x, time, network.condition(empty))
    for y, column in ((4, 4), (4, 5), (5, 4), (5, 5)):
        dot = empty.clone()
        dot[0, 1, y, column] = 1
        assert not torch.equal(network(x, time, network.condition(dot)), without)


def test_images_span_minus_one_to_one() -> None:
    images = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert torch.equal(to_signal(images), torch.tensor([[[[-1.0, 1.0]]]]))


def test_the_nearest_mask_overlaps_most() -> None:
    real = squares()
    assert nearest(real, real).tolist() == [0, 1, 2]
    moved = np.roll(real[2:], 1, axis=1)
    assert nearest(moved, real).tolist() == [2]
