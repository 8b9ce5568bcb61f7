"""What leaves as ONNX is what torch computes, is chosen on validation subjects, and tells nothing of this machine."""

import dataclasses
import json
from collections.abc import Callable
from getpass import getuser
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from monai.bundle import ConfigParser

from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.paper.bundle import inference
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.choose import Candidate, choose
from cmrbridge.segmentation.export import export_best
from cmrbridge.segmentation.graph import check, load_averaged, to_onnx
from cmrbridge.segmentation.segmenter import Segmenter

SIZE = 32
DATA = Fingerprint(size=SIZE, spacing_mm=5.0, slices=4, slice_mm=10.0)
ToyPack = Callable[..., Pack]


def built(architecture: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return architectures.build(architecture, DATA).eval()


def slices(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE), np.uint8)


def trained(folder: Path, arm: str, dice: dict[int, float | None]) -> list[Candidate]:
    """A candidate a seed: random weights, and a journal whose last check found this Dice; None: no number."""
    found = []
    for seed, value in dice.items():
        run = folder / arm / str(seed)
        run.mkdir(parents=True)
        about = {"architecture": "unet2d", "fingerprint": dataclasses.asdict(DATA)}
        write_tensors(run / "model.safetensors", built("unet2d", seed).state_dict(), about)
        lines = [{"step": 1, "val_dice": 0.99}, {"step": 2, "val_dice": value}, {"step": 3, "loss": 0.1}]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        files = (run / "model.safetensors", run / "metrics.jsonl")
        found.append(Candidate("s", "toy", arm, "unet2d", seed, ("toy",), (), "none", *files))
    return found


def test_fast_is_the_best_run_and_accurate_all_seeds_of_the_best_mean(tmp_path: Path) -> None:
    runs = [*trained(tmp_path, "even", {0: 0.8, 1: 0.8}), *trained(tmp_path, "lucky", {0: 0.9, 1: 0.5})]
    fast, accurate = choose(runs, "fast"), choose(runs, "accurate")
    assert [(one.arm, one.seed) for one in fast.members] == [("lucky", 0)]
    assert [(one.arm, one.seed) for one in accurate.members] == [("even", 0), ("even", 1)]
    assert (fast.validation_dice, accurate.validation_dice) == (0.9, 0.8)


def test_a_training_that_went_astray_is_not_taken(tmp_path: Path) -> None:
    runs = [*trained(tmp_path, "astray", {0: None, 1: 0.7}), *trained(tmp_path, "sound", {0: 0.6, 1: 0.6})]
    assert [(one.arm, one.seed) for one in choose(runs, "fast").members] == [("astray", 1)]
    assert {one.arm for one in choose(runs, "accurate").members} == {"sound"}


def test_a_training_that_was_never_checked_cannot_be_chosen(tmp_path: Path) -> None:
    (run,) = trained(tmp_path, "blind", {0: 0.8})
    run.metrics.write_text('{"step": 1, "loss": 0.5}\n')
    with pytest.raises(InputError, match=r"metrics.jsonl: holds no validation Dice.*split.val"):
        choose([run], "fast")


@pytest.fixture(scope="module")
def exported(toy_pack: ToyPack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two seeds of one arm as "accurate"."""
    folder = tmp_path_factory.mktemp("exported")
    write_pack(folder / "training.npz", toy_pack())
    export_best(
        pick="accurate",
        candidates=[dataclasses.asdict(one) for one in trained(folder, "arm", {0: 0.7, 4: 0.8})],
        training={"toy": folder / "training.npz"},
        onnx_file=folder / "model.onnx",
        weights=folder / "bundle" / "models",
        chosen=folder / "chosen.json",
    )
    return folder


def test_the_graph_averages_the_networks_for_any_number_of_slices(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 7):
        images = slices(count)
        (found,) = session.run(["probabilities"], {"image": images})
        both = [Segmenter(built("unet2d", seed), count)(torch.from_numpy(images)) for seed in (0, 4)]
        np.testing.assert_allclose(found, (0.5 * (both[0] + both[1])).numpy(), atol=1e-4)
    about = json.loads((exported / "chosen.json").read_text())
    assert (about["seeds"], about["validation_dice"], about["slices"], about["size"]) == ([0, 4], 0.75, "single", SIZE)


def test_equal_weights_give_equal_bytes_that_name_no_file(exported: Path) -> None:
    graph = (exported / "model.onnx").read_bytes()
    assert to_onnx([built("unet2d", seed) for seed in (0, 4)], SIZE) == graph
    model = onnx.load_model_from_string(graph)
    del model.graph.initializer[:]  # numbers, which may spell anything
    said = str(model).lower()
    assert [word for word in (".py", "stack_trace", "site-packages", "/", str(getuser())) if word in said] == []


def test_monai_reads_the_bundle_and_finds_the_same_labels(exported: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", slices(5))
    parser = ConfigParser(inference())
    for name, value in {"bundle_root": exported / "bundle", "image": "image.npy", "output": "labels.npy"}.items():
        parser[name] = str(value if name == "bundle_root" else tmp_path / value)
    parser.parse()
    parser.get_parsed_content("run")
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"image": slices(5)})
    assert (np.load(tmp_path / "labels.npy") == found.argmax(1)).all()


def test_a_graph_of_other_weights_is_refused(exported: Path) -> None:
    graph = (exported / "model.onnx").read_bytes()
    with pytest.raises(InputError, match=r"model.onnx: the exported graph differs from torch"):
        check(graph, [built("unet2d", 1)], [slices(3)], exported / "model.onnx")


def test_a_network_that_gives_no_numbers_is_refused(tmp_path: Path) -> None:
    network = built("unet2d")
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="differs from torch by nan"):
        check(to_onnx([network], SIZE), [network], [slices(3)], tmp_path / "model.onnx")


def test_without_a_validation_subject_nothing_is_exported(toy_pack: ToyPack, tmp_path: Path) -> None:
    write_pack(tmp_path / "training.npz", toy_pack([4]))
    with pytest.raises(InputError, match=r"training.npz: no validation subject.*split.val"):
        export_best(
            pick="fast",
            candidates=[dataclasses.asdict(one) for one in trained(tmp_path, "arm", {0: 0.7})],
            training={"toy": tmp_path / "training.npz"},
            onnx_file=tmp_path / "model.onnx",
            weights=tmp_path / "models",
            chosen=tmp_path / "chosen.json",
        )
    assert not (tmp_path / "model.onnx").exists()


def repeats_torch(architecture: str) -> None:
    """Whole stacks of every remainder that padding could meet, and single slices."""
    network = built(architecture)
    check(to_onnx([network], SIZE), [network], [slices(count) for count in (1, 2, 3, 4, 5, 7, 13)], Path(architecture))


def test_a_network_of_stacks_is_exported_with_its_padding() -> None:
    repeats_torch("unet3d")


@pytest.mark.long
@pytest.mark.parametrize("architecture", sorted({*architectures.NAMES} - {"unet2d", "unet3d"}))
def test_every_architecture_is_exported(architecture: str) -> None:
    repeats_torch(architecture)


def test_the_bundle_s_networks_are_verified_when_they_are_read(exported: Path, tmp_path: Path) -> None:
    damaged = bytearray((exported / "bundle" / "models" / "seed-0.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "seed-0.safetensors").write_bytes(damaged)
    with pytest.raises(InputError, match="checksum"):
        load_averaged([tmp_path / "seed-0.safetensors"])
