"""A translator as one ONNX graph: all slices of one volume in, the same in the source's look out, without torch.

Everything that the workflow does to a volume is inside: its shading evened, its brightness asked for, the method with
its gradient, and rounding. Only the noise differs: there it is drawn by a case's name, here it is one draw for all.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cmrbridge.core.pack import Case, Pack
from cmrbridge.core.portable import bare
from cmrbridge.errors import InputError
from cmrbridge.translation.methods import translate
from cmrbridge.translation.model import ImageDenoiser, TranslationTraining, to_images
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.shading import FLOOR, RADIUS, gaussian
from cmrbridge.translation.traced import traced
from cmrbridge.translation.translate import noise_fields, translated_images

TRACED = 3  # slices; the count stays free
MEAN, NEAR = 0.5, 0.99  # grey levels between graph and torch, on average; share of pixels within one grey level

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Translator:
    """A trained translator and how it is used. seed: of its noise, that of the generator."""

    network: ImageDenoiser
    trained: TranslationTraining
    settings: Translation
    seed: int


def to_onnx(translator: Translator, case: Case) -> bytes:
    """The graph: `image` uint8 (n, size, size), n free → `translated`, alike. ``case``: any; its name is left out.

    What a volume's slices have in common is evened first; then they are taken one by one, which is all that a traced
    gradient can do: its graph has the shape of one slice.
    """
    shading = translator.network.shading
    size, evening = len(shading), _Evening(shading, translator.settings.even).eval()
    volume = torch.arange(TRACED * size * size).reshape(TRACED, size, size).remainder(251).to(torch.uint8)
    redraw = traced(_redraw(translator, case), evening(volume)[0])
    first = _exported(evening, volume, "image", "evened", dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    slices = _exported(redraw, evening(volume)[0], "slice", "redrawn")
    return _one_by_one(first, slices, size).SerializeToString(deterministic=True)


def check(graph: bytes, translator: Translator, volumes: Sequence[Pack], name: Path) -> tuple[float, float]:
    """(mean absolute difference in grey levels, share of pixels within one) between ``graph`` and `translated_images`
    with the same noise over ``volumes``, each of one case; InputError beyond `MEAN` or below `NEAR`."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    apart = []
    for volume in volumes:
        (found,) = session.run(["translated"], {"image": volume.images})
        apart.append(np.abs(found.astype(int) - _by_torch(translator, volume)).ravel())
    difference = np.concatenate(apart)
    mean, near = float(difference.mean()), float((difference <= 1).mean())
    if mean > MEAN or near < NEAR:
        raise InputError(
            f"{name}: the exported translator differs from torch by {mean:.2f} grey levels on average, {near:.1%} of "
            "pixels are within one; not written. Export with the versions of envs/requirements.txt"
        )
    return mean, near


def _by_torch(translator: Translator, volume: Pack) -> Bytes:
    """As the workflow does it, in the graph's precision and with its noise."""
    return translated_images(
        dataclasses.replace(volume, cases=tuple(_unnamed(case) for case in volume.cases)),
        translator.network,
        dataclasses.replace(translator.trained, precision="float32"),
        translator.settings,
        batch=len(volume.images),
        seed=translator.seed,
        device="cpu",
        resume=None,
        report=lambda step, total=None, **values: None,
    )


def _unnamed(case: Case) -> Case:
    """``case`` under the name by which the graph's noise is drawn."""
    return dataclasses.replace(case, dataset="cmrbridge", subject="anybody", phase="")


def _redraw(translator: Translator, case: Case) -> Callable[[Tensor], Tensor]:
    """One evened slice (1, y, x) in [-1, 1] → its translation, uint8 (y, x)."""
    settings, size = translator.settings, len(translator.network.shading)
    fields = noise_fields(_unnamed(case), settings.calls, size, translator.seed)[:, None]

    def redraw(evened: Tensor) -> Tensor:
        return to_images(
            translate(translator.network, evened[None], settings, fields, schedule=translator.trained.schedule)
        )[0]

    return redraw


class _Evening(nn.Module):
    """`shading.evened` in torch: volume (slice, y, x) uint8 → (slice, 1, y, x) in [-1, 1]."""

    def __init__(self, towards: Tensor, share: float) -> None:
        super().__init__()
        self.towards, self.share = towards, share
        self.weights = torch.from_numpy(gaussian(len(towards), RADIUS * len(towards))).float()

    def forward(self, image: Tensor) -> Tensor:
        volume = image.float()
        if self.share:
            shading = self.weights @ (volume + FLOOR).log().mean(0) @ self.weights.T
            gain = (self.share * (self.towards - shading)).exp()
            volume = ((volume + FLOOR) * gain - FLOOR).clamp(0, 255)
        return (volume / 127.5 - 1)[:, None]


def _exported(module: nn.Module, example: Tensor, takes: str, gives: str, **how: Any) -> onnx.ModelProto:
    program = torch.onnx.export(
        module, (example,), dynamo=True, input_names=[takes], output_names=[gives], optimize=False, verbose=False, **how
    )
    assert program is not None
    assert not program.model_proto.functions
    return bare(program.model_proto)


def _one_by_one(first: onnx.ModelProto, each: onnx.ModelProto, size: int) -> onnx.ModelProto:
    """``first``, and ``each`` of the slices that it gives: `image` → `translated`."""
    body = onnx.compose.add_prefix(each, "slice/").graph  # names of both are numbers otherwise
    scan = onnx.helper.make_node("Scan", ["evened"], ["translated"], name="slices", body=body, num_scan_inputs=1)
    first.graph.node.append(scan)
    images = onnx.helper.make_tensor_value_info("translated", onnx.TensorProto.UINT8, ["n", size, size])
    del first.graph.output[:]
    first.graph.output.append(images)
    onnx.checker.check_model(first)
    return first
