"""Trained segmenters as one ONNX graph, which runs without torch and gives the same probabilities.

The graph holds all that `Segmenter` does: scaling, standardising and softmax are inside, so that what serves it has
nothing to get wrong. Several networks are averaged in it (a deep ensemble, Lakshminarayanan et al. 2017).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cmrbridge.core.portable import bare
from cmrbridge.errors import InputError
from cmrbridge.segmentation.architectures.stacked import Stacked
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.predict import load_segmenter
from cmrbridge.segmentation.segmenter import Segmenter

TOLERANCE = 1e-4  # probabilities
TIE = 1e-5  # where the two highest are nearer, rounding says which class wins
TRACED = 5  # slices; the count stays free

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class WholeStack(nn.Module):
    """What `Stacked` does in evaluation, counted upwards: ONNX divides whole numbers toward zero, Python downwards."""

    def __init__(self, stacked: Stacked) -> None:
        super().__init__()
        self.network, self.step = stacked.network, stacked.step

    def forward(self, images: Tensor) -> Tensor:
        count = images.shape[0]
        depth = (count + self.step - 1) // self.step * self.step
        before = (depth - count) // 2
        places = (torch.arange(depth, device=images.device) - before).clamp(0, count - 1)
        logits: Tensor = self.network(images[places].movedim(0, 1)[None])[0]
        return logits.movedim(0, 1)[before : before + count]


class Averaged(nn.Module):
    """(n, class, y, x) mean probabilities of several networks from (n, y, x) uint8 slices, of one case if stacks."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(WholeStack(one) if isinstance(one, Stacked) else one for one in networks)

    def forward(self, image: Tensor) -> Tensor:
        shown = standardise(unit(image))
        return torch.stack([torch.softmax(network(shown).float(), dim=1) for network in self.networks]).mean(0)


def load_averaged(models: Sequence[Path]) -> Averaged:
    """The mean of the networks in files of `train_segmenter`, ready to predict."""
    return Averaged([load_segmenter(model, "cpu")[0] for model in models]).eval()


def to_onnx(networks: Sequence[nn.Module], size: int) -> bytes:
    """The graph of the networks' mean for slices of ``size`` pixels a side; nothing in it tells where it was made."""
    example = torch.arange(TRACED * size * size).reshape(TRACED, size, size).remainder(251).to(torch.uint8)
    with torch.no_grad():
        program = torch.onnx.export(
            Averaged(networks).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes={"image": {0: torch.export.Dim.DYNAMIC}},
            input_names=["image"],
            output_names=["probabilities"],
            verbose=False,
        )
    assert program is not None
    return bare(program.model_proto).SerializeToString(deterministic=True)


def check(graph: bytes, networks: Sequence[nn.Module], stacks: Sequence[Bytes], name: Path) -> float:
    """The largest difference of a probability between ``graph`` and `Segmenter`, over a single slice and whole stacks;
    InputError beyond `TOLERANCE`, or where labels differ and no tie explains it."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    worst = 0.0
    for images in (stacks[0][:1], *stacks):
        shown = torch.from_numpy(images)
        expected: Floats = torch.stack([Segmenter(one, len(images))(shown) for one in networks]).mean(0).numpy()
        (found,) = session.run(["probabilities"], {"image": images})
        apart = float(np.abs(found - expected).max())
        worst = max(worst, apart)
        second, first = np.sort(expected, axis=1)[:, -2:].swapaxes(0, 1)
        moved = (found.argmax(1) != expected.argmax(1)) & (first - second > TIE)
        if not apart <= TOLERANCE or moved.any():  # NaN too
            raise InputError(
                f"{name}: the exported graph differs from torch by {apart:.1e} in probability and {moved.sum()} labels "
                f"on {len(images)} slices; not written. Export with the versions of envs/requirements.txt"
            )
    return worst
