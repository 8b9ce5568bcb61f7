"""Classifiers small enough to be trained anew for every fold, by name; logits (n, class) from what they are shown."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

WIDTH = 64
PLACES = 16  # a side, at which a map is read


class MapReader(nn.Module):
    """Reads feature maps of any number and shape: a convolution each, then the mean and the standard deviation of
    what it finds, and a hidden layer over all of them. sides: of the maps; of large ones every other pixel, or
    fewer, is the centre of a convolution, so that none is read at more than 16 × 16 places."""

    def __init__(self, channels: Sequence[int], sides: Sequence[int], classes: int) -> None:
        super().__init__()
        self.readers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, WIDTH, 3, stride=max(1, side // PLACES), padding=1), nn.ReLU())
            for width, side in zip(channels, sides, strict=True)
        )
        read = 2 * WIDTH * len(channels)
        self.head = nn.Sequential(
            nn.BatchNorm1d(read), nn.Linear(read, WIDTH), nn.ReLU(), nn.Dropout(0.3), nn.Linear(WIDTH, classes)
        )

    def forward(self, *maps: Tensor) -> Tensor:
        read = [reader(part) for reader, part in zip(self.readers, maps, strict=True)]
        spread = [(part.var(dim=(2, 3), correction=0) + 1e-6).sqrt() for part in read]
        logits: Tensor = self.head(torch.cat([part.mean(dim=(2, 3)) for part in read] + spread, dim=1))
        return logits


def resnet(channels: int, classes: int) -> nn.Module:
    """He et al. 2016 in MONAI's form: one basic block at each of 16, 32, 64 and 128 channels."""
    from monai.networks.nets.resnet import ResNet

    return ResNet(
        "basic",
        [1, 1, 1, 1],
        [16, 32, 64, 128],
        spatial_dims=2,
        n_input_channels=channels,
        conv1_t_size=3,
        num_classes=classes,
    )


def densenet(channels: int, classes: int) -> nn.Module:
    """Huang et al. 2017 in MONAI's form: three blocks of three layers that grow by 12 channels."""
    from monai.networks.nets.densenet import DenseNet

    return DenseNet(2, channels, classes, init_features=16, growth_rate=12, block_config=(3, 3, 3))


class _Inception(nn.Module):
    """One module of Szegedy et al. 2016 (figure 5): views of 1 × 1, 3 × 3 and 5 × 5 pixels, and a pooled one."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                _unit(channels, width, 1),
                nn.Sequential(_unit(channels, width, 1), _unit(width, width, 3)),
                nn.Sequential(_unit(channels, width, 1), _unit(width, width, 3), _unit(width, width, 3)),
                nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), _unit(channels, width, 1)),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def _unit(channels: int, width: int, side: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(channels, width, side, stride, padding=side // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU())


def inception(channels: int, classes: int) -> nn.Module:
    """A stem and three modules of 4 × 12, 4 × 24 and 4 × 32 channels, the resolution halved before each."""
    return nn.Sequential(
        _unit(channels, 16, 3, stride=2),
        _Inception(16, 12),
        nn.MaxPool2d(2),
        _Inception(48, 24),
        nn.MaxPool2d(2),
        _Inception(96, 32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, classes),
    )


IMAGE_NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    "resnet": resnet,
    "densenet": densenet,
    "inception": inception,
}
