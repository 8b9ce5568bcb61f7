"""Every registered architecture: shapes, features, refusal of what it cannot take."""

import pytest
import torch

from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures


@pytest.mark.parametrize("name", architectures.NAMES)
def test_logits_have_the_image_grid_and_features_exist(name: str) -> None:
    network = architectures.build(name, 32)
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 4, 32, 32)
    assert architectures.features(name, network)


def test_unknown_name_and_unfit_size_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="unet2d"):
        architectures.build("os", 32)
    with pytest.raises(InputError, match="not 40"):
        architectures.build("unet2d", 40)


def test_unet2d_is_the_vanilla_one() -> None:
    network = architectures.build("unet2d", 32)
    assert sum(p.numel() for p in network.parameters()) == 1_625_849
