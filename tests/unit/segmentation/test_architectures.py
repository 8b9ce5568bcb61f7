"""Every registered architecture: shapes, features, weights that are held once, refusal of what it cannot take."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import VOLUMETRIC
from cmrbridge.plan.config import BATCH_NORM
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import Stacked, depth_of, portions

DATA = Fingerprint(size=32, spacing_mm=2.5, slices=3, slice_mm=10.0)


@pytest.mark.parametrize("name", architectures.NAMES)
def test_logits_have_the_image_grid_and_features_are_bottleneck_and_decoder(name: str) -> None:
    network = architectures.build(name, DATA)
    heard: list[torch.Tensor] = []
    for part in architectures.features(name, network):
        part.register_forward_hook(lambda _, __, output: heard.append(output))
    count = 2 * depth_of(network)
    assert network(torch.zeros(count, 1, 32, 32)).shape == (count, 4, 32, 32)
    bottleneck, decoder = heard
    assert bottleneck.shape[1] > decoder.shape[1]
    assert bottleneck.shape[-1] <= 4 < 16 <= decoder.shape[-1]
    assert (name in VOLUMETRIC) == isinstance(network, Stacked) == (decoder.ndim == 5)
    if decoder.ndim == 5:
        assert decoder.shape[:3:2] == (2, depth_of(network))


@pytest.mark.parametrize("name", architectures.NAMES)
def test_a_state_holds_each_weight_once_and_no_running_statistics(name: str) -> None:
    """A weight under two names would be averaged under one and loaded from the other; running statistics would make a
    case's segmentation depend on which two stacks were seen last."""
    network = architectures.build(name, DATA)
    running = set() if name not in BATCH_NORM else {key for key, _ in network.named_buffers()}
    assert network.state_dict().keys() - running == {key for key, _ in network.named_parameters()}
    assert not any(isinstance(part, nn.Dropout | nn.Dropout3d) and part.p for part in network.modules())


@pytest.mark.parametrize("name", architectures.NAMES)
def test_early_parts_come_first_and_keep_most_of_the_resolution(name: str) -> None:
    network = architectures.build(name, DATA)
    early, features = architectures.early(name, network), architectures.features(name, network)
    order, sides = [], []

    def note(part: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        order.append(part)
        sides.append(output.shape[-1])

    for part in [*early, *features]:
        part.register_forward_hook(note)
    network(torch.zeros(2 * depth_of(network), 1, 32, 32))
    assert order[: len(early)] == early
    assert min(sides[: len(early)]) >= 32 / 4


def test_the_plan_knows_the_architectures_and_which_have_batch_norm() -> None:
    """A study is refused by these lists before torch is loaded, so they must say what the networks are."""
    schema = yaml.safe_load((Path(__file__).parents[3] / "workflow/schemas/config.schema.yaml").read_text())
    known = schema["$defs"]["architecture"]["enum"]
    assert set(architectures.NAMES) <= set(known)
    for name in architectures.NAMES:
        has = any(isinstance(part, _BatchNorm) for part in architectures.build(name, DATA).modules())
        assert has == (name in BATCH_NORM), name


def test_unknown_name_and_unfit_size_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="unet2d"):
        architectures.build("os", DATA)
    with pytest.raises(InputError, match="not 40"):
        architectures.build("unet2d", dataclasses.replace(DATA, size=40))


def test_unet2d_is_the_vanilla_one() -> None:
    network = architectures.build("unet2d", DATA)
    assert sum(p.numel() for p in network.parameters()) == 1_625_849


class Ahead(nn.Module):
    """Each slice's logits are the next slice of its stack; of the last, zero."""

    def forward(self, stacks: torch.Tensor) -> torch.Tensor:
        return torch.cat([stacks[:, :, 1:], torch.zeros_like(stacks[:, :, :1])], dim=2)


def test_stacks_are_laid_out_slice_by_slice_and_do_not_touch() -> None:
    network = Stacked(Ahead(), slices=3, step=1)
    images = torch.rand(6, 1, 4, 4)
    found = network.train()(images)
    nothing = torch.zeros(4, 4)
    assert torch.equal(found[:, 0], torch.stack([images[1, 0], images[2, 0], nothing, *images[4:, 0], nothing]))
    assert torch.equal(network.eval()(images)[:-1], images[1:])  # one case of six slices


@pytest.mark.parametrize(("count", "expected"), [(4, [1, 2, 3, 0]), (3, [1, 2, 2]), (2, [1, 1]), (1, [0])])
def test_a_case_is_padded_with_its_edge_slices_and_the_pads_are_cut_off(count: int, expected: list[int]) -> None:
    """Looking one slice ahead, the last slice of a padded case sees its own repeat."""
    network = Stacked(Ahead(), slices=3, step=4).eval()
    images = torch.arange(count).float()[:, None, None, None].expand(count, 1, 2, 2)
    assert network(images)[:, 0, 0, 0].tolist() == expected


def test_evaluation_takes_a_batch_of_slices_or_a_whole_case() -> None:
    images, case = torch.arange(5), torch.tensor([4, 4, 4, 7, 7])
    flat, deep = nn.Identity(), Stacked(Ahead(), slices=3, step=2)
    assert [len(part) for part in portions(flat, images, 2, case)] == [2, 2, 1]
    assert [len(part) for part in portions(deep, images, 2, case)] == [3, 2]
    assert [len(part) for part in portions(deep, images, 2)] == [5]
