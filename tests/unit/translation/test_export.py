"""The exported translator against the one of the workflow: every method, its gradient included."""

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from cmrbridge.core.checkpoint import write_model
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.translation.export import export_translator
from cmrbridge.translation.graph import Translator, check, to_onnx
from cmrbridge.translation.model import KIND, ImageDenoiser, TranslationTraining, build
from cmrbridge.translation.settings import Translation

pytestmark = pytest.mark.whole

SIZE = 16
TRAINING = TranslationTraining(steps=1, learning_rate=1e-3, channels=(8, 8))
DDA = Translation("dda", start=0.05, calls=1, factor=2, scale=20.0, reshade=0.0)
RESHADED = Translation("sdedit", start=0.05, calls=2, eta=0.5, reshade=0.06)
ILVR = Translation("ilvr", start=0.05, calls=2, factor=4, reshade=0.0)


@pytest.fixture(scope="module")
def network() -> ImageDenoiser:
    torch.manual_seed(0)
    made = build(TRAINING, SIZE).eval().requires_grad_(False)
    made.net.conv_out.weight.normal_(0, 0.3)  # fresh, it would answer with nothing
    made.shading.add_(torch.linspace(4, 5, SIZE))
    return made


def volumes(*slices: int) -> list[Pack]:
    """One case each."""
    grid = Grid((SIZE, SIZE, 2), (1.5, 1.5, 8), True, False, False, (7.5, 7.5), SIZE, 1.5)
    random, made = np.random.default_rng(0), []
    for number, count in enumerate(slices):
        case = Case("toy", "home", f"s{number}", "ED", "val", ("LV",), (8, 1.5, 1.5), grid)
        images = random.integers(0, 256, (count, SIZE, SIZE), np.uint8)
        made.append(Pack(images, None, np.zeros(count, np.int32), np.arange(count, dtype=np.int32), (case,)))
    return made


def test_the_graph_does_what_the_workflow_does_to_any_number_of_slices(network: ImageDenoiser) -> None:
    translator, some = Translator(network, TRAINING, RESHADED, seed=3), volumes(1, 4)
    graph = to_onnx(translator, some[0].cases[0])
    mean, near = check(graph, translator, some, Path("adapt.onnx"))
    assert mean <= 0.05
    assert near == 1
    with pytest.raises(InputError, match="differs from torch"):
        check(graph, Translator(network, TRAINING, Translation("none", even=0.0, reshade=0.0), 3), some, Path("a"))


def test_the_gradient_is_in_the_graph(network: ImageDenoiser) -> None:
    some = volumes(2)
    graph = to_onnx(Translator(network, TRAINING, DDA, seed=3), some[0].cases[0])
    assert check(graph, Translator(network, TRAINING, DDA, 3), some, Path("adapt.onnx"))[1] == 1
    unguided = dataclasses.replace(DDA, scale=0.0)
    with pytest.raises(InputError, match="differs from torch"):
        check(graph, Translator(network, TRAINING, unguided, 3), some, Path("adapt.onnx"))


def test_equal_translators_give_equal_bytes_that_tell_of_no_machine(network: ImageDenoiser) -> None:
    translator = Translator(network, TRAINING, ILVR, seed=3)
    graph = to_onnx(translator, volumes(1)[0].cases[0])
    assert to_onnx(translator, volumes(2)[0].cases[0]) == graph
    assert str(Path(torch.__file__).parent).encode() not in graph
    assert str(Path(__file__).parents[3]).encode() not in graph


def exported(folder: Path, network: ImageDenoiser, *, gains: dict[str, float]) -> tuple[bytes, dict]:
    """What leaves a study whose methods of source "home" gained this, under simulated shifts."""
    average = {name: value.clone() for name, value in network.named_parameters()}
    write_model(folder / "model", network, average, {"kind": KIND, "size": SIZE, "settings": asdict(TRAINING)})
    (pack,) = volumes(3)
    write_pack(folder / "training.npz", pack)
    (folder / "chosen.json").write_text(json.dumps({"source": "home"}))
    choices = []
    for number, (method, gain) in enumerate(gains.items()):
        settings = Translation(method, start=0.05, calls=1, reshade=0.0, **({"even": 0.0} if method == "none" else {}))
        choice = {
            "chosen": method,
            "settings": asdict(settings),
            "why": method,
            "scores": {method: {"dice_gain": gain}},
        }
        path = folder / f"{number}.json"
        path.write_text(json.dumps(choice))
        choices.append({"source": "home", "choice": str(path), "model": str(folder / "model")})
    export_translator(
        chosen=folder / "chosen.json",
        choices=[{**choices[0], "source": "elsewhere"}, *choices],
        training={"home": folder / "training.npz"},
        seed=0,
        onnx_file=folder / "adapt.onnx",
        about=folder / "adapt.json",
    )
    return (folder / "adapt.onnx").read_bytes(), json.loads((folder / "adapt.json").read_text())


def test_of_several_methods_the_one_that_helps_most_leaves(tmp_path: Path, network: ImageDenoiser) -> None:
    graph, about = exported(tmp_path, network, gains={"sdedit": 0.02, "none": 0.9, "inversion": 0.01})
    assert (about["method"], about["why"], about["mean_dice_gain_under_simulated_shifts"]) == ("sdedit", "sdedit", 0.02)
    assert about["mean_difference_from_torch"] <= 0.05
    assert graph


def test_where_no_method_helps_no_graph_leaves(tmp_path: Path, network: ImageDenoiser) -> None:
    graph, about = exported(tmp_path, network, gains={"none": 0.0})
    assert (graph, about["method"]) == (b"", "none")
