"""Features leave the segmenter as its own modules made them, of the slices that were asked for."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from cmrbridge.core.checkpoint import write_tensors
from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.features import spread, write_features
from cmrbridge.segmentation.intensity import standardise, unit

SIZE = 32
DATA = Fingerprint(size=SIZE, spacing_mm=1.5, slices=3, slice_mm=8.0)


def pack_of(domain: str, slices: tuple[int, ...]) -> Pack:
    grid = Grid((SIZE, SIZE, max(slices)), (1.5, 1.5, 8.0), True, True, False, (16.0, 16.0), SIZE, 1.5)
    cases = tuple(
        Case("toy", domain, f"{domain}{i}", "ED", "test", (), (8.0, 1.5, 1.5), grid) for i in range(len(slices))
    )
    images = np.random.default_rng(len(domain)).integers(0, 256, (sum(slices), SIZE, SIZE), np.uint8)
    numbers = np.repeat(np.arange(len(slices), dtype=np.int32), slices)
    position = np.concatenate([np.arange(count, dtype=np.int32) for count in slices])
    return Pack(images, None, numbers, position, cases)


def model_in(folder: Path, name: str = "unet2d") -> Path:
    torch.manual_seed(0)
    network = architectures.build(name, DATA)
    write_tensors(
        folder / "model.safetensors", network.state_dict(), {"architecture": name, "fingerprint": asdict(DATA)}
    )
    return folder / "model.safetensors"


def write(folder: Path, packs: dict[str, Pack], slices: int, name: str = "unet2d") -> dict[str, np.ndarray]:
    for domain, pack in packs.items():
        write_pack(folder / f"{domain}.npz", pack)
    write_features(
        model=model_in(folder, name), tests={domain: folder / f"{domain}.npz" for domain in packs},
        features=folder / "features.npz", slices=slices, batch=2, device="cpu",
        report=lambda step, total=None, **values: None,
    )  # fmt: skip
    with np.load(folder / "features.npz", allow_pickle=False) as file:
        return dict(file)


def test_slices_are_spread_from_base_to_apex() -> None:
    assert spread(pack_of("a", (5, 2)), 3).tolist() == [0, 2, 4, 5, 6]


def test_features_are_the_outputs_of_the_feature_modules(tmp_path: Path) -> None:
    packs = {"a": pack_of("a", (3, 1)), "bb": pack_of("bb", (2,))}
    found = write(tmp_path, packs, slices=9)
    about = json.loads(found["about"].tobytes())
    assert about == {"domains": ["a", "bb"], "subjects": ["a0"] * 3 + ["a1", "bb0", "bb0"]}
    assert found["domain"].tolist() == [0, 0, 0, 0, 1, 1]
    torch.manual_seed(0)
    network = architectures.build("unet2d", DATA).eval()
    parts, outputs = architectures.features("unet2d", network), []
    for part in parts:
        part.register_forward_hook(lambda _, __, output: outputs.append(output))
    with torch.no_grad():
        network(standardise(unit(torch.from_numpy(np.concatenate([pack.images for pack in packs.values()])))))
    assert len(outputs) == 2
    for index, output in enumerate(outputs):
        np.testing.assert_allclose(found[f"map_{index}"], output.numpy(), atol=2e-3, rtol=2e-3)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    pack = pack_of("a", (2,))
    small = Pack(pack.images[:, :16, :16], None, pack.case, pack.position, pack.cases)
    with pytest.raises(InputError, match=r"a\.npz: images of \(16, 16\) and a model of 32"):
        write(tmp_path, {"a": small}, slices=2)


def test_a_stack_gives_its_own_slices_a_map_each(tmp_path: Path) -> None:
    """A case of three slices goes through in a stack of more: what its repeated edges gave is not among the maps."""
    found = write(tmp_path, {"a": pack_of("a", (3, 2))}, slices=9, name="unet3d")
    assert [len(found[name]) for name in ("map_0", "map_1", "domain")] == [5, 5, 5]
    alone = write(tmp_path, {"a": pack_of("a", (3, 2)).select([1])}, slices=9, name="unet3d")
    np.testing.assert_array_equal(found["map_1"][3:], alone["map_1"])
